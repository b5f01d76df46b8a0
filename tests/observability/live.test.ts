/**
 * What alerts and dashboards ask for, asked of the running product: every metric, label and value is on its page, and a real Prometheus that
 * reads the page answers every panel. The commands of the runbooks run against it, too.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { status as grpcStatus } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { grafanaJson } from '../../observability/dashboards/dashboard.ts'
import { dashboards } from '../../observability/dashboards/dashboards.ts'
import { errorCatalogue } from '../../streams/errors.ts'
import { sampleOrder, writeBadFile } from '../support/order-files.ts'
import { type RunningProgram, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'
import { runHere } from '../support/run-ctl.ts'
import { waitFor } from '../support/waiting.ts'
import { alerts, asked, askedByPanels, type Matcher, partsOf, root } from './asked-queries.ts'
import { type Prometheus, type Series, startPrometheus } from './prometheus.ts'

const tools = process.env['TEST_PROMETHEUS'] ?? ''
const whyNot = tools === '' ? ' (skipped: set TEST_PROMETHEUS to what scripts/prometheus.sh prints)' : ''

/** Not on the page of a single node that is well, each for a reason. */
const notNow = new Map([
  ['streams_restore_done_records', 'only while state is restored'],
  ['streams_restore_target_records', 'only while state is restored'],
  ['streams_standby_lag_records', 'only in a cluster, with copies'],
  ['streams_task_failures_total', 'from the first failure on'],
])
/** Prometheus adds them. */
const addedLabels = ['cluster', 'namespace', 'instance', 'job']
/** Values that the code can give a label, whether they are on the page now or not. */
const possibleValues: Readonly<Record<string, readonly string[]>> = {
  code: [...Object.keys(grpcStatus), ...Object.keys(errorCatalogue), '500', '503'],
}

const page = new Map<string, Readonly<Record<string, string>>[]>()
let directory: ReturnType<typeof temporaryDirectory>
let program: RunningProgram
let prometheus: Prometheus | undefined
let sentOrders = 0

beforeAll(async () => {
  directory = temporaryDirectory()
  const input = join(directory.path, 'orders.ndjson')
  writeBadFile(input)
  const ports = ['--control-port', '0', '--http-port', '0', '--api-port', '0']
  program = startOrderStreams(
    ['start', '--input', input, '--set', 'memoryBudgetBytes=1500000000', ...ports],
    { workingDirectory: directory.path },
  )
  const said = await program.said('The Order API listens')
  const [, control] = /control server listens at ([\d.:]+\d)/.exec(said) ?? []
  const [, api, metrics] = /Order API listens at (\S+); metrics are at (\S+\/metrics)/.exec(said) ?? []
  vi.stubEnv('ORDER_STREAMS_CTL_ADDRESS', control)
  // Of what is counted from the first one on, Prometheus has to see the first one before it sees more.
  await work(api!)
  if (tools !== '') prometheus = await startPrometheus(tools, directory.path, new URL(metrics!).host)
  await work(api!)
  for (const [metric, labels] of seriesOf(await (await fetch(metrics!)).text()))
    page.set(metric, [...(page.get(metric) ?? []), labels])
}, 180_000)

afterAll(async () => {
  await prometheus?.stop()
  program?.kill('SIGTERM')
  await program?.ended
  directory.dispose()
  vi.unstubAllEnvs()
})

/** Orders of some minutes of event time, one that is years late, and calls that are answered and refused. */
async function work(api: string): Promise<void> {
  const orders = Array.from({ length: 200 }, () => {
    const time = new Date(Date.UTC(2017, 0, 2) + sentOrders * 60_000).toISOString()
    return sampleOrder(`live-${sentOrders++}`, { user_id: 'a', order_time: time })
  })
  const late = sampleOrder(`late-${sentOrders++}`, { user_id: 'a', order_time: '2010-01-01T00:00:00Z' })
  for (const batch of [orders, [late]]) {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(batch)
    expect((await fetch(`${api}/v1/orders`, { method: 'POST', headers, body })).status).toBe(202)
  }
  expect((await runHere('ctl', 'topologies', 'list')).code).toBe(0)
  expect((await runHere('ctl', 'topologies', 'show', 'nothing')).code).not.toBe(0)
}

describe('the page of the running product', () => {
  it.each(asked)('should have what is asked for by $place: $expr', ({ expr }) => {
    const { selectors, groupedBy } = partsOf(expr)
    const labels = new Set(addedLabels)
    let isWhole = true
    for (const { metric, matchers } of selectors.filter(({ metric }) => metric !== 'up')) {
      const series = page.get(metric)
      if (series === undefined) {
        expect(notNow.has(metric), `${metric} is not on the page`).toBe(true)
        isWhole = false
        continue
      }
      for (const label of series.flatMap((one) => Object.keys(one))) labels.add(label)
      for (const matcher of matchers) expectMatcher(matcher, metric, series)
    }
    expect(selectors.length).toBeGreaterThan(0)
    if (isWhole) for (const label of groupedBy) expect([...labels]).toContain(label)
  })

  it('should lack nothing that nobody asks for', () => {
    const names = new Set(asked.flatMap(({ expr }) => partsOf(expr).selectors.map(({ metric }) => metric)))
    expect([...notNow.keys()].filter((metric) => !names.has(metric))).toEqual([])
  })
})

