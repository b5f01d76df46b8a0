/** What commands share: the options that lead to the configuration, and the exit code. */
import { type Command, Option } from 'commander'
import { type FlagValue, type LoadedConfig, loadConfig, settingFlags } from '../config.ts'
import type { Config, SettingName } from '../config-schema.ts'
import { UsageError } from '../failure.ts'
import { tell } from '../output.ts'

export interface CommandContext {
  /** Of the process, once the command is done. */
  exitCode: number
}

export interface ConfigOptions {
  readonly config?: string
  readonly logLevel?: string
  readonly logFormat?: string
  readonly set?: readonly string[]
  readonly dataDir?: string
  /** Only of commands that also work in cluster mode. */
  readonly brokers?: string
  readonly registry?: string
  readonly database?: string
  readonly stateDir?: string
  readonly controlPort?: string
  readonly httpPort?: string
  readonly healthPort?: string
  /** Only of commands that serve the Order API. */
  readonly apiPort?: string
  readonly apiHost?: string
}

export function addConfigOptions(command: Command): Command {
  return command
    .addOption(new Option('--data-dir <dir>', 'where everything is kept (default: ./data)'))
    .addOption(
      new Option('--config <file>', 'a YAML file of settings (default: ./order-streams.yaml, if there)'),
    )
    .addOption(
      new Option(
        '--set <name=value>',
        'any setting, repeatable; `order-streams config` lists them',
      ).argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]),
    )
    .addOption(new Option('--log-level <level>', 'debug, info, warn, error or silent (default: info)'))
    .addOption(new Option('--log-format <format>', 'text or json (default: text)'))
}

const clusterOptions = {
  brokers: ['--brokers <list>', 'cluster mode: brokers of Kafka as host:port, with commas in between'],
  registryUrl: ['--registry <url>', 'the schema registry'],
  databaseUrl: ['--database <url>', 'mysql://user:password@host:port/database'],
  stateDir: ['--state-dir <dir>', 'where this instance keeps its state (default: ./state)'],
  controlPort: [
    '--control-port <port>',
    'where the control services are served over gRPC, 0 for any that is free (default: 50051)',
  ],
  httpPort: ['--http-port <port>', 'where /livez, /readyz and /metrics are served (default: 8080)'],
  healthPort: ['--health-port <port>', 'an older name of --http-port'],
} as const

/** For commands that work on a data directory or, with brokers, in a cluster. */
export function addPlaceOptions(
  command: Command,
  ...more: readonly Exclude<keyof typeof clusterOptions, 'brokers'>[]
): Command {
  for (const name of ['brokers', ...more] as const) {
    const [flag, description] = clusterOptions[name]
    command.option(flag, description)
  }
  return addConfigOptions(command)
}

/** For commands that are long-lived on a data directory. */
export function addServerOptions(command: Command): Command {
  for (const [flag, description] of [clusterOptions.controlPort, clusterOptions.httpPort])
    command.option(flag, description)
  return command
}

/** For commands that read the tables only. */
export function addDatabaseOption(command: Command): Command {
  const [flag, description] = clusterOptions.databaseUrl
  return command.option(flag, `cluster mode: ${description}`)
}

export function addApiOptions(command: Command): Command {
  return command
    .option('--api-port <port>', 'where the Order API listens (default: 8081)')
    .option('--api-host <host>', 'the address that it listens on (default: 127.0.0.1)')
}

export function loadedConfigOf(options: ConfigOptions): LoadedConfig {
  const flags: FlagValue[] = (options.set ?? []).map((text) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined) {
      throw new UsageError(
        `--set ${/^\w*/.exec(text)}: write the name of a setting, =, and its value: --set commitIntervalMs=200`,
      )
    }
    return { flag: '--set', name, value }
  })
  const given = new Map<string, unknown>(Object.entries(options))
  for (const [name, flag] of Object.entries(settingFlags)) {
    const value = given.get(new Option(flag).attributeName())
    if (typeof value === 'string') flags.push({ flag, name, value })
  }
  return loadConfig({
    file: options.config,
    environment: process.env,
    flags,
    workingDirectory: process.cwd(),
  })
}

/** For commands that take no place: they only look at settings. */
export function configOf(options: ConfigOptions): Config {
  return loadedConfigOf(options).config
}

/** Whether somebody has chosen a setting's value, be it the default. */
export function isChosen(options: ConfigOptions, name: SettingName): boolean {
  return loadedConfigOf(options).origins[name] !== 'default'
}

/** For commands that work on a data directory or, with brokers, in a cluster. @throws UsageError when told both */
export function placeConfigOf(options: ConfigOptions): Config {
  const { config, origins } = loadedConfigOf(options)
  if (config.brokers !== '' && options.dataDir !== undefined) {
    throw new UsageError(
      `--data-dir is for single-node mode, but brokers is set (${origins['brokers']}): leave one of them out`,
    )
  }
  return config
}

/** For `start`, which never runs in a cluster. */
export function singleNodeConfigOf(options: ConfigOptions): Config {
  const { config, origins } = loadedConfigOf(options)
  if (config.brokers === '') return config
  tell(
    `brokers is set (${origins['brokers']}), but start is single-node mode and uses none: \`order-streams run\` does`,
  )
  return { ...config, brokers: '' }
}

/** The parser of an option that takes a whole number. @throws UsageError */
export function wholeNumber(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new UsageError(`${flag} is "${text}"; it must be a whole number of at least ${least}`)
  }
}

/** The parser of an option that takes a share. @throws UsageError */
export function share(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= 0 && value <= 1) return value
    throw new UsageError(`${flag} is "${text}"; it must be a share from 0 to 1, such as 0.05`)
  }
}
