/** Each values file of the chart's matrix against a real API server: all is taken, and pods are admitted. What they need is not there, so none starts. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { waitFor } from '../support/waiting.ts'
import { clusterSettings, ending, Namespace } from './cluster.ts'

const whyNot = clusterSettings === undefined ? ' (skipped: use `npm run test:cluster`)' : ''
const chart = join(import.meta.dirname, '../../helm/order-streams')
const files = readdirSync(join(chart, 'ci')).filter((name) => name.endsWith('-values.yaml'))
const minutes = 60_000

describe.skipIf(clusterSettings === undefined)(
  `values of the chart on Kubernetes${whyNot}`,
  { timeout: 5 * minutes },
  () => {
    const namespace = new Namespace('order-streams-values')
    afterAll(() => namespace.remove(), 5 * minutes)

    it.for(files)('should be installed: %s', async (file, context) => {
      await namespace.create()
      // Volumes are not for pods that never start.
      const noVolume = ['--set', 'topologyDefaults.persistence.storageClass=none']
      const values = [
        'trial',
        chart,
        ...noVolume,
        '--namespace',
        namespace.name,
        '--values',
        join(chart, 'ci', file),
      ]
      // Hooks would wait for services that are nowhere.
      const installed = await ending('helm', 'install', ...values, '--no-hooks')
      if (installed.text.includes('ensure CRDs are installed')) {
        return context.skip(`the cluster lacks ${/kind "(\w+)"/.exec(installed.text)?.[1] ?? 'kinds'}`)
      }
      expect(installed.code, installed.text).toBe(0)
      await waitFor('there is a pod of each workload', async () => {
        const names = (await namespace.pods('app.kubernetes.io/instance=trial')).map(({ name }) => name)
        return (await workloads()).every((workload) => names.some((name) => name.startsWith(workload)))
      })
      const refusals = await namespace.kubectl(
        ...['get', 'events', '--field-selector', 'reason=FailedCreate', '--output', 'name'],
      )
      expect(refusals).toBe('')

      const apply = `kubectl --namespace ${namespace.name} apply --server-side --force-conflicts --dry-run=server`
      const all = await ending('sh', '-c', `helm template ${values.join(' ')} | ${apply} -f -`)
      expect(all.code, all.text).toBe(0)
      expect(all.text).not.toMatch(/Warning|violate/)
    })

    async function workloads(): Promise<string[]> {
      const names = await namespace.kubectl('get', 'statefulsets,deployments', '--output', 'name')
      return names.split('\n').flatMap((name) => name.split('/')[1] ?? [])
    }
  },
)
