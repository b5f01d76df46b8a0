import type { Command } from 'commander'
import { suggestion } from '../../control/did-you-mean.ts'
import {
  type PlanItem,
  planExitCode,
  planTopology,
  readPlanFacts,
  type TopologyPlan,
  type Verdict,
} from '../../streams/index.ts'
import { UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { columns, out, tell } from '../output.ts'
import { withPlatform } from '../platform.ts'
import { addPlaceOptions, type CommandContext, type ConfigOptions, placeConfigOf } from './command-context.ts'

interface PlanOptions extends ConfigOptions {
  readonly json?: boolean
  readonly all?: boolean
}

export function addPlanCommand(program: Command, context: CommandContext): void {
  const plan = program
    .command('plan')
    .summary('what starting this release would do to what is deployed')
    .description(
      'Compares the topologies of this release with what is deployed, and says what would become of each part. It changes nothing.',
    )
    .argument('[topology...]', `some of ${topologyNames.join(', ')} (default: all)`)
    .option('--all', 'also what is kept as it is')
    .option('--json', 'as JSON, with all parts')
  addPlaceOptions(plan, 'registryUrl')
    .addHelpText(
      'after',
      `
Verdicts:
  keep          goes on as it is
  new           is made, and takes nothing away
  restore       is rebuilt from its changelog, which takes time
  stop-first    all instances of the old release must be stopped before the new one starts
  orphan        is left behind, and nobody reads it any more
  lost          is gone; the release starts, and goes on without it
  incompatible  the release would not start, or would lose or misread state

Exit codes: 0 keep and new only, 3 something to look at first (restore, stop-first, orphan, lost),
4 incompatible, 1 failed, 2 wrong usage or configuration.

Examples:
  order-streams plan                                     a stopped data directory
  order-streams plan statistics --brokers … --registry … --json    in a pipeline, before it is rolled out`,
    )
    .action(async (names: readonly string[], options: PlanOptions) => {
      const plans = await plansOf(names, options)
      if (options.json === true)
        out(JSON.stringify({ exitCode: planExitCode(plans), topologies: plans }, null, 2))
      else show(plans, options.all === true)
      context.exitCode = planExitCode(plans)
    })
}

async function plansOf(names: readonly string[], options: PlanOptions): Promise<TopologyPlan[]> {
  for (const name of names) {
    if (!topologyNames.includes(name))
      throw new UsageError(`there is no topology "${name}": ${suggestion(name, topologyNames)}`)
  }
  const config = placeConfigOf(options)
  const known = orderTopologies(topologyNames, config)
  const chosen = known.filter(({ name }) => names.length === 0 || names.includes(name))
  return withPlatform(
    config,
    { parts: ['registry'], mode: 'existing' },
    async ({ log, clock, ...platform }) => {
      const registry = await platform.openRegistry({ registers: false })
      const plans: TopologyPlan[] = []
      for (const topology of chosen) {
        const facts = await readPlanFacts(
          { log, clock, registry },
          topology,
          known,
          config.partitions,
          config.processingGuarantee,
        )
        plans.push(planTopology(facts))
      }
      return plans
    },
  )
}

const summaries: Readonly<Record<0 | 3 | 4, string>> = {
  0: 'safe: nothing that is deployed is lost or left behind',
  3: 'look at it first: something takes time, needs a stop, is left behind or is gone',
  4: 'unsafe: do not start this release on what is deployed',
}

function show(plans: readonly TopologyPlan[], isAll: boolean): void {
  const rows = plans.flatMap(({ topology, items }) =>
    items.filter((item) => isAll || item.verdict !== 'keep').map((item) => rowOf(topology, item)),
  )
  if (rows.length > 0)
    out(columns([['TOPOLOGY', 'PART', 'NAME', 'VERDICT', 'WHAT WILL HAPPEN'], ...rows], []))
  const remedies = plans.flatMap(({ items }) => items.filter(({ remedy }) => remedy !== null))
  if (remedies.length > 0) out(['', 'What to do:', ...remedies.map(remedyLine)].join('\n'))
  tell(`${countsText(plans)}; ${summaries[planExitCode(plans)]}`)
}

function rowOf(topology: string, { kind, name, verdict, text }: PlanItem): string[] {
  return [topology, kind, name, verdict, text]
}

function remedyLine({ name, verdict, remedy }: PlanItem): string {
  return `  ${name} (${verdict}): ${remedy}`
}

function countsText(plans: readonly TopologyPlan[]): string {
  const counts = new Map<Verdict, number>()
  for (const { items } of plans) {
    for (const { verdict } of items) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  }
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
}
