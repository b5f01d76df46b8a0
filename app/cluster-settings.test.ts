import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkClusterSettings, checkDatabaseSettings } from './cluster-settings.ts'
import { ConfigError, loadConfig } from './config.ts'
import type { Part } from './platform.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'order-streams-cluster-settings-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

const secret = 'hunter2'
const complete = {
  brokers: 'one:9092, two:9093',
  registryUrl: `http://user:${secret}@registry:8081/apis`,
  databaseUrl: `mysql://root:${secret}@database:3306/orders`,
}

function check(
  settings: Readonly<Record<string, string>>,
  parts: readonly Part[] = ['registry', 'database'],
) {
  return checkClusterSettings(configOf(settings), parts)
}

function databaseOf(settings: Readonly<Record<string, string>>) {
  return checkDatabaseSettings(configOf(settings))
}

function configOf(settings: Readonly<Record<string, string>>) {
  const flags = Object.entries(settings).map(([name, value]) => ({ flag: '--set', name, value }))
  return loadConfig({ environment: {}, flags, workingDirectory: directory }).config
}

function problemsOf(settings: Readonly<Record<string, string>>, parts?: readonly Part[]): readonly string[] {
  try {
    check(settings, parts)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('checkClusterSettings', () => {
  it('should give the brokers one by one, without TLS and login unless they are set', () => {
    expect(check(complete)).toEqual({ brokers: ['one:9092', 'two:9093'] })
  })

  it('should tell all that is missing at once, each with its flag, its variable and its name', () => {
    expect(problemsOf({ brokers: 'one:9092' })).toEqual([
      'registryUrl is missing, and with brokers it is needed: set it with --registry, SCHEMA_REGISTRY_URL, or registryUrl in the configuration file',
      'databaseUrl is missing, and with brokers it is needed: set it with --database, DATABASE_URL, or databaseUrl in the configuration file',
    ])
  })

  it('should ask only for what the command uses', () => {
    expect(problemsOf({ brokers: 'one:9092' }, [])).toEqual([])
    expect(problemsOf({ brokers: 'one:9092', databaseUrl: 'postgres://elsewhere' }, [])).toEqual([])
    expect(problemsOf({ brokers: 'one:9092' }, ['registry'])).toHaveLength(1)
  })

  it.each(['one', 'one:', 'one:0', 'one:70000', 'http://one:9092', 'one:9092,,two:9092'])(
    'should refuse the brokers %s, saying how they are written',
    (brokers) => {
      expect(problemsOf({ ...complete, brokers })).toEqual([
        expect.stringMatching(/^brokers is not right; it must be host:port, .* --brokers, KAFKA_BROKERS/),
      ])
    },
  )

  it.each<[string, string, RegExp]>([
    ['databaseUrl', `postgres://root:${secret}@database/orders`, /it must be mysql:\/\/user:password@host/],
    ['databaseUrl', 'sqlite:///orders.db', /it must be mysql:/],
    ['registryUrl', `registry:${secret}`, /it must be http:\/\/host:port or/],
  ])('should refuse %s of another kind without quoting it: %s', (name, value, message) => {
    const problems = problemsOf({ ...complete, [name]: value })
    expect(problems).toEqual([expect.stringMatching(message)])
    expect(problems.join()).not.toContain(secret)
  })

  it('should take logins, and refuse half of one', () => {
    const login = { kafkaSaslUsername: 'me', kafkaSaslPassword: secret }
    expect(check({ ...complete, ...login, kafkaSaslMechanism: 'scram-sha-512' }).sasl).toEqual({
      mechanism: 'scram-sha-512',
      username: 'me',
      password: secret,
    })
    const problems = [
      ...problemsOf({ ...complete, ...login }),
      ...problemsOf({ ...complete, kafkaSaslMechanism: 'plain' }),
      ...problemsOf({ ...complete, registryPassword: secret }),
    ]
    expect(problems).toEqual([
      expect.stringMatching(/^kafkaSaslUsername is set, but kafkaSaslMechanism is none/),
      expect.stringMatching(
        /^kafkaSaslUsername is missing, and with kafkaSaslMechanism plain .* KAFKA_SASL_USERNAME/,
      ),
      expect.stringMatching(/^kafkaSaslPassword is missing/),
      expect.stringMatching(/^registryPassword is set without registryUsername/),
    ])
    expect(problems.join()).not.toContain(secret)
  })

  it('should read certificates, and tell what does not go together or cannot be read', () => {
    const file = join(directory, 'file.pem')
    writeFileSync(file, 'PEM')
    const tls = { ...complete, kafkaTls: 'on' }
    expect(check(tls).tls).toBe(true)
    expect(
      check({ ...tls, kafkaTlsCaFile: file, kafkaTlsCertFile: file, kafkaTlsKeyFile: file }).tls,
    ).toEqual({
      ca: 'PEM',
      cert: 'PEM',
      key: 'PEM',
    })
    expect([
      ...problemsOf({ ...complete, kafkaTlsCaFile: file }),
      ...problemsOf({ ...tls, kafkaTlsCertFile: file }),
      ...problemsOf({ ...tls, kafkaTlsCaFile: join(directory, 'none.pem') }),
    ]).toEqual([
      'kafkaTlsCaFile is set, but kafkaTls is off: set that to on',
      expect.stringMatching(/^kafkaTlsCertFile is set without kafkaTlsKeyFile/),
      expect.stringMatching(/^kafkaTlsCaFile cannot be read: .*ENOENT/),
    ])
  })

  it('should read the authorities of the database, which needs a URL that asks for TLS', () => {
    const databaseTlsCaFile = join(directory, 'file.pem')
    const encrypted = { ...complete, databaseUrl: `${complete.databaseUrl}?ssl=true` }
    expect(databaseOf(encrypted)).toEqual({})
    expect(problemsOf({ ...encrypted, databaseTlsCaFile })).toEqual([
      expect.stringMatching(/^databaseTlsCaFile cannot be read: .*ENOENT/),
    ])
    writeFileSync(databaseTlsCaFile, 'PEM')
    expect(databaseOf({ ...encrypted, databaseTlsCaFile })).toEqual({ tlsAuthorities: 'PEM' })
    expect(problemsOf({ ...complete, databaseTlsCaFile })).toEqual([
      'databaseTlsCaFile is set, but databaseUrl does not ask for TLS: add ?ssl=true to it',
    ])
    expect(problemsOf({ ...complete, databaseTlsCaFile }, ['registry'])).toEqual([])
  })
})
