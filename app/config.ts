/**
 * The configuration: defaults, then a YAML file, then the environment, then flags; a later one wins, setting by setting.
 *
 * Every setting has one name in all of them: `commitIntervalMs` in the file and for `--set`, ORDER_STREAMS_COMMIT_INTERVAL_MS
 * in the environment. All problems are told at once, each with where it came from, the setting, the value and what would
 * be right.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlias, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { suggestion } from '../control/did-you-mean.ts'
import { messageOf } from '../streams/index.ts'
import {
  type Config,
  check,
  fromText,
  isSettingName,
  type SettingName,
  settingNames,
  shownValue,
  textOf,
} from './config-schema.ts'

export interface ConfigSources {
  /** As given with `--config`; undefined: `order-streams.yaml` in the working directory, when it is there. */
  readonly file?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly flags: readonly FlagValue[]
  readonly workingDirectory: string
}

export interface FlagValue {
  /** As the user wrote it: `--data-dir`, `--set`. */
  readonly flag: string
  readonly name: string
  readonly value: string
}

export interface LoadedConfig {
  readonly config: Config
  /** Where each value came from, for people. */
  readonly origins: Readonly<Record<string, string>>
}

/** What is wrong with the configuration, all of it. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** A value that somebody set, before it is checked. */
interface Given {
  readonly name: string
  readonly value: unknown
  readonly origin: string
}

const defaultFile = 'order-streams.yaml'
const prefix = 'ORDER_STREAMS_'
const fileVariable = `${prefix}CONFIG`
/** Short names that containers and hosts are used to. */
export const shortVariables: Readonly<Record<string, string>> = {
  DATA_DIR: 'dataDir',
  API_HOST: 'apiHost',
  API_PORT: 'apiPort',
  KAFKA_BROKERS: 'brokers',
  SCHEMA_REGISTRY_URL: 'registryUrl',
  DATABASE_URL: 'databaseUrl',
  STATE_DIR: 'stateDir',
  INSTANCE_ID: 'instanceId',
  ZONE: 'zone',
  KAFKA_SASL_USERNAME: 'kafkaSaslUsername',
  KAFKA_SASL_PASSWORD: 'kafkaSaslPassword',
  HTTP_HOST: 'httpHost',
  HTTP_PORT: 'httpPort',
  CONTROL_HOST: 'controlHost',
  CONTROL_PORT: 'controlPort',
  CONTROL_ENDPOINT: 'controlEndpoint',
  SAVEPOINT_DIR: 'savepointDir',
  HEALTH_HOST: 'healthHost',
  HEALTH_PORT: 'healthPort',
}
/** Flags of their own, by setting; `--set` takes all. */
export const settingFlags = {
  dataDir: '--data-dir',
  brokers: '--brokers',
  registryUrl: '--registry',
  databaseUrl: '--database',
  stateDir: '--state-dir',
  controlPort: '--control-port',
  httpPort: '--http-port',
  healthPort: '--health-port',
  logLevel: '--log-level',
  logFormat: '--log-format',
  apiPort: '--api-port',
  apiHost: '--api-host',
  ctlAddress: '--address',
  ctlToken: '--token',
  ctlTokenFile: '--token-file',
  ctlCaFile: '--ca',
  ctlCertFile: '--cert',
  ctlKeyFile: '--key',
} as const satisfies Partial<Record<SettingName, string>>

/** @throws ConfigError */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const problems: string[] = []
  const given = [
    ...fromFile(sources, problems),
    ...fromEnvironment(sources.environment, problems),
    ...fromFlags(sources.flags, problems),
  ]
  const values: Record<string, unknown> = {}
  const origins: Record<string, string> = {}
  for (const name of settingNames) {
    values[name] = check(name, undefined)?.value
    origins[name] = 'default'
  }
  for (const { name, value, origin } of given) {
    if (!isSettingName(name)) {
      problems.push(`${origin}: there is no setting ${name}; ${suggestion(name, settingNames)}`)
      continue
    }
    const checked = check(name, value)
    if (checked === undefined) {
      problems.push(
        `${origin}: ${name} is ${shown(shownValue(name, value))}; it must be ${textOf(name).wanted}`,
      )
      continue
    }
    values[name] = checked.value
    origins[name] = origin
  }
  if (problems.length > 0) throw new ConfigError(problems)
  // Each value has just been checked by the schema of its setting.
  return { config: values as Config, origins }
}

