import type { Command } from 'commander'
import { suggestion } from '../../control/did-you-mean.ts'
import {
  planExitCode,
  planTopology,
  readPlanFacts,
  type TopologyPlan,
  type Verdict,
  verdictsToLookAt,
} from '../../streams/index.ts'
import { UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { out, tell } from '../output.ts'
import { planSummary, planText } from '../plan-text.ts'
import { withPlatform } from '../platform.ts'
import { addPlaceOptions, type CommandContext, type ConfigOptions, placeConfigOf } from './command-context.ts'

interface PlanOptions extends ConfigOptions {
  readonly json?: boolean
  readonly all?: boolean
  readonly allow?: readonly Verdict[]
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
    .option(
      '--allow <verdicts>',
      `what counts as safe, with commas in between: some of ${verdictsToLookAt.join(', ')}`,
      verdictsOf,
    )
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

Exit codes: 0 keep, new and what --allow names only, 3 something else to look at first (restore, stop-first,
orphan, lost), 4 incompatible, 1 failed, 2 wrong usage or configuration.

Examples:
  order-streams plan                                     a stopped data directory
  order-streams plan statistics --brokers … --registry … --json    in a pipeline, before it is rolled out
  order-streams plan --brokers … --registry … --allow restore,orphan      ends with 0 where a rolling update may begin`,
    )
    .action(async (names: readonly string[], options: PlanOptions) => {
      const plans = await plansOf(names, options)
      const { allow = [] } = options
      const exitCode = planExitCode(plans, allow)
      if (options.json === true) out(JSON.stringify({ exitCode, topologies: plans }, null, 2))
      else {
        const text = planText(plans, options.all === true)
        if (text !== '') out(text)
        tell(planSummary(plans, allow))
      }
      context.exitCode = exitCode
    })
}

/** @throws UsageError */
function verdictsOf(text: string): Verdict[] {
  return text
    .split(',')
    .filter((name) => name !== '')
    .map((name) => {
      const verdict = verdictsToLookAt.find((known) => known === name)
      if (verdict !== undefined) return verdict
      throw new UsageError(`--allow: "${name}" cannot be allowed: ${suggestion(name, verdictsToLookAt)}`)
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
