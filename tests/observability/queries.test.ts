/**
 * What alerts and dashboards ask for is there: each metric, with its labels, is in docs/metrics.md, which another test holds against the page
 * of the running product.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { grafanaJson, releaseChoices } from '../../observability/dashboards/dashboard.ts'
import { dashboards } from '../../observability/dashboards/dashboards.ts'
import { asked, askedByAlerts, askedByPanels, partsOf, root } from './asked-queries.ts'

/** Prometheus adds them, or the histogram has them. */
const labelsOfAll = ['cluster', 'namespace', 'instance', 'job', 'le']
const metrics = metricsOfPage(readFileSync(join(root, 'docs/metrics.md'), 'utf8'))
// Of Prometheus itself: whether a page could be read.
metrics.set('up', [])

describe('alerts and dashboards', () => {
  it.each(asked)('should ask for what there is: $place', ({ expr }) => {
    const { selectors } = partsOf(expr)

    expect(selectors.length).toBeGreaterThan(0)
    for (const { metric, matchers } of selectors) {
      const known = metrics.get(metric) ?? metrics.get(metric.replace(/_(?:bucket|count|sum)$/, ''))
      expect(known, metric).toBeDefined()
      const labels = matchers.map(({ label }) => label)
      expect([...known!, ...labelsOfAll]).toEqual(expect.arrayContaining(labels))
    }
  })

  it('should have a panel for every metric of the streams, the control services and the Order API', () => {
    const shown = new Set(
      asked.flatMap(({ expr }) =>
        partsOf(expr).selectors.map(({ metric }) => metric.replace(/_(?:bucket|count|sum)$/, '')),
      ),
    )
    const own = [...metrics.keys()].filter(
      (name) => !name.startsWith('process_') && !name.startsWith('nodejs_'),
    )

    expect(own.filter((name) => !shown.has(name) && !namedElsewhere.has(name))).toEqual([])
  })
})

/** `delay` says it better. */
const namedElsewhere = new Set(['streams_watermark_timestamp_seconds'])

describe('releases that one Prometheus reads', () => {
  it.each(askedByPanels)('should be chosen from by every selector of $place', ({ expr, legend }) => {
    for (const { metric, matchers } of partsOf(expr).selectors)
      for (const choice of releaseChoices)
        expect(matchers, metric).toContainEqual({ label: choice, operator: '=~', value: `$${choice}` })
    if (legend !== '') expect(legend).toContain('{{namespace}}')
  })

  it.each([...askedByAlerts, ...askedByPanels.filter(({ legend }) => legend !== '')])(
    'should stay apart in what is grouped and joined by $place',
    ({ expr }) => {
      for (const [, labels] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g))
        expect(labels!.split(', ')).toEqual(expect.arrayContaining([...releaseChoices]))
      // Nothing is summed up over everything.
      expect(expr).not.toMatch(/\b(?:sum|min|max|avg|count|group)\s*\(/)
    },
  )
})

describe('the dashboards', () => {
  it.each(dashboards)('should lay $name out without overlaps, each panel with what to do', (dashboard) => {
    const taken = new Set<string>()
    for (const { gridPos } of grafanaJson(dashboard).panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x).toBeLessThan(24)
          expect(taken.has(`${x} ${y}`)).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
    }
    for (const { panels } of dashboard.rows) {
      for (const { description, expr } of panels.flatMap((panel) =>
        panel.queries.map(({ expr }) => ({ ...panel, expr })),
      )) {
        expect(description).toMatch(/\.$/)
        for (const choice of expr.match(/\$(?!__)\w+/g) ?? [])
          expect([...releaseChoices, ...dashboard.choices]).toContain(choice.slice(1))
      }
    }
  })

  it.each(dashboards)('should let all that there is be chosen on $name, and that by default', (dashboard) => {
    const { list } = grafanaJson(dashboard).templating
    const chosenBefore: string[] = []
    for (const variable of list) {
      if (variable.type !== 'query' || !('definition' in variable)) continue
      expect(variable).toMatchObject({ includeAll: true, multi: true, current: { value: '$__all' } })
      // Each is asked for within what is chosen before it; a label that may not be there is matched by nothing but `.*`.
      for (const [, used] of variable.definition.matchAll(/\$(\w+)/g)) expect(chosenBefore).toContain(used)
      if (['cluster', 'namespace'].includes(variable.name)) expect(variable).toMatchObject({ allValue: '.*' })
      chosenBefore.push(variable.name)
    }
    expect(chosenBefore.slice(0, 3)).toEqual([...releaseChoices])
  })

  it.each(dashboards)(
    'should name the lines, units and figures of $name so that Grafana shows them',
    (dashboard) => {
      for (const panel of grafanaJson(dashboard).panels) {
        if (!('targets' in panel)) continue
        expect(panel.fieldConfig.defaults.unit).toBeTruthy()
        expect(panel.title.length).toBeLessThan(50)
        for (const { legendFormat } of panel.targets) expect(legendFormat === '').toBe(panel.type === 'stat')
        // Of several queries in a panel none has the names of another.
        expect(new Set(panel.targets.map(({ legendFormat }) => legendFormat)).size).toBe(panel.targets.length)
      }
      const titles = dashboard.rows.flatMap(({ panels }) => panels.map(({ title }) => title))
      expect(new Set(titles).size).toBe(titles.length)
    },
  )

  it('should name runbooks that there are', () => {
    const pages = new Set(readdirSync(join(root, 'docs/runbooks')).map((page) => page.replace('.md', '')))
    const named = dashboards.flatMap(({ rows }) =>
      rows.flatMap(({ panels }) =>
        panels.flatMap(({ description }) =>
          [...description.matchAll(/[Rr]unbook (\w+)/g)].map(([, name]) => name!),
        ),
      ),
    )

    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !pages.has(name))).toEqual([])
  })
})

/** By metric its labels, from the tables of the page. */
function metricsOfPage(page: string): Map<string, string[]> {
  const rows = page.matchAll(/^\| `(\w+)` \| \w+ \| ([^|]*) \|/gm)
  return new Map(
    [...rows].map(([, name, labels]) => [name!, labels!.split(',').map((label) => label.trim())]),
  )
}
