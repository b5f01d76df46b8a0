import type { Command } from 'commander'
import { describeConfig, shortVariables } from '../config.ts'
import { check, settingNames, textOf } from '../config-schema.ts'
import { exitCodes } from '../failure.ts'
import { memoryText, processMemory } from '../memory-budget.ts'
import { columns, out } from '../output.ts'
import {
  addApiOptions,
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  loadedConfigOf,
} from './command-context.ts'

interface PrintOptions extends ConfigOptions {
  readonly json?: boolean
}

export function addConfigCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('config')
    .summary('print every setting, its value, and where that came from')
    .description(
      'Prints the configuration that a command would have here and now, with the origin of each value.',
    )
    .option('--json', 'print it as JSON')
  addApiOptions(
    addPlaceOptions(
      command,
      'registryUrl',
      'databaseUrl',
      'stateDir',
      'controlPort',
      'httpPort',
      'healthPort',
    ),
  )
    .addHelpText(
      'after',
      `
A later source wins, setting by setting: defaults, a YAML file, the environment, flags. Every setting has one name:
  in the file           commitIntervalMs: 200              ./order-streams.yaml, or --config FILE, or ORDER_STREAMS_CONFIG
  in the environment    ORDER_STREAMS_COMMIT_INTERVAL_MS
                        for short: ${Object.keys(shortVariables).slice(0, 7).join(', ')} …
  as a flag             --set commitIntervalMs=200         (for short: --data-dir, --api-port, --log-level …)

Settings:
${settingList()}

docs/configuration.md says what each is for.`,
    )
    .action((options: PrintOptions) => {
      const loaded = loadedConfigOf(options)
      const settings = describeConfig(loaded)
      if (options.json === true) out(JSON.stringify(settings, null, 2))
      else {
        const rows = settings.map(({ setting, value, origin, purpose }) => [
          setting,
          String(value),
          origin,
          purpose,
        ])
        out(columns([['SETTING', 'VALUE', 'FROM', 'WHAT IT IS FOR'], ...rows], []))
        out(`\nMemory budget: ${memoryText(processMemory(loaded.config))}`)
      }
      context.exitCode = exitCodes.done
    })
}

function settingList(): string {
  const rows = settingNames.map((name) => [
    `  ${name}`,
    String(check(name, undefined)?.value),
    textOf(name).wanted,
  ])
  return columns([['  NAME', 'DEFAULT', 'MAY BE'], ...rows], [])
}
