import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  defineTopology,
  RecordBatchBuilder,
  requiredTopics,
  StreamsApp,
  StreamsError,
  silentLogger,
  type TaskObserver,
} from '../../streams/index.ts'
import { MemoryMetrics, MemoryRegistry, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { CallMeters } from '../server/call-meters.ts'
import { type MetricsPage, openMetricsPage } from './metrics.ts'
import { bothMetrics } from './prom-metrics.ts'

const words = jsonTopic<{ word: string }>('words')
const partitions = 4

const counting = () =>
  defineTopology('counting', (builder) => {
    builder
      .stream(words)
      .groupByKey()
      .count({ store: 'counts' })
      .toStream()
      .to(jsonTopic<number | null>('counted'))
  })

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Shown {
  readonly help: string
  readonly type: string
  readonly samples: readonly Sample[]
}

/** Prometheus' text format, as strictly as its own parser: @throws what is wrong. */
function parsed(text: string): Map<string, Shown> {
  const metrics = new Map<string, { help: string; type: string; samples: Sample[] }>()
  const seen = new Set<string>()
  let current = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, kind, name, rest] = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      expect(metrics.has(name!), `${name} comes twice`).toBe(false)
      metrics.set(name!, { help: rest!, type: '', samples: [] })
      current = name!
      continue
    }
    if (kind === 'TYPE') {
      expect(name).toBe(current)
      metrics.get(current)!.type = rest!
      continue
    }
    const [, sample, inner = '', value] = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    expect(sample, line).toMatch(new RegExp(`^${current}(_bucket|_sum|_count)?$`))
    expect(seen.has(`${sample}{${inner}}`), `${line} comes twice`).toBe(false)
    seen.add(`${sample}{${inner}}`)
    const labels = Object.fromEntries(
      [...inner.matchAll(/([a-z_]+)="((?:[^"\\\n]|\\.)*)"(?:,|$)/gy)].map(([, label, text]) => [label, text]),
    )
    metrics
      .get(current)!
      .samples.push({ name: sample!, labels, value: Number(value!.replace('Inf', 'Infinity')) })
  }
  return metrics
}

let log: EmbeddedLog
let apps: StreamsApp[]

beforeEach(async () => {
  apps = []
  log = await openEmbeddedLog({
    store: await new MemoryStoreProvider().open('log'),
    clock: systemClock,
    cleaningIntervalMs: null,
  })
  await log.createTopics(requiredTopics(counting(), new Map(), partitions))
})

afterEach(async () => {
  for (const app of apps) await app.stop()
  await log.close()
})

async function startInstance(id: string, observer: TaskObserver = {}) {
  const page = openMetricsPage('1.2.3')
  const memory = new MemoryMetrics()
  const app = new StreamsApp({
    topologies: [counting()],
    log,
    stores: new MemoryStoreProvider(),
    registry: new MemoryRegistry(),
    clock: systemClock,
    logger: silentLogger,
    metrics: bothMetrics(memory, page.metrics),
    settings: { commitIntervalMs: 10 },
    instanceId: id,
    observer,
  })
  apps.push(app)
  page.show({ streams: app, topologies: ['counting'], clock: systemClock })
  await app.start()
  return { page, memory, app }
}

async function write(partition: number, count: number): Promise<void> {
  const batch = new RecordBatchBuilder('words', partition)
  for (let record = 0; record < count; record++)
    batch.append(Buffer.from('"k"'), Buffer.from('{"word":"a"}'), 1_700_000_000_000)
  await log.append([batch.build()])
}

async function shownOf(page: MetricsPage): Promise<Map<string, Shown>> {
  return parsed(await page.text())
}

function valuesOf(shown: Map<string, Shown>, name: string): Record<string, number> {
  const samples = shown.get(name)?.samples ?? []
  return Object.fromEntries(samples.map(({ labels, value }) => [labels['task'] ?? '', value]))
}

