/** What alerts and dashboards ask for, and what of metrics and labels is in a question of PromQL. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { dashboards } from '../../observability/dashboards/dashboards.ts'

export const root = join(import.meta.dirname, '../..')
export const rulesFile = join(root, 'helm/order-streams/rules/alerts.yaml')

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface Rules {
  readonly groups: ReadonlyArray<{ readonly rules: readonly AlertRule[] }>
}

const { groups }: Rules = parse(readFileSync(rulesFile, 'utf8'))
export const alerts: readonly AlertRule[] = groups.flatMap(({ rules }) => rules)

/** A question, and where it is asked. */
export interface Asked {
  readonly place: string
  readonly expr: string
  /** How a line of a panel is called; empty for alerts. */
  readonly legend: string
}

export const askedByAlerts: readonly Asked[] = alerts.map(({ alert, expr }) => ({
  place: `alert ${alert}`,
  expr,
  legend: '',
}))

export const askedByPanels: readonly Asked[] = dashboards.flatMap(({ name, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr, legend }) => ({ place: `${name}: ${title}`, expr, legend })),
    ),
  ),
)

export const asked: readonly Asked[] = [...askedByAlerts, ...askedByPanels]

export interface Matcher {
  readonly label: string
  readonly operator: string
  readonly value: string
}

export interface Selector {
  readonly metric: string
  readonly matchers: readonly Matcher[]
}

const tokens = /"(?:[^"\\]|\\.)*"|\d[\w.]*|\[[^\]]*\]|[a-zA-Z_]\w*|=~|!~|!=|[{}(),=]/g
const grouping = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
const operators = new Set(['and', 'or', 'unless', 'bool', 'offset'])

/** The selectors of a question, and the labels that it groups or joins by. Every name that is not part of the language is a metric. */
export function partsOf(expr: string): { selectors: Selector[]; groupedBy: string[] } {
  const words: readonly string[] = expr.match(tokens) ?? []
  const selectors: Selector[] = []
  const groupedBy: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (!/^[a-zA-Z_]/.test(word) || operators.has(word)) continue
    const next = words[at + 1]
    if (grouping.has(word)) {
      const end = words.indexOf(')', at)
      groupedBy.push(...words.slice(at + 2, end).filter((label) => label !== ','))
      at = end
    } else if (next === '{') {
      const end = words.indexOf('}', at)
      selectors.push({ metric: word, matchers: matchersOf(words.slice(at + 2, end)) })
      at = end
    } else if (next !== '(' && !grouping.has(next ?? '')) {
      selectors.push({ metric: word, matchers: [] })
    }
  }
  return { selectors, groupedBy }
}

/** Of `label = "value"` with commas between them. */
function matchersOf(words: readonly string[]): Matcher[] {
  const matchers: Matcher[] = []
  for (let at = 0; at < words.length; at += 4) {
    matchers.push({ label: words[at]!, operator: words[at + 1]!, value: words[at + 2]!.slice(1, -1) })
  }
  return matchers
}
