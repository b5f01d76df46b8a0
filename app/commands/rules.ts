import type { Command } from 'commander'
import type { DetectionRule } from '../../schemas/generated/records.ts'
import { misfitOf, type RuleName, ruleInForce, ruleNames } from '../../topologies/detection/rules.ts'
import type { Config } from '../config-schema.ts'
import {
  changedRule,
  readRules,
  resetRule,
  ruleNamed,
  type WrittenRule,
  writeRule,
} from '../detection-rules.ts'
import { exitCodes } from '../failure.ts'
import { detectionThresholds } from '../order-topologies.ts'
import { columns, out, tell, timeOf } from '../output.ts'
import { type Platform, withPlatform } from '../platform.ts'
import { expectPrepared, makesWhatIsMissing, prepareTopics } from '../prepare.ts'
import { addPlaceOptions, type CommandContext, type ConfigOptions, placeConfigOf } from './command-context.ts'

export function addRulesCommand(program: Command, context: CommandContext): void {
  const rules = program
    .command('rules')
    .summary('look at the rules of detection, and change them')
    .description(
      'The rules of detection are as they are configured until one is changed here. In a cluster a change holds at once, for all events that are ' +
        'judged after it. In single-node mode `start` must be stopped, since it has the data directory to itself; the change holds when it is ' +
        'started again.',
    )
  const list = rules
    .command('list')
    .description('Lists the rules as they are in force.')
    .option('--json', 'one JSON object a line')
  addPlaceOptions(list, 'registryUrl').action(async (options: ListOptions) => {
    await listRules(options)
    context.exitCode = exitCodes.done
  })
  const set = rules
    .command('set')
    .description('Changes a rule: its mode, or what it looks for. What is not named stays as it is.')
    .argument('<rule>', `one of ${ruleNames.join(', ')}`)
    .argument('<change...>', 'such as mode=shadow, max_orders=8, within_ms=120000, amount.EUR=900000')
  addPlaceOptions(set, 'registryUrl')
    .addHelpText(
      'after',
      `
Modes: enforced raises alerts, shadow only counts what would have been raised (topic order-anomaly-shadow), off does neither.

Examples:
  order-streams rules set burst max_orders=8 within_ms=120000
  order-streams rules set large-order amount=2000000 amount.EUR=1800000   in hundredths of the currency
  order-streams rules set repeat-purchase mode=shadow`,
    )
    .action(async (rule: string, changes: readonly string[], options: ConfigOptions) => {
      const name = ruleNamed(rule)
      await rewrite(name, options, (written, config) =>
        changedRule(name, written, detectionThresholds(config), changes),
      )
      context.exitCode = exitCodes.done
    })
  const reset = rules
    .command('reset')
    .description('Puts a rule back to what is configured, and enforces it.')
    .argument('<rule>', `one of ${ruleNames.join(', ')}`)
  addPlaceOptions(reset, 'registryUrl').action(async (rule: string, options: ConfigOptions) => {
    await rewrite(ruleNamed(rule), options, resetRule)
    context.exitCode = exitCodes.done
  })
}

interface ListOptions extends ConfigOptions {
  readonly json?: boolean
}

async function listRules(options: ListOptions): Promise<void> {
  const config = placeConfigOf(options)
  await withPlatform(config, { parts: ['registry'], mode: 'existing' }, async (platform) => {
    const registry = await platform.openRegistry({ registers: false })
    const written = await readRules(platform.log, registry)
    const shown = ruleNames.map((name) => shownRule(name, written.get(name), config))
    if (options.json === true) for (const rule of shown) out(JSON.stringify(rule))
    else
      out(columns([['RULE', 'VERSION', 'MODE', 'LOOKS FOR', 'CHANGED'], ...shown.map(cells)], [false, true]))
    for (const { rule, ignored } of shown) if (ignored !== null) tell(`rule ${rule}: ${ignored}`)
  })
}

function shownRule(rule: RuleName, written: WrittenRule | undefined, config: Config) {
  const { version, mode, ...thresholds } = ruleInForce(rule, written?.rule, detectionThresholds(config)[rule])
  const misfit = written === undefined ? null : misfitOf(rule, written.rule)
  return {
    rule,
    version,
    mode,
    ...thresholds,
    changed: written === undefined ? null : timeOf(written.writtenMs),
    ignored:
      misfit === null
        ? null
        : `version ${written?.rule.version} is ignored, for ${misfit.threshold} is "${misfit.value}" and must be ${misfit.wanted}; set it anew`,
  }
}

function cells({
  rule,
  version,
  mode,
  changed,
  ignored: _,
  ...thresholds
}: ReturnType<typeof shownRule>): string[] {
  const looksFor = Object.entries(thresholds).flatMap(([name, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([currency, amount]) => `amount.${currency}=${amount}`)
      : [`${name}=${value}`],
  )
  return [rule, String(version), mode.toLowerCase(), looksFor.join(' '), changed ?? 'as configured']
}

async function rewrite(
  name: RuleName,
  options: ConfigOptions,
  next: (written: DetectionRule | undefined, config: Config) => DetectionRule,
): Promise<void> {
  const config = placeConfigOf(options)
  await withPlatform(config, { parts: ['registry'], mode: 'existing' }, async (platform: Platform) => {
    const { log, clock } = platform
    const registry = await platform.openRegistry({ registers: makesWhatIsMissing(config) })
    const written = (await readRules(log, registry)).get(name)?.rule
    const rule = next(written, config)
    if (makesWhatIsMissing(config)) await prepareTopics(log, config, [])
    else await expectPrepared(platform, config, [])
    await writeRule(log, registry, name, rule, clock.now())
    const when = platform.isCluster ? 'from now on' : 'from the next start on'
    tell(`rule ${name} has version ${rule.version} ${when}`)
  })
}