describe('the metrics page', () => {
  it('should show what tasks have done and how they stand', async () => {
    const { page, app, memory } = await startInstance('a')
    await write(0, 10)
    await write(1, 5)
    await app.drained()
    const shown = await shownOf(page)
    expect(valuesOf(shown, 'streams_records_in_total')).toEqual({
      words_0: 10,
      words_1: 5,
      words_2: 0,
      words_3: 0,
    })
    expect(valuesOf(shown, 'streams_input_lag_records')).toEqual({
      words_0: 0,
      words_1: 0,
      words_2: 0,
      words_3: 0,
    })
    expect(valuesOf(shown, 'streams_records_out_total')['words_0']).toBeGreaterThan(0)
    expect(valuesOf(shown, 'streams_commit_bytes_total')['words_0']).toBeGreaterThan(0)
    expect(valuesOf(shown, 'streams_state_cache_bytes')['words_0']).toBeGreaterThan(0)
    expect(shown.get('streams_topology_running')?.samples).toMatchObject([
      { labels: { topology: 'counting' }, value: 1 },
    ])
    const running = shown.get('streams_tasks')?.samples.find(({ labels }) => labels['state'] === 'running')
    expect(running?.value).toBe(partitions)
    expect(shown.get('streams_build_info')?.samples[0]?.labels).toEqual({ version: '1.2.3' })
    expect(shown.get('nodejs_eventloop_lag_p99_seconds')?.samples).toHaveLength(1)
    // What commands read is counted as well.
    expect(memory.total('streams_records_in_total')).toBe(15)
  })

  it('should count commits by how long they took, in seconds', async () => {
    const { page, app } = await startInstance('a')
    await write(0, 3)
    await app.drained()
    const { samples } = (await shownOf(page)).get('streams_commit_duration_seconds')!
    const of = (name: string) =>
      samples.filter((sample) => sample.name.endsWith(name) && sample.labels['task'] === 'words_0')
    const buckets = of('_bucket').map(({ value }) => value)
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b))
    expect(buckets.at(-1)).toBe(of('_count')[0]!.value)
    expect(of('_count')[0]!.value).toBeGreaterThan(0)
    expect(of('_sum')[0]!.value).toBeLessThan(60)
  })

  it('should forget tasks that have gone to another instance, whatever they count', async () => {
    const first = await startInstance('a')
    await write(0, 1)
    await first.app.drained()
    expect(Object.keys(valuesOf(await shownOf(first.page), 'streams_records_in_total'))).toHaveLength(
      partitions,
    )
    const second = await startInstance('b')
    const tasksOf = async (page: MetricsPage) => {
      const shown = await shownOf(page)
      const named = [...shown.values()].flatMap(({ samples }) => samples.map(({ labels }) => labels['task']))
      return [...new Set(named)].filter((task) => task !== undefined).sort()
    }
    await waitFor('both have half', async () => {
      const [one, other] = [await tasksOf(first.page), await tasksOf(second.page)]
      return one.length === 2 && other.length === 2 && new Set([...one, ...other]).size === partitions
    })
    await second.app.stop()
    await waitFor('the first has all', async () => (await tasksOf(first.page)).length === partitions)
    expect(await tasksOf(second.page)).toEqual([])
  })

  it('should count what ended runs of tasks, and how often the group shared them out', async () => {
    let isBroken = true
    const { page, app } = await startInstance('a', {
      onCommitStep: (_task, step) => {
        if (!isBroken || step !== 'sent') return
        isBroken = false
        throw new StreamsError('LOG_UNAVAILABLE', 'placed by the test')
      },
    })
    await write(0, 1)
    await app.drained()
    const shown = await shownOf(page)
    expect(shown.get('streams_task_failures_total')?.samples).toMatchObject([
      { labels: { topology: 'counting', code: 'LOG_UNAVAILABLE' }, value: 1 },
    ])
    expect(shown.get('streams_rebalances_total')?.samples).toMatchObject([
      { labels: { topology: 'counting' }, value: 1 },
    ])
  })

  it('should show gauges as they stand when it is asked', async () => {
    const page = openMetricsPage('1.2.3')
    let streams = 2
    let parts: Record<string, number> = { caches: 5, base: 7 }
    page.gauge('open', 'Open.', () => streams)
    page.gauge('parts', 'Parts.', { label: 'part', read: () => parts })
    const values = async (name: string) =>
      (await shownOf(page)).get(name)?.samples.map(({ labels, value }) => [labels['part'] ?? '', value])
    expect(await values('open')).toEqual([['', 2]])
    expect(await values('parts')).toEqual([
      ['caches', 5],
      ['base', 7],
    ])
    streams = 0
    parts = { base: 9 }
    expect(await values('open')).toEqual([['', 0]])
    expect(await values('parts')).toEqual([['base', 9]])
  })

  it('should label with what does not grow with the data', async () => {
    const { page, app } = await startInstance('a')
    await write(0, 1)
    await app.drained()
    const names = new Set<string>()
    for (const [name, { samples }] of await shownOf(page)) {
      if (!name.startsWith('streams_')) continue
      for (const { labels } of samples) for (const label of Object.keys(labels)) names.add(label)
    }
    expect([...names].sort()).toEqual(['le', 'state', 'task', 'topology', 'version'])
  })

  it('should be as docs/metrics.md says', async () => {
    const { page, app } = await startInstance('a')
    // What is counted from the first one on, or by sinks.
    page.metrics.counter('streams_records_dropped_total', 'Records left out by an operator.', {})
    const failures = 'Errors that ended a run of a task, whether it was opened again or not.'
    page.metrics.counter('streams_task_failures_total', failures, {})
    const writes = 'How long the sink took to write the rows of a commit and to commit them.'
    page.metrics.histogram('streams_sink_write_duration_ms', writes, {})
    const path = '/orderstreams.control.v1.StageService/GetStage'
    new CallMeters(page.metrics).begin({ path, responseStream: false }, 0, () => 5)(undefined)
    page.gauge('streams_memory_budget_bytes', 'What the budget of memory is given to.', {
      label: 'part',
      read: () => ({ process: 1 }),
    })
    page.gauge('control_streams_open', 'Streams of control calls that are under way.', () => 0)
    await write(0, 1)
    await app.drained()
    const shown = [...(await shownOf(page))].map(([name, { type, help }]) => `${name} | ${type} | ${help}`)
    const text = readFileSync('docs/metrics.md', 'utf8')
    // The rows of the Order API are held against it there.
    const documented = [...text.matchAll(/^\| `([a-z0-9_]+)` \| (\w+) \| [^|]* \| (.+) \|$/gm)]
      .map(([, name, type, help]) => `${name} | ${type} | ${help}`)
      .filter((row) => !row.startsWith('order_api_'))
    expect(documented.sort()).toEqual(shown.sort())
  })

  it.skipIf(spawnSync('promtool', ['--version']).status !== 0)(
    'should be well-formed by promtool (skipped without it)',
    async () => {
      const { page, app } = await startInstance('a')
      await write(0, 1)
      await app.drained()
      const { status, stdout } = spawnSync('promtool', ['check', 'metrics'], { input: await page.text() })
      // 3 are remarks on the names, which for those of the process are not ours.
      const remarks = stdout
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('streams_'))
      expect([status === 0 || status === 3, remarks]).toEqual([true, []])
    },
  )
})
