/** The chart on a real cluster, from an empty namespace to an uninstall. Each test goes on where the last one ended. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openControlClient } from '../../control/client.ts'
import {
  GetRowRequest,
  StateServiceService,
} from '../../control/generated/orderstreams/control/v1/state_service.ts'
import { temporaryDirectory } from '../support/order-streams.ts'
import { waitFor } from '../support/waiting.ts'
import { clusterSettings, ctl, ending, output } from './cluster.ts'
import { OrderLoad } from './order-load.ts'
import { Release } from './release.ts'

const whyNot = clusterSettings === undefined ? ' (skipped: use `npm run test:cluster`)' : ''
const minutes = 60_000
const topologies = ['ingest', 'cleanse', 'statistics', 'detection']
const scenarios =
  'bursts=10,unpaid=10,paid-late=10,illegal=10,large=10,repeat-purchases=10,escalating=10,near-misses=10'
const shopOpens = '2025-01-01T08:00:00Z'
const dayAfter = '2025-01-02T08:00:00Z'
const patience = { deadlineMs: 4 * minutes, longestPauseMs: 500 }

describe.skipIf(clusterSettings === undefined)(
  `the chart on Kubernetes${whyNot}`,
  { timeout: 20 * minutes },
  () => {
    let release: Release
    let load: OrderLoad
    const pauses: Record<string, string> = {}
    const recordsRead = { fromVolume: 0, fromNothing: 0 }

    /** A fault under load; nothing is lost and nothing twice, and how long output stayed away is told in the end. */
    async function survives(what: string, fault: () => Promise<void>): Promise<void> {
      const measured = [...(await load.during(fault))]
      pauses[what] = measured.map(([topology, ms]) => `${topology} ${(ms / 1000).toFixed(1)} s`).join(', ')
      console.log(`${what}: without new rows ${pauses[what]}`)
    }

    beforeAll(async () => {
      release = new Release(clusterSettings!)
      load = new OrderLoad(release)
      await release.namespace.create()
    }, 5 * minutes)

    afterAll(() => console.log('longest time without new rows, worst partition:', pauses))

    it('should come up in an empty namespace under restricted Pod Security by one helm install', async () => {
      const { code, text } = await release.install()

      expect(code, text).toBe(0)
      expect(text).toContain(`port-forward svc/${release.name('control')}`)
      await load.bring(500)
    })

    it('should pass helm test', async () => {
      const { code, text } = await ending(
        'helm',
        '--namespace',
        release.namespace.name,
        'test',
        release.releaseName,
      )

      expect(code, text).toBe(0)
      expect(text).toMatch(/Phase:\s+Succeeded/)
    })

    it('should answer at the control service for every topology and for the row of any key', async () => {
      const client = openControlClient({ address: await release.controlAddress(), timeoutMs: 60_000 })
      try {
        const database = await release.openDatabase()
        const orders = await database.query('SELECT order_id FROM order_header ORDER BY order_id LIMIT 20')
        await database.close()
        for (const { order_id: key } of orders) {
          const request = GetRowRequest.fromPartial({
            topology: 'cleanse',
            store: 'order-memory',
            key: String(key),
          })
          const { row } = await client.call(StateServiceService.getRow, request)
          expect(row?.key).toBe(key)
        }
      } finally {
        client.close()
      }
      for (const { address } of await release.instances()) {
        const { code, text } = await ctl(`${address}:50051`, 'topologies', 'list')
        expect(code, text).toBe(0)
        for (const topology of topologies) expect(text).toContain(topology)
      }
    })

    it('should go on where it was when an instance is killed, with its state and its name', async () => {
      const [before] = await release.pods('cleanse')
      await survives('an instance gets kill -9', async () => {
        await release.kill(before!.name)
        await waitFor(
          'the container was started again',
          async () => (await release.pods('cleanse'))[0]!.restarts > 0,
          patience,
        )
        await release.ready('cleanse', 1)
      })
      const [after] = await release.pods('cleanse')
      expect(after!.uid).toBe(before!.uid)
      const log = await release.namespace.kubectl('logs', after!.name)
      expect(log).toContain(`"instanceId":"${after!.name}"`)
    })

    it('should keep its state on the volume when a pod is deleted by force', async () => {
      await survives('a pod is deleted by force', async () => {
        const [before] = await release.pods('statistics')
        await release.namespace.kubectl('delete', 'pod', before!.name, '--grace-period=0', '--force')
        const isNew = async () => (await release.pods('statistics')).some(({ uid }) => uid !== before!.uid)
        await waitFor('there is another pod', isNew, patience)
        await release.ready('statistics', 1)
      })
      recordsRead.fromVolume = await restoredRecords('statistics')
    })

    it('should have its state from the changelogs when the volume is lost', async () => {
      const [before] = await release.pods('statistics')
      await survives('a pod and its volume are deleted', async () => {
        const claim = `persistentvolumeclaim/state-${before!.name}`
        await release.namespace.kubectl('delete', claim, '--wait=false')
        await release.namespace.kubectl('delete', 'pod', before!.name, '--grace-period=0', '--force')
        const isNew = async () => (await release.pods('statistics')).some(({ uid }) => uid !== before!.uid)
        await waitFor('there is another pod', isNew, patience)
        await release.ready('statistics', 1)
      })
      recordsRead.fromNothing = await restoredRecords('statistics')
      console.log('changelog records read with the volume, and without:', recordsRead)
      expect(recordsRead.fromNothing).toBeGreaterThan(100)
      expect(recordsRead.fromVolume).toBeLessThan(recordsRead.fromNothing / 4)
    })

    it('should roll a changed setting out instance by instance', async () => {
      const before = await release.instances()
      await survives('an upgrade with a changed setting', async () => {
        const { code, text } = await release.upgrade('settings.commitIntervalMs=150')
        expect(code, text).toBe(0)
      })
      const uids = new Set(before.map(({ uid }) => uid))
      expect((await release.instances()).filter(({ uid }) => uids.has(uid))).toEqual([])
    })

    it('should refuse an upgrade that would not start on what is deployed, and go on with what runs', async () => {
      const before = await release.instances()
      const { code, text } = await release.upgrade(
        'topologies.statistics.settings.statisticsGraceMs=604800000',
      )

      expect(code).not.toBe(0)
      expect(text).toContain('pre-upgrade hooks failed')
      const log = await release.namespace.kubectl('logs', `job/${release.name('plan')}`)
      expect(log).toContain('incompatible')
      expect((await release.instances()).map(({ uid }) => uid)).toEqual(before.map(({ uid }) => uid))
      await load.bring(100)
      const mended = await release.upgrade('settings.commitIntervalMs=150')
      expect(mended.code, mended.text).toBe(0)
    })

    it('should take a changed topology, refuse one that could not go on, and go back', async (context) => {
      const { changedTags } = clusterSettings!
      if (changedTags === undefined) return context.skip('there are no images of changed topologies')
      const stores = async () =>
        (await ctl(await release.controlAddress(), 'state', 'stores', 'cleanse')).text
      const setting = 'settings.commitIntervalMs=150'
      const running = await release.instances()
      const mixed = await release.upgrade(setting, `image.tag=${changedTags.compatible}`)
      expect(mixed.code).not.toBe(0)
      expect(await release.namespace.kubectl('logs', `job/${release.name('plan')}`)).toMatch(
        /cleanse \(stop-first\): .*scale its StatefulSet to 0/,
      )
      expect((await release.instances()).map(({ uid }) => uid)).toEqual(running.map(({ uid }) => uid))
      await survives('an upgrade with a changed topology', async () => {
        await release.stop('cleanse')
        const { code, text } = await release.upgrade(setting, `image.tag=${changedTags.compatible}`)
        expect(code, text).toBe(0)
      })
      expect(await stores()).toContain('repeat-counter')

      const before = await release.instances()
      const refused = await release.upgrade(setting, `image.tag=${changedTags.incompatible}`)
      expect(refused.code).not.toBe(0)
      const log = await release.namespace.kubectl('logs', `job/${release.name('plan')}`)
      expect(log).toMatch(/incompatible[\s\S]*order-memory/)
      expect((await release.instances()).map(({ uid }) => uid)).toEqual(before.map(({ uid }) => uid))
      await load.bring(100)

      await survives('an upgrade that goes back', async () => {
        await release.stop('cleanse')
        const { code, text } = await release.upgrade(setting)
        expect(code, text).toBe(0)
      })
      expect(await stores()).not.toContain('repeat-counter')
    })

    it('should stay paused over a restart of its instances, and say so', async () => {
      const address = await release.controlAddress()
      const paused = await ctl(address, 'stages', 'pause', 'detection', '--reason', 'a look at it')
      expect(paused.code, paused.text).toBe(0)
      await release.namespace.kubectl('rollout', 'restart', `statefulset/${release.name('detection')}`)
      await release.namespace.kubectl(
        'rollout',
        'status',
        `statefulset/${release.name('detection')}`,
        '--timeout=5m',
      )

      const { text } = await ctl(address, 'stages', 'list', 'detection')
      expect(text.toLowerCase()).toContain('paused')
      expect(text).toContain('a look at it')
      const resumed = await ctl(address, 'stages', 'resume', 'detection')
      expect(resumed.code, resumed.text).toBe(0)
    })

    it('should share the work among more instances and fewer', async () => {
      await survives('1 instance of cleanse becomes 3', async () => {
        const { code, text } = await release.upgrade(
          'settings.commitIntervalMs=150',
          'topologies.cleanse.replicas=3',
        )
        expect(code, text).toBe(0)
        await release.ready('cleanse', 3)
      })
      await survives('3 instances of cleanse become 1', async () => {
        const { code, text } = await release.upgrade('settings.commitIntervalMs=150')
        expect(code, text).toBe(0)
        await release.ready('cleanse', 1)
      })
    })

    it('should roll pod by pod where there are two instances of each topology', async () => {
      const two = ['settings.commitIntervalMs=150', 'topologyDefaults.replicas=2']
      const grown = await release.upgrade(...two)
      expect(grown.code, grown.text).toBe(0)
      for (const topology of topologies) await release.ready(topology, 2)
      const before = new Set((await release.instances()).map(({ uid }) => uid))
      let fewestReady = 2
      await survives('an upgrade of two instances each', async () => {
        let isOver = false
        const watching = (async () => {
          while (!isOver) {
            const pods = await release.pods('cleanse')
            fewestReady = Math.min(fewestReady, pods.filter(({ isReady }) => isReady).length)
          }
        })()
        const { code, text } = await release.upgrade(...two, 'settings.commitIntervalMs=140')
        expect(code, text).toBe(0)
        isOver = true
        await watching
      })
      expect((await release.instances()).filter(({ uid }) => before.has(uid))).toEqual([])
      expect(fewestReady).toBe(1)
      const back = await release.upgrade('settings.commitIntervalMs=150')
      expect(back.code, back.text).toBe(0)
      for (const topology of topologies) await release.ready(topology, 1)
    })

    it('should be scaled by the autoscaler under load, up to the partitions and down again', async (context) => {
      const metrics = await ending('kubectl', 'top', 'pods', '--namespace', release.namespace.name)
      if (metrics.code !== 0) context.skip('the cluster serves no metrics of pods')
      const scaling = [
        'settings.commitIntervalMs=150',
        'topologies.ingest.autoscaling.kind=hpa',
        'topologies.ingest.autoscaling.minReplicas=1',
        'topologies.ingest.autoscaling.maxReplicas=2',
        'topologies.ingest.autoscaling.scaleUpStabilizationSeconds=0',
        'topologies.ingest.autoscaling.scaleDownStabilizationSeconds=0',
        'topologies.ingest.autoscaling.scaleDownPeriodSeconds=15',
      ]
      await survives('the autoscaler makes 2 instances of 1', async () => {
        const { code, text } = await release.upgrade(
          ...scaling,
          'topologies.ingest.autoscaling.targetCpuPercent=5',
        )
        expect(code, text).toBe(0)
        await release.ready('ingest', 2)
      })
      await survives('the autoscaler makes 1 instance of 2', async () => {
        const { code, text } = await release.upgrade(
          ...scaling,
          'topologies.ingest.autoscaling.targetCpuPercent=1000',
        )
        expect(code, text).toBe(0)
        await release.ready('ingest', 1)
      })
    })

    it('should not be restarted by Kubernetes while Kafka is away', async () => {
      const before = await restarts()
      await survives('Kafka gets kill -9', async () => {
        const [kafka] = await release.pods('kafka')
        await release.namespace.kubectl('delete', 'pod', kafka!.name, '--grace-period=0', '--force')
        await waitFor(
          'Kafka is another one',
          async () => (await release.pods('kafka')).some(({ uid, isReady }) => uid !== kafka!.uid && isReady),
          patience,
        )
      })
      expect(await restarts()).toEqual(before)
    })

    it('should say that it is not ready while Kafka stays away, and be ready by itself afterwards', async () => {
      const before = await restarts()
      const scaleKafka = (replicas: number) =>
        release.namespace.kubectl('scale', 'statefulset', release.name('kafka'), `--replicas=${replicas}`)
      await scaleKafka(0)
      try {
        const areNotReady = async () => (await release.instances()).every(({ isReady }) => !isReady)
        await waitFor('no instance is ready', areNotReady, patience)
      } finally {
        await scaleKafka(1)
      }
      for (const topology of topologies) await release.ready(topology, 1)
      expect(await restarts()).toEqual(before)
      await load.bring(100)
    })

    it('should leave a node that is drained, and come back', async () => {
      const { node } = (await release.instances())[0]!
      const budgets = await release.namespace.kubectl('get', 'poddisruptionbudgets', '--output', 'name')
      expect(budgets.trim().split('\n')).toHaveLength(5)
      try {
        await survives('the node of all instances is drained for a while', async () => {
          await output(
            'kubectl',
            'drain',
            node,
            '--pod-selector',
            `app.kubernetes.io/instance=${release.releaseName},order-streams/serves-control=true`,
            '--ignore-daemonsets',
            '--delete-emptydir-data',
            '--timeout=4m',
          )
          await output('kubectl', 'uncordon', node)
          for (const topology of topologies) await release.ready(topology, 1)
        })
      } finally {
        await output('kubectl', 'uncordon', node)
      }
    })

    it('should do its work under its network policies, which nobody else gets past', async (context) => {
      const { enforcePolicies: enforce, liftPolicies: lift } = clusterSettings!
      if (enforce !== undefined) await output('sh', '-c', enforce)
      try {
        const [kafka] = await release.pods('kafka')
        const [instance] = await release.instances()
        expect(await release.reach(instance!, kafka!, 9092)).toBe('open')
        const [api] = await release.pods('api')
        const toApi = await release.reach(instance!, api!, 8081)
        if (toApi === 'open' && enforce === undefined) context.skip('the cluster enforces no NetworkPolicies')
        expect(toApi).toBe('shut')
        const [mysql] = await release.pods('mysql')
        expect(await release.reach(api!, mysql!, 3306)).toBe('shut')
        await load.bring(200)
      } finally {
        if (lift !== undefined) await output('sh', '-c', lift)
      }
    })

    it('should raise every alert of a simulated shop once, though the instance is killed', async () => {
      const directory = temporaryDirectory()
      const truthFile = join(directory.path, 'truth.json')
      const send = async (...options: readonly string[]) => {
        const simulate = ['bin/order-streams.js', 'simulate', ...options, '--to', await release.apiUrl()]
        const { code, text } = await ending('node', ...simulate)
        expect(code, text).toBe(0)
      }
      // Years after all others, which would be late from here on.
      const asked = ['--orders', '1000', '--scenario', scenarios, '--truth', truthFile, '--start', shopOpens]
      await send('--seed', '5', '--late', '0.2', '--repeat', '0.1', ...asked)
      const [detection] = await release.pods('detection')
      await release.kill(detection!.name)
      await release.ready('detection', 1)
      // A day later: it lets time pass over all that was planned, and has nothing to find.
      await send('--seed', '6', '--orders', '600', '--start', dayAfter, '--scenario', 'bursts=0')

      const truth: { readonly alerts: ReadonlyArray<Readonly<Record<string, string>>> } = JSON.parse(
        readFileSync(truthFile, 'utf8'),
      )
      directory.dispose()
      const expected = truth.alerts
        .map(({ type, order_id, user_id }) => `${type} ${order_id} ${user_id}`)
        .sort()
      expect(expected.length).toBeGreaterThan(40)
      const database = await release.openDatabase()
      const raised = async () => {
        const rows = await database.query(
          `SELECT CONCAT_WS(' ', type, order_id, user_id) AS alert FROM order_anomalies WHERE event_time >= '${shopOpens.slice(0, 10)}'`,
        )
        return rows.map(({ alert }) => String(alert)).sort()
      }
      try {
        const areThere = async () => (await raised()).length >= expected.length
        await waitFor('the alerts are in the table', areThere, patience)
        expect(await raised()).toEqual(expected)
      } finally {
        await database.close()
      }
    })

    it('should leave nothing but what it says when it is uninstalled', async () => {
      await release.namespace.helm('uninstall', release.releaseName, '--wait')

      await waitFor(
        'all is gone',
        async () => (await release.namespace.contents()).length === 0,
        patience,
      ).catch(() => undefined)
      expect(await release.namespace.contents()).toEqual([])
    })

    /** What the instances that are there have read of changelogs. */
    async function restoredRecords(topology: string): Promise<number> {
      let records = 0
      for (const { name } of await release.pods(topology)) {
        const log = await release.namespace.kubectl('logs', name)
        for (const line of log.split('\n').filter((line) => line.includes('state restored from')))
          records += Number(JSON.parse(line).records)
      }
      return records
    }

    async function restarts(): Promise<Record<string, number>> {
      const pods = [...(await release.instances()), ...(await release.pods('api'))]
      return Object.fromEntries(pods.map(({ name, restarts }) => [name, restarts]))
    }
  },
)
