/**
 * What alerts and dashboards ask for is there: each metric, with its labels, is in docs/metrics.md, which another test holds against the page
 * of the running product.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { grafanaJson } from '../../observability/dashboards/dashboard.ts'
import { dashboards } from '../../observability/dashboards/dashboards.ts'
import { asked, partsOf, root } from './asked-queries.ts'

/** Prometheus adds them, or the histogram has them. */
const labelsOfAll = ['namespace', 'instance', 'job', 'le']
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
          expect(dashboard.choices).toContain(choice.slice(1))
      }
    }
  })

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
