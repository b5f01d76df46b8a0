/** What `order-streams plan` has found, for people. */
import { type PlanItem, planExitCode, type TopologyPlan, type Verdict } from '../streams/index.ts'
import { columns } from './output.ts'

const summaries: Readonly<Record<0 | 3 | 4, string>> = {
  0: 'safe: nothing that is deployed is lost or left behind',
  3: 'look at it first: something takes time, needs a stop, is left behind or is gone',
  4: 'unsafe: do not start this release on what is deployed',
}

/** Where it is said what to do before such a release is started. */
const guides: Partial<Record<Verdict, string>> = {
  'stop-first':
    'on Kubernetes scale its StatefulSet to 0, then upgrade: docs/operations/upgrades.md, "A release of another shape"',
  lost: 'docs/operations/disasters.md; once that is decided, go on with --allow lost (in the chart: plan.allow)',
}

/** All parts, or those that do not just go on, with what is to be done about them; empty when there are none. */
export function planText(plans: readonly TopologyPlan[], isAll: boolean): string {
  const rows = plans.flatMap(({ topology, items }) =>
    items.filter((item) => isAll || item.verdict !== 'keep').map((item) => rowOf(topology, item)),
  )
  const remedies = plans.flatMap(({ items }) => items.filter(({ remedy }) => remedy !== null))
  return [
    ...(rows.length > 0
      ? [columns([['TOPOLOGY', 'PART', 'NAME', 'VERDICT', 'WHAT WILL HAPPEN'], ...rows], [])]
      : []),
    ...(remedies.length > 0 ? ['', 'What to do:', ...remedies.map(remedyLine)] : []),
  ].join('\n')
}

/** One line: how many parts of each verdict, and what that amounts to. */
export function planSummary(plans: readonly TopologyPlan[], allowed: readonly Verdict[]): string {
  const exitCode = planExitCode(plans, allowed)
  const isAllowed = exitCode !== planExitCode(plans)
  const summary = isAllowed
    ? `allowed: nothing to look at but what is let through (${allowed.join(', ')})`
    : summaries[exitCode]
  return `${countsText(plans)}; ${summary}`
}

function rowOf(topology: string, { kind, name, verdict, text }: PlanItem): string[] {
  return [topology, kind, name, verdict, text]
}

function remedyLine({ name, verdict, remedy }: PlanItem): string {
  const guide = guides[verdict]
  return `  ${name} (${verdict}): ${remedy}${guide === undefined ? '' : `; ${guide}`}`
}

function countsText(plans: readonly TopologyPlan[]): string {
  const counts = new Map<Verdict, number>()
  for (const { items } of plans) {
    for (const { verdict } of items) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  }
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
}
