/**
 * Three instances of the product on real services, under a steady load, and one fault in each test. After it, what is in Kafka
 * (read committed) and in MySQL must be exactly what a reckoning of the events says: nothing lost, nothing twice.
 *
 * No test judges a time. How long each fault kept output from coming is printed at the end, and written to the file that
 * TEST_CLUSTER_REPORT names.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cluster, type PauseReport, sessionTimeoutMs } from './cluster.ts'
import { openWorkDirectory, type WorkDirectory } from './janitor.ts'
import { type Network, openNetwork, whyNoNetwork } from './network.ts'
import { type Services, startServices } from './services.ts'

const commands = process.env['TEST_SERVICES'] ?? ''
const noNetwork = whyNoNetwork()
const testLimitMs = 300_000

const title =
  commands === ''
    ? 'a cluster (skipped: set TEST_SERVICES to the folder with the commands kafka, registry and mysql)'
    : 'a cluster'

describe.skipIf(commands === '')(title, { timeout: testLimitMs }, () => {
  const pauses: PauseReport[] = []
  let work: WorkDirectory
  let network: Network | null
  let services: Services

  beforeAll(async () => {
    work = openWorkDirectory()
    network = noNetwork === null ? await openNetwork(work.namespace) : null
    const networkAddress = network?.hostAddress ?? null
    services = await startServices({ commands, directory: work.path, networkAddress })
  }, testLimitMs)

  afterAll(async () => {
    report(pauses)
    await work.dispose()
  }, testLimitMs)

  /** Opens a cluster for one test, and sees to it that everything came out right. */
  async function withCluster(scenario: (cluster: Cluster) => Promise<PauseReport>): Promise<void> {
    const cluster = await Cluster.open({ services, network, directory: work.path })
    try {
      const pause = await scenario(cluster)
      expect(await cluster.finish()).toEqual([])
      pauses.push(pause)
    } catch (error) {
      console.error(cluster.describe())
      throw error
    } finally {
      await cluster.close()
    }
  }

  /** Three instances that share the work and have caught up. */
  async function three(cluster: Cluster) {
    const [a, b, c] = cluster.start('a', 'b', 'c')
    await cluster.isSharedBy(a!, b!, c!)
    await cluster.hasCaughtUp()
    return { a: a!, b: b!, c: c! }
  }

  it('should lose and repeat nothing when no fault happens', () =>
    withCluster(async (cluster) => {
      await three(cluster)
      const measured = cluster.measure('none')
      await cluster.hasCaughtUp()
      await delay(3000)
      await cluster.hasCaughtUp()
      return measured()
    }))

  it('should lose and repeat nothing when an instance is killed and started again', () =>
    withCluster(async (cluster) => {
      const { a, b, c } = await three(cluster)
      const measured = cluster.measure('instance: SIGKILL, start')
      await b.end('SIGKILL')
      await cluster.isSharedBy(a, c)
      await cluster.hasCaughtUp()
      b.start()
      await cluster.isSharedBy(a, b, c)
      await cluster.hasCaughtUp()
      return measured()
    }))

  it('should let an instance that was stopped for longer than its session write nothing when it goes on', () =>
    withCluster(async (cluster) => {
      const { a, b, c } = await three(cluster)
      const measured = cluster.measure('instance: SIGSTOP, SIGCONT')
      b.signal('SIGSTOP')
      await cluster.isSharedBy(a, c)
      await cluster.hasCaughtUp()
      b.signal('SIGCONT')
      await cluster.isSharedBy(a, b, c)
      await cluster.hasCaughtUp()
      return measured()
    }))

  it('should lose and repeat nothing when one instance becomes three, and three become two', () =>
    withCluster(async (cluster) => {
      const [a] = cluster.start('a')
      await cluster.isSharedBy(a!)
      await cluster.hasCaughtUp()
      const measured = cluster.measure('instances: 1, 3, 2')
      const [b, c] = cluster.start('b', 'c')
      await cluster.isSharedBy(a!, b!, c!)
      await cluster.hasCaughtUp()
      expect(await b!.end('SIGTERM')).toEqual({ code: 0, signal: null })
      await cluster.isSharedBy(a!, c!)
      await cluster.hasCaughtUp()
      return measured()
    }))

  it('should lose and repeat nothing when the broker is killed and started again', () =>
    withCluster(async (cluster) => {
      await three(cluster)
      const measured = cluster.measure('broker: SIGKILL, start')
      await cluster.kafka.kill()
      await cluster.kafka.start()
      await cluster.hasCaughtUp()
      return measured()
    }))

  it('should lose and repeat nothing when the database is killed and started again', () =>
    withCluster(async (cluster) => {
      await three(cluster)
      const measured = cluster.measure('MySQL: SIGKILL, start')
      await services.mysql.kill()
      await services.mysql.start()
      await cluster.hasCaughtUp()
      return measured()
    }))

  it('should go on while the registry is down, also with tasks that move, and take an instance in when it is back', () =>
    withCluster(async (cluster) => {
      const { a, b, c } = await three(cluster)
      const measured = cluster.measure('registry down, an instance killed')
      await services.registry.kill()
      await cluster.hasCaughtUp()
      await b.end('SIGKILL')
      await cluster.isSharedBy(a, c)
      await cluster.hasCaughtUp()
      b.start()
      await cluster.hasCaughtUp()
      await services.registry.start()
      await cluster.isSharedBy(a, b, c)
      await cluster.hasCaughtUp()
      return measured()
    }))

  const cutTitle = 'should lose and repeat nothing when the network to one instance is cut for 30 s'
  it.skipIf(noNetwork !== null)(noNetwork === null ? cutTitle : `${cutTitle} (skipped: ${noNetwork})`, () =>
    withCluster(async (cluster) => {
      const [a, b] = cluster.start('a', 'b')
      const c = cluster.startInNetwork('c')
      await cluster.isSharedBy(a!, b!, c)
      await cluster.hasCaughtUp()
      const measured = cluster.measure('network to an instance cut for 30 s')
      const cutLasts = delay(30_000)
      await network!.cut()
      await cluster.isSharedBy(a!, b!)
      await cluster.hasCaughtUp()
      await cutLasts
      await network!.restore()
      await cluster.isSharedBy(a!, b!, c)
      await cluster.hasCaughtUp()
      return measured()
    }),
  )
})

function report(pauses: readonly PauseReport[]): void {
  if (pauses.length === 0) return
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(8)
  const lines = pauses.map(
    ({ fault, orderProcessed, orderEvent }) =>
      `${fault.padEnd(40)} ${seconds(orderProcessed.worstPartitionMs)} ${seconds(orderProcessed.anyMs)}    ` +
      `${seconds(orderEvent.worstPartitionMs)} ${seconds(orderEvent.anyMs)}`,
  )
  console.log(
    [
      `Longest time without a commit, sessions of ${sessionTimeoutMs / 1000} s`,
      `${''.padEnd(40)}   order-processed        table order_event`,
      `${'fault'.padEnd(40)} partition     any    partition     any`,
      ...lines,
    ].join('\n'),
  )
  const path = process.env['TEST_CLUSTER_REPORT']
  if (path !== undefined) writeFileSync(path, `${JSON.stringify({ sessionTimeoutMs, pauses }, null, 2)}\n`)
}