/** The label is there, and each value that is named is one that the label has or can have. */
function expectMatcher(
  { label, operator, value }: Matcher,
  metric: string,
  series: readonly Readonly<Record<string, string>>[],
): void {
  if (addedLabels.includes(label)) return
  const values = series.map((labels) => labels[label]).filter((one) => one !== undefined)
  expect(values, `${metric} has no label ${label}`).not.toEqual([])
  if (value.startsWith('$')) return
  const known = [...values, ...(possibleValues[label] ?? [])]
  for (const choice of operator.endsWith('~') ? value.split('|') : [value]) {
    const pattern = operator.endsWith('~') ? new RegExp(`^(?:${choice})$`) : undefined
    const isKnown = known.some((one) => pattern?.test(one) ?? one === choice)
    expect(isKnown, `${label} of ${metric} is never ${choice}`).toBe(true)
  }
}

describe.skipIf(tools === '')(`Prometheus, reading it${whyNot}`, () => {
  it.each(askedByPanels)('should answer $place: $expr', async ({ expr, legend }) => {
    const ask = (namespace = '.*') => prometheus!.query(filledIn(expr, namespace))
    if (partsOf(expr).selectors.some(({ metric }) => notNow.has(metric))) {
      await ask()
      return
    }
    const series = await waitFor<readonly Series[]>('numbers', async () => {
      const answered = await ask()
      // It reads the page as two releases do, which it does not begin with at once.
      const namespaces = new Set(answered.map(({ metric }) => metric['namespace']))
      const isThere =
        legend === '' ? answered.length > 0 : namespaces.has('shop') && namespaces.has(undefined)
      return isThere && answered.some(({ value }) => Number.isFinite(value)) && answered
    })
    const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!)
    for (const label of labels.filter((label) => label !== 'namespace'))
      for (const { metric } of series) expect(Object.keys(metric)).toContain(label)
    if (legend === '') return
    // Each line is of one release, and a namespace that is chosen shows its own only.
    expect(new Set(series.map(({ metric }) => metric['namespace']))).toEqual(new Set([undefined, 'shop']))
    const chosen = await ask('shop')
    expect(chosen.length).toBeGreaterThan(0)
    expect(chosen.filter(({ metric }) => metric['namespace'] !== 'shop')).toEqual([])
    expect(await ask('elsewhere')).toEqual([])
  })

  it.each(dashboards)('should have values to choose from on $name', async (dashboard) => {
    for (const variable of grafanaJson(dashboard).templating.list) {
      if (variable.type !== 'query' || !('definition' in variable)) continue
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(variable.definition) ?? []
      const values = await prometheus!.labelValues(filledIn(selector), label)
      expect(values.length > 0, variable.definition).toBe(label !== 'cluster')
    }
  })

  it('should evaluate every alert, and none of those that wake somebody up fires while all is well', async () => {
    const rules = await waitFor('all rules are evaluated', async () => {
      const states = await prometheus!.rules()
      return states.every(({ health }) => health !== 'unknown') && states
    })
    expect(rules.map(({ name }) => name)).toEqual(alerts.map(({ alert }) => alert))
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
    const critical = new Set(
      alerts.filter(({ labels }) => labels['severity'] === 'critical').map(({ alert }) => alert),
    )
    expect(rules.filter(({ name, state }) => critical.has(name) && state === 'firing')).toEqual([])
  })
})

/** With everything chosen but for the namespace, over all that there was. */
function filledIn(expr: string, namespace = '.*'): string {
  return expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$namespace', namespace)
    .replaceAll(/\$(cluster|job|topology|task|instance)/g, '.*')
}

describe('the runbooks', () => {
  const folder = join(root, 'docs/runbooks')
  const commands = readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/^order-streams (.+)$/gm)].map(([, words]) => ({
      file,
      words: words!,
    })),
  )

  it.each(commands)('should name commands that run: $words ($file)', async ({ words }) => {
    // A terminal would show one frame after another.
    const once = words.startsWith('ctl top') && !words.startsWith('ctl topologies') ? ['--once'] : []
    const { code, stderr } = await runHere(...words.split(' '), ...once)
    expect(code, stderr).toBe(0)
  })
})

/** Names and labels of the series of a page. */
function seriesOf(text: string): [string, Record<string, string>][] {
  return [...text.matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)].map(([, name, labels]) => [
    name!,
    Object.fromEntries(
      [...(labels ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label!, value!]),
    ),
  ])
}
