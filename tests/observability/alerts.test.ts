/** The alert rules: what promtool says of them, their unit tests, and that each has a page that says what to do. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { alerts, root, rulesFile } from './asked-queries.ts'

const runbooks = join(root, 'docs/runbooks')
const tools = process.env['TEST_PROMETHEUS'] ?? ''
const whyNot = tools === '' ? ' (skipped: set TEST_PROMETHEUS to what scripts/prometheus.sh prints)' : ''

interface UnitTest {
  readonly name: string
  readonly interval: string
  readonly input_series: ReadonlyArray<{ readonly series: string; readonly values: string }>
  readonly promql_expr_test: ReadonlyArray<{ readonly expr: string; readonly eval_time: string }>
}
const unitTestFile = join(import.meta.dirname, 'alerts.test.yaml')
const { tests: unitTests }: { tests: readonly UnitTest[] } = parse(readFileSync(unitTestFile, 'utf8'))

describe('the alert rules', () => {
  it.each(alerts)('should say of $alert how bad it is, what has happened and what to do', (rule) => {
    expect(['critical', 'warning', 'info']).toContain(rule.labels['severity'])
    expect(rule.annotations['summary']).toBeTruthy()
    expect(rule.annotations['description']).toBeTruthy()
    expect(rule.annotations['runbook']).toBe(`docs/runbooks/${rule.alert}.md`)
    expect(existsSync(join(runbooks, `${rule.alert}.md`))).toBe(true)
  })

  it.each(alerts)('should have on the page of $alert what Prometheus is asked', ({ alert, expr }) => {
    const page = readFileSync(join(runbooks, `${alert}.md`), 'utf8')

    expect(page.split('```promql\n')[1]?.split('\n```')[0]).toBe(expr)
  })

  it('should have a page for nothing else', () => {
    const pages = readdirSync(runbooks).filter((page) => page !== 'README.md')

    expect(pages.toSorted()).toEqual(alerts.map(({ alert }) => `${alert}.md`).toSorted())
  })

  it('should each be tested for firing and for keeping quiet', () => {
    const wanted = alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} keeps quiet`])

    expect(unitTests.map(({ name }) => name).toSorted()).toEqual(wanted.toSorted())
  })

  it.skipIf(tools === '')(`should be what Prometheus takes${whyNot}`, () => {
    const { status, text } = promtool('check', 'rules', rulesFile)

    expect(status, text).toBe(0)
  })

  it.skipIf(tools === '')(`should fire on what they are for, and not otherwise${whyNot}`, () => {
    const { status, text } = promtool('test', 'rules', unitTestFile)

    expect(status, text).toBe(0)
  })
})

describe('releases that one Prometheus reads', () => {
  it.skipIf(tools === '').each(['cluster', 'namespace', 'job'])(
    `should not be mixed when they differ by %s: the one that is ill alerts, the one that is well does not${whyNot}`,
    (label) => {
      const tested = alerts.filter(({ alert }) => ownLabels[alert] !== label)
      const { status, text } = promtoolTest(tested.map(({ alert }) => sideBySide(alert, label)))

      expect(status, text).toBe(0)
    },
  )

  it.skipIf(tools === '')(`should be named in what is sent, where there is a namespace${whyNot}`, () => {
    const { input_series } = unitTests.find(({ name }) => name === 'TopologyNotRunning fires')!
    const { labels, annotations } = alerts.find(({ alert }) => alert === 'TopologyNotRunning')!
    const sent = (given: Readonly<Record<string, string>>, summary: string) => ({
      interval: '1m',
      input_series: withLabels(input_series, given),
      alert_rule_test: [
        {
          alertname: 'TopologyNotRunning',
          eval_time: '5m',
          exp_alerts: [
            {
              exp_labels: { ...labels, ...given, job: 'orders', topology: 'cleanse' },
              exp_annotations: {
                ...annotations,
                summary,
                description: 'No instance of cleanse runs it: its input waits.',
              },
            },
          ],
        },
      ],
    })

    const { status, text } = promtoolTest([
      sent({ namespace: 'shop' }, 'shop: cleanse runs nowhere'),
      sent({}, 'cleanse runs nowhere'),
    ])

    expect(status, text).toBe(0)
  })

  it.each(alerts)('should be named by $alert', ({ annotations }) => {
    expect(annotations['summary']).toMatch(/^\{\{ with \$labels\.namespace \}\}\{\{ \. \}\}: \{\{ end \}\}\S/)
  })
})

/** Of alerts whose unit tests give the label values of their own: one has two namespaces, the other tells jobs by their names. */
const ownLabels: Readonly<Record<string, string>> = { TopologyMissing: 'namespace', InstanceDown: 'job' }

/** What makes an alert fire in one release, and what keeps it quiet in another. */
function sideBySide(alert: string, label: string) {
  const fires = unitTests.find(({ name }) => name === `${alert} fires`)!
  const quiet = unitTests.find(({ name }) => name === `${alert} keeps quiet`)!
  const { eval_time } = fires.promql_expr_test[0]!
  const firing = `ALERTS{alertname="${alert}",alertstate="firing"`
  return {
    name: `${alert}, by ${label}`,
    interval: fires.interval,
    input_series: [
      ...withLabels(fires.input_series, { [label]: 'ill' }),
      ...withLabels(quiet.input_series, { [label]: 'well' }),
    ],
    promql_expr_test: [
      {
        expr: `count(${firing},${label}="ill"}) > bool 0`,
        eval_time,
        exp_samples: [{ labels: '{}', value: 1 }],
      },
      { expr: `${firing},${label}!="ill"}`, eval_time, exp_samples: [] },
    ],
  }
}

/** In place of those that a series has by these names. */
function withLabels(series: UnitTest['input_series'], labels: Readonly<Record<string, string>>) {
  const given = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return series.map(({ series, values }) => {
    const others = series.replaceAll(/(\w+)="[^"]*",?/g, (whole, label: string) =>
      label in labels ? '' : whole,
    )
    return {
      series: others.replace('{', `{${given.map((one) => `${one},`).join('')}`).replace(',}', '}'),
      values,
    }
  })
}

function promtoolTest(tests: readonly object[]) {
  const directory = mkdtempSync(join(tmpdir(), 'alert-tests-'))
  try {
    const file = join(directory, 'tests.yaml')
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ rule_files: [rulesFile], evaluation_interval: '1m', tests }))
    return promtool('test', 'rules', file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function promtool(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(tools, 'promtool'), args, { encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}
