/** Cluster mode's settings, checked together before anything is opened, and as the adapters take them. */
import { readFileSync } from 'node:fs'
import type { DatabaseOptions } from '../sql/index.ts'
import type { KafkaLogOptions } from '../streams/adapters/kafka/kafka-options.ts'
import { messageOf } from '../streams/index.ts'
import { ConfigError, waysToSet } from './config.ts'
import { type Config, type SettingName, textOf } from './config-schema.ts'
import type { Part } from './platform.ts'

type FileSetting = 'kafkaTlsCaFile' | 'kafkaTlsCertFile' | 'kafkaTlsKeyFile' | 'databaseTlsCaFile'

export type KafkaConnection = Pick<KafkaLogOptions, 'brokers' | 'tls' | 'sasl'>

/**
 * What is missing or does not go together, all of it at once; it never quotes a value that may hold a password.
 * @throws ConfigError
 */
export function checkClusterSettings(config: Config, parts: readonly Part[]): KafkaConnection {
  const problems: string[] = []
  const brokers = config.brokers.split(',').map((broker) => broker.trim())
  for (const broker of brokers) {
    const port = Number(/^[^\s:/@]+:(\d{1,5})$/.exec(broker)?.[1])
    if (!(port >= 1 && port <= 65_535)) problems.push(wrong('brokers', 'is not right'))
  }
  checkUrls(config, parts, problems)
  if (parts.includes('database')) databaseOptionsOf(config, problems)
  needsBoth(config, 'registryUsername', 'registryPassword', problems)
  const sasl = saslOf(config, problems)
  const tls = tlsOf(config, problems)
  if (problems.length > 0) throw new ConfigError([...new Set(problems)])
  return { brokers, ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) }
}

/**
 * All that is needed for the tables.
 * @throws ConfigError, which never quotes the URL: it holds a password
 */
export function checkDatabaseSettings(config: Config): Pick<DatabaseOptions, 'tlsAuthorities'> {
  const problems: string[] = []
  checkUrls(config, ['database'], problems)
  const options = databaseOptionsOf(config, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return options
}

/** Of a URL what may be shown. */
export function placeOf(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function checkUrls(config: Config, parts: readonly Part[], problems: string[]): void {
  for (const [part, name, schemes] of urls) {
    const value = config[name]
    if (value === '' && parts.includes(part)) problems.push(missing(name))
    else if (value !== '' && parts.includes(part) && !isUrl(value, schemes)) {
      problems.push(wrong(name, 'is not such a URL'))
    }
  }
}

const urls = [
  ['registry', 'registryUrl', ['http:', 'https:']],
  ['database', 'databaseUrl', ['mysql:', 'mariadb:']],
] as const

function isUrl(value: string, schemes: readonly string[]): boolean {
  return URL.canParse(value) && schemes.includes(new URL(value).protocol) && new URL(value).host !== ''
}

function missing(name: SettingName): string {
  return `${name} is missing, and with brokers it is needed: set it with ${waysToSet(name)}`
}

function wrong(name: SettingName, problem: string): string {
  return `${name} ${problem}; it must be ${textOf(name).wanted}. It is set with ${waysToSet(name)}`
}

function needsBoth(config: Config, first: SettingName, second: SettingName, problems: string[]): boolean {
  const [given, absent] = config[first] === '' ? [second, first] : [first, second]
  if (config[given] === '') return false
  if (config[absent] !== '') return true
  problems.push(`${given} is set without ${absent}: set that with ${waysToSet(absent)}`)
  return false
}

function saslOf(config: Config, problems: string[]): KafkaConnection['sasl'] {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = config
  const names = ['kafkaSaslUsername', 'kafkaSaslPassword'] as const
  if (mechanism === 'none') {
    const given = names.find((name) => config[name] !== '')
    if (given !== undefined) {
      problems.push(
        `${given} is set, but kafkaSaslMechanism is none: set that with ${waysToSet('kafkaSaslMechanism')}`,
      )
    }
    return undefined
  }
  for (const name of names) {
    if (config[name] === '') {
      problems.push(
        `${name} is missing, and with kafkaSaslMechanism ${mechanism} it is needed: set it with ${waysToSet(name)}`,
      )
    }
  }
  return { mechanism, username, password }
}

function tlsOf(config: Config, problems: string[]): KafkaConnection['tls'] {
  const files = { ca: 'kafkaTlsCaFile', cert: 'kafkaTlsCertFile', key: 'kafkaTlsKeyFile' } as const
  const given = Object.entries(files).filter(([, name]) => config[name] !== '')
  if (config.kafkaTls === 'off') {
    const [first] = given
    if (first !== undefined) problems.push(`${first[1]} is set, but kafkaTls is off: set that to on`)
    return undefined
  }
  needsBoth(config, 'kafkaTlsCertFile', 'kafkaTlsKeyFile', problems)
  const read = given.map(([option, name]): [string, string] => [option, contentsOf(config, name, problems)])
  return read.length === 0 ? true : Object.fromEntries(read)
}

function databaseOptionsOf(config: Config, problems: string[]): Pick<DatabaseOptions, 'tlsAuthorities'> {
  const { databaseUrl, databaseTlsCaFile } = config
  if (databaseTlsCaFile === '') return {}
  if (URL.canParse(databaseUrl) && new URL(databaseUrl).searchParams.get('ssl') !== 'true') {
    problems.push('databaseTlsCaFile is set, but databaseUrl does not ask for TLS: add ?ssl=true to it')
  }
  return { tlsAuthorities: contentsOf(config, 'databaseTlsCaFile', problems) }
}

function contentsOf(config: Config, name: FileSetting, problems: string[]): string {
  try {
    return readFileSync(config[name], 'utf8')
  } catch (error) {
    problems.push(`${name} cannot be read: ${messageOf(error)}`)
    return ''
  }
}