/** The environment variable of a setting: commitIntervalMs is ORDER_STREAMS_COMMIT_INTERVAL_MS. */
export function variableOf(name: string): string {
  return prefix + name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

export function shortVariablesOf(name: string): string[] {
  return Object.entries(shortVariables).flatMap(([variable, setting]) => (setting === name ? [variable] : []))
}

/** How a setting is given, for messages: `--brokers, KAFKA_BROKERS, or brokers in the file`. */
export function waysToSet(name: SettingName): string {
  const flag = new Map<string, string>(Object.entries(settingFlags)).get(name) ?? `--set ${name}=…`
  return `${flag}, ${shortVariablesOf(name)[0] ?? variableOf(name)}, or ${name} in the configuration file`
}

function fromFile(sources: ConfigSources, problems: string[]): Given[] {
  const named = sources.file ?? nonEmpty(sources.environment[fileVariable])
  const path = join(sources.workingDirectory, defaultFile)
  if (named === undefined && !existsSync(path)) return []
  const shownPath = named ?? defaultFile
  let text: string
  try {
    text = readFileSync(named ?? path, 'utf8')
  } catch (error) {
    problems.push(`configuration file ${shownPath} cannot be read: ${messageOf(error)}`)
    return []
  }
  return fromYaml(text, shownPath, problems)
}

function fromYaml(text: string, path: string, problems: string[]): Given[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (position: number | undefined) =>
    position === undefined ? path : `${path}:${lines.linePos(position).line}`
  for (const error of document.errors)
    problems.push(`${at(error.pos[0])}: this is not YAML: ${error.message}`)
  if (document.errors.length > 0 || document.contents === null) return []
  if (!isMap(document.contents)) {
    problems.push(`${path}: it must hold settings, one a line, such as \`commitIntervalMs: 200\``)
    return []
  }
  return document.contents.items.map(({ key, value }) => {
    const plain = isScalar(value) ? value.value : isAlias(value) ? value.resolve(document)?.toJSON() : value
    return {
      name: isScalar(key) ? String(key.value) : String(key),
      value: plain,
      origin: at(isScalar(key) ? key.range?.[0] : undefined),
    }
  })
}

function fromEnvironment(environment: ConfigSources['environment'], problems: string[]): Given[] {
  const given: Given[] = []
  const add = (variable: string, name: string): void => {
    const value = nonEmpty(environment[variable])
    if (value === undefined) return
    const typed = isSettingName(name) ? fromText(name, value) : value
    given.push({ name, value: typed, origin: `environment variable ${variable}` })
  }
  for (const [variable, name] of Object.entries(shortVariables)) add(variable, name)
  const known = new Map(settingNames.map((name) => [variableOf(name), name]))
  for (const variable of Object.keys(environment).sort()) {
    if (!variable.startsWith(prefix) || variable === fileVariable) continue
    const name = known.get(variable)
    if (name !== undefined) add(variable, name)
    else
      problems.push(
        `environment variable ${variable}: no setting has it; ${suggestion(variable, [...known.keys()])}`,
      )
  }
  return given
}

function fromFlags(flags: readonly FlagValue[], problems: string[]): Given[] {
  const given: Given[] = []
  for (const { flag, name, value } of flags) {
    if (!isSettingName(name))
      problems.push(`${flag}: there is no setting ${name}; ${suggestion(name, settingNames)}`)
    else given.push({ name, value: fromText(name, value), origin: flag })
  }
  return given
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function shown(value: unknown): string {
  if (
    typeof value !== 'string' &&
    typeof value !== 'number' &&
    typeof value !== 'boolean' &&
    value !== null
  ) {
    return 'a list or a group of settings'
  }
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** For `order-streams config`: every setting with its value, where that came from, and what it is for. */
export function describeConfig({ config, origins }: LoadedConfig) {
  return settingNames.map((name) => ({
    setting: name,
    value: shownValue(name, config[name]),
    origin: origins[name] ?? 'default',
    environmentVariable: variableOf(name),
    default: check(name, undefined)?.value,
    purpose: textOf(name).purpose,
    wanted: textOf(name).wanted,
  }))
}
