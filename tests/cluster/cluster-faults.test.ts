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
// For a machine that does much else: no test judges a time.
const testLimitMs = 600_000

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
  async function withCluster(scenario: (cluster: Cluster) => Promise<void>): Promise<void> {
    const cluster = await Cluster.open({ services, network, directory: work.path })
    // A test that is out of time is given up without a word of where it was.
    const lateNotice = setTimeout(() => console.error(cluster.describe()), testLimitMs - 60_000)
    try {
      await scenario(cluster)
      expect(await cluster.finish()).toEqual([])
      pauses.push(...cluster.pauses)
    } catch (error) {
      console.error(cluster.describe())
      throw error
    } finally {
      clearTimeout(lateNotice)
      await cluster.close()
    }
  }

  /** Three instances that share the work and have caught up; on request the last one in the network that can be cut. */
  async function three(cluster: Cluster, last: 'on the host' | 'in the network' = 'on the host') {
    const [a, b] = [await cluster.start('a'), await cluster.start('b')]
    const c = await (last === 'on the host' ? cluster.start('c') : cluster.startInNetwork('c'))
    await cluster.isSharedBy(a, b, c)
    await cluster.hasCaughtUp()
    return { a, b, c }
  }

  it('should lose and repeat nothing when no fault happens', () =>
    withCluster(async (cluster) => {
      await three(cluster)
      await cluster.measure('none', async () => {
        for (let round = 0; round < 5; round++) await cluster.hasCaughtUp()
      })
    }))

  it('should lose and repeat nothing when an instance is killed and started again, at once or when others have its tasks', () =>
    withCluster(async (cluster) => {
      const { a, b, c } = await three(cluster)
      await cluster.measure('instance: SIGKILL, start at once', async () => {
        await b.end('SIGKILL')
        b.start()
      })
      await cluster.isSharedBy(a, b, c)
      await cluster.measure('instance: SIGKILL, start later', async () => {
        await b.end('SIGKILL')
        await cluster.isSharedBy(a, c)
        await cluster.hasCaughtUp()
        b.start()
        await cluster.isSharedBy(a, b, c)
      })
    }))

  it('should let an instance that was stopped in a transaction for longer than its session write nothing when it goes on', () =>
    withCluster(async (cluster) => {
      const { a, b, c } = await three(cluster)
      await cluster.measure('instance: SIGSTOP, SIGCONT', async () => {
        await cluster.stopInTransaction(b)
        await cluster.isSharedBy(a, c)
        await cluster.hasCaughtUp()
        b.signal('SIGCONT')
        await cluster.isSharedBy(a, b, c)
      })
    }))

  it('should lose and repeat nothing when one instance becomes three, and three become two', () =>
    withCluster(async (cluster) => {
      const a = await cluster.start('a')
      await cluster.isSharedBy(a)
      await cluster.hasCaughtUp()
      await cluster.measure('instances: 1, 3, 2', async () => {
        const [b, c] = [await cluster.start('b'), await cluster.start('c')]
        await cluster.isSharedBy(a, b, c)
        await cluster.hasCaughtUp()
        expect(await b.end('SIGTERM')).toEqual({ code: 0, signal: null })
        await cluster.isSharedBy(a, c)
      })
    }))

  it('should lose and repeat nothing when the broker is killed and started again', () =>
    withCluster(async (cluster) => {
      await three(cluster)
      await cluster.measure('broker: SIGKILL, start', () => cluster.restart(cluster.kafka))
    }))

  it('should lose and repeat nothing when the database is killed and started again', () =>
    withCluster(async (cluster) => {
      await three(cluster)
      await cluster.measure('MySQL: SIGKILL, start', () => cluster.restart(services.mysql))
    }))

  it('should go on while the registry is down, also with tasks that move, and take an instance in when it is back', () =>
    withCluster(async (cluster) => {
      const { a, b, c } = await three(cluster)
      await cluster.measure('registry: SIGKILL', () => services.registry.kill())
      await cluster.measure('instance: SIGKILL, no registry', async () => {
        await b.end('SIGKILL')
        await cluster.isSharedBy(a, c)
      })
      b.start()
      await cluster.hasCaughtUp()
      await services.registry.start()
      await cluster.isSharedBy(a, b, c)
      await cluster.hasCaughtUp()
    }))

  const skipNote = noNetwork === null ? '' : ` (skipped: ${noNetwork})`
  it.skipIf(noNetwork !== null)(
    `should lose and repeat nothing when the network to an instance is cut for 30 s${skipNote}`,
    () =>
      withCluster(async (cluster) => {
        const { a, b, c } = await three(cluster, 'in the network')
        await cluster.measure('network to an instance cut for 30 s', async () => {
          const cutLasts = delay(30_000)
          await network!.cut()
          await cluster.isSharedBy(a, b)
          await cluster.hasCaughtUp()
          await cutLasts
          await network!.restore()
          await cluster.isSharedBy(a, b, c)
        })
      }),
  )
})

function report(pauses: readonly PauseReport[]): void {
  if (pauses.length === 0) return
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(8)
  const lines = pauses.map(
    ({ fault, serviceDownMs, orderProcessed, orderEvent, statistics }) =>
      `${fault.padEnd(36)} ${serviceDownMs === null ? ''.padStart(8) : seconds(serviceDownMs)}    ${seconds(orderProcessed.worstPartitionMs)} ${seconds(orderProcessed.anyMs)}    ` +
      `${seconds(orderEvent.worstPartitionMs)} ${seconds(orderEvent.anyMs)}    ${seconds(statistics.anyMs)}`,
  )
  console.log(
    [
      `Longest time without a commit, sessions of ${sessionTimeoutMs / 1000} s`,
      `${''.padEnd(36)}  service     order-processed        table order_event   statistics`,
      `${'fault'.padEnd(36)}     down    partition     any    partition     any          any`,
      ...lines,
    ].join('\n'),
  )
  const path = process.env['TEST_CLUSTER_REPORT']
  if (path !== undefined) writeFileSync(path, `${JSON.stringify({ sessionTimeoutMs, pauses }, null, 2)}\n`)
}
