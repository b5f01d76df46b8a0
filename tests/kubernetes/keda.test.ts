/**
 * Lag brings instances and takes them away again, on a real cluster that has KEDA. Its operator logs in to brokers that ask for client
 * certificates and SCRAM. Each test goes on where the last one ended.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasOpenssl, TestAuthority } from '../support/certificates.ts'
import { waitFor } from '../support/waiting.ts'
import { clusterSettings, ctl } from './cluster.ts'
import { EncryptedRelease } from './encrypted-services.ts'
import { OrderLoad } from './order-load.ts'

const whyNot =
  clusterSettings === undefined
    ? ' (skipped: use `npm run test:cluster`)'
    : !hasKeda()
      ? ' (skipped: the cluster has no KEDA)'
      : hasOpenssl
        ? ''
        : ' (skipped: no openssl)'
const minutes = 60_000
const partitions = 3
const lagThreshold = 100
const scaling = [
  `kafka.partitions=${partitions}`,
  'topologies.cleanse.autoscaling.kind=keda',
  'topologies.cleanse.autoscaling.minReplicas=1',
  `topologies.cleanse.autoscaling.lagThreshold=${lagThreshold}`,
  'topologies.cleanse.autoscaling.pollingIntervalSeconds=5',
  'topologies.cleanse.autoscaling.scaleUpStabilizationSeconds=0',
  'topologies.cleanse.autoscaling.scaleDownStabilizationSeconds=15',
  'topologies.cleanse.autoscaling.scaleDownPeriodSeconds=15',
]

describe.skipIf(whyNot !== '')(`the chart scaled by KEDA${whyNot}`, { timeout: 15 * minutes }, () => {
  let release: EncryptedRelease
  let directory: string
  let load: OrderLoad

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-keda-'))
    const authority = new TestAuthority(directory, 'authority')
    release = new EncryptedRelease(clusterSettings!, 'order-streams-keda', authority, directory)
    await release.namespace.create()
    const login = { username: { text: 'orders' }, password: { text: 'wonder-4-land' } }
    await release.startServices(login, 'tea-5-party')
    await release.putClientCertificate('client')
    load = new OrderLoad(release)
  }, 10 * minutes)

  afterAll(async () => {
    await release?.namespace.remove()
    if (directory !== undefined) rmSync(directory, { recursive: true })
  }, 5 * minutes)

  it('should have its objects taken up by KEDA, and stay at the least without lag', async () => {
    const { code, text } = await release.install(...release.values, ...scaling)
    expect(code, text).toBe(0)
    await waitFor('KEDA is ready to scale', async () => (await condition('Ready')) === 'True', {
      deadlineMs: 2 * minutes,
      longestPauseMs: 500,
    })
    await load.bring(100)
    expect(await replicas()).toBe('1')
  })

  it('should have an instance for each partition when there is lag for more', async () => {
    await control('pause', '--reason', 'lag is wanted')
    const beganMs = performance.now()
    await load.give(2 * partitions * lagThreshold)
    await release.ready('cleanse', partitions)
    tell(`${partitions} instances of 1, after the first record`, beganMs)
    expect(await condition('Active')).toBe('True')
  })

  it('should leave their number to KEDA in an upgrade', async () => {
    const seen = new Set<string>()
    const upgrading = release.upgrade(...release.values, ...scaling, 'settings.commitIntervalMs=150')
    let isOver = false
    const over = upgrading.finally(() => {
      isOver = true
    })
    while (!isOver) seen.add(await replicas())
    const { code, text } = await over
    expect(code, text).toBe(0)
    expect([...seen]).toEqual([`${partitions}`])
  })

  it('should go back to the least when the lag is gone, with nothing lost and nothing twice', async () => {
    const beganMs = performance.now()
    await control('resume')
    await load.settle()
    tell('all rows in the tables, after the resumption', beganMs)
    await release.ready('cleanse', 1)
    tell(`1 instance of ${partitions}, after the resumption`, beganMs)
    await load.bring(200)
  })

  it('should stop all instances where its object is paused at 0, over an upgrade, and bring them back', async () => {
    await annotate('autoscaling.keda.sh/paused-replicas=0')
    await release.ready('cleanse', 0)
    const { code, text } = await release.upgrade(...release.values, ...scaling)
    expect(code, text).toBe(0)
    expect(await replicas()).toBe('0')
    const beganMs = performance.now()
    await annotate('autoscaling.keda.sh/paused-replicas-')
    await release.ready('cleanse', 1)
    tell('1 instance of 0, after the pause', beganMs)
    await load.bring(200)
  })

  /** The ScaledObject. */
  async function annotate(change: string): Promise<void> {
    await release.namespace.kubectl('annotate', 'scaledobject', release.name('cleanse'), change)
  }

  async function control(verb: 'pause' | 'resume', ...options: readonly string[]): Promise<void> {
    const address = await release.controlAddress()
    const { code, text } = await ctl(address, 'stages', verb, 'cleanse', ...options)
    expect(code, text).toBe(0)
  }

  /** Of the ScaledObject. */
  function condition(type: string): Promise<string> {
    const path = `jsonpath={.status.conditions[?(@.type=="${type}")].status}`
    return release.namespace.kubectl('get', 'scaledobject', release.name('cleanse'), '--output', path)
  }

  /** That cleanse should have. */
  function replicas(): Promise<string> {
    const path = 'jsonpath={.spec.replicas}'
    return release.namespace.kubectl('get', 'statefulset', release.name('cleanse'), '--output', path)
  }
})

function tell(what: string, beganMs: number): void {
  console.log(`${what}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
}

/** Whether it serves metrics to autoscalers; its kinds alone scale nothing. */
function hasKeda(): boolean {
  const path = 'jsonpath={.spec.service.name} {.status.conditions[?(@.type=="Available")].status}'
  const service = ['apiservices', 'v1beta1.external.metrics.k8s.io', '--ignore-not-found', '--output', path]
  return /keda.* True$/.test(execFileSync('kubectl', ['get', ...service], { encoding: 'utf8' }))
}
