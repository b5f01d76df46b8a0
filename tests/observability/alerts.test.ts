/** The alert rules: what promtool says of them, their unit tests, and that each has a page that says what to do. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { alerts, root, rulesFile } from './asked-queries.ts'

const runbooks = join(root, 'docs/runbooks')
const tools = process.env['TEST_PROMETHEUS'] ?? ''
const whyNot = tools === '' ? ' (skipped: set TEST_PROMETHEUS to what scripts/prometheus.sh prints)' : ''

describe('the alert rules', () => {
  it.each(alerts)('should say of $alert how bad it is, what has happened and what to do', (rule) => {
    expect(['critical', 'warning', 'info']).toContain(rule.labels['severity'])
    expect(rule.annotations['summary']).toBeTruthy()
    expect(rule.annotations['description']).toBeTruthy()
    expect(rule.annotations['runbook']).toBe(`docs/runbooks/${rule.alert}.md`)
    expect(existsSync(join(runbooks, `${rule.alert}.md`))).toBe(true)
  })

  it('should have a page for nothing else', () => {
    const pages = readdirSync(runbooks).filter((page) => page !== 'README.md')

    expect(pages.toSorted()).toEqual(alerts.map(({ alert }) => `${alert}.md`).toSorted())
  })

  it('should each be tested for firing and for keeping quiet', () => {
    const file = readFileSync(join(import.meta.dirname, 'alerts.test.yaml'), 'utf8')
    const { tests }: { tests: ReadonlyArray<{ name: string }> } = parse(file)
    const wanted = alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} keeps quiet`])

    expect(tests.map(({ name }) => name).toSorted()).toEqual(wanted.toSorted())
  })

  it.skipIf(tools === '')(`should be what Prometheus takes${whyNot}`, () => {
    const { status, text } = promtool('check', 'rules', rulesFile)

    expect(status, text).toBe(0)
  })

  it.skipIf(tools === '')(`should fire on what they are for, and not otherwise${whyNot}`, () => {
    const { status, text } = promtool('test', 'rules', join(import.meta.dirname, 'alerts.test.yaml'))

    expect(status, text).toBe(0)
  })
})

function promtool(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(tools, 'promtool'), args, { encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}
