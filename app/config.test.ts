import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError, type ConfigSources, describeConfig, loadConfig, variableOf } from './config.ts'
import { settingNames } from './config-schema.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'order-streams-config-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

function load(sources: Partial<ConfigSources> = {}) {
  return loadConfig({ environment: {}, flags: [], workingDirectory: directory, ...sources })
}

function problemsOf(sources: Partial<ConfigSources>): readonly string[] {
  try {
    load(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function writeConfig(text: string, name = 'order-streams.yaml'): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const flag = (name: string, value: string) => ({ flag: '--set', name, value })

describe('loadConfig', () => {
  it('should have a default for every setting, and say so', () => {
    const { config, origins } = load()
    expect(config).toMatchObject({ dataDir: './data', apiPort: 8081, processingGuarantee: 'exactly-once' })
    expect(Object.keys(config).sort()).toEqual([...settingNames].sort())
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
  })

  it('should let flags win over the environment, that over the file, and that over defaults', () => {
    writeConfig('dataDir: from-file\napiPort: 1001\npartitions: 7\n')
    const environment = { ORDER_STREAMS_DATA_DIR: 'from-environment', ORDER_STREAMS_API_PORT: '1002' }
    const { config, origins } = load({ environment, flags: [flag('dataDir', 'from-flag')] })
    expect(config).toMatchObject({ dataDir: 'from-flag', apiPort: 1002, partitions: 7, logLevel: 'info' })
    expect(origins).toMatchObject({
      dataDir: '--set',
      apiPort: 'environment variable ORDER_STREAMS_API_PORT',
      partitions: 'order-streams.yaml:3',
      logLevel: 'default',
    })
  })

  it('should take the short variables, and the long ones over them', () => {
    const environment = { DATA_DIR: 'short', API_PORT: '1', ORDER_STREAMS_API_PORT: '2' }
    expect(load({ environment }).config).toMatchObject({ dataDir: 'short', apiPort: 2 })
    const cluster = { KAFKA_BROKERS: 'a:1', SCHEMA_REGISTRY_URL: 'r', DATABASE_URL: 'd', STATE_DIR: 's' }
    expect(load({ environment: cluster }).config).toMatchObject({
      brokers: 'a:1',
      registryUrl: 'r',
      databaseUrl: 'd',
      stateDir: 's',
    })
  })

  it('should read the file that is named, by flag or variable, and not the one that lies there', () => {
    writeConfig('apiPort: 1\n')
    const named = writeConfig('apiPort: 2\n', 'other.yaml')
    expect(load({ file: named }).config.apiPort).toBe(2)
    expect(load({ environment: { ORDER_STREAMS_CONFIG: named } }).config.apiPort).toBe(2)
  })

  it('should take an empty file and an empty variable for nothing said', () => {
    writeConfig('# nothing yet\n')
    expect(load({ environment: { DATA_DIR: '', ORDER_STREAMS_API_PORT: '' } }).config).toEqual(load().config)
  })

  it('should tell all problems at once, each with its origin, setting, value and what would be right', () => {
    writeConfig('comitIntervalMs: 200\napiPort: 80x\nlogLevel: [info]\n')
    const environment = { ORDER_STREAMS_PARTITIONS: '0', ORDER_STREAMS_APIPORT: '1' }
    expect(problemsOf({ environment, flags: [flag('durability', 'none'), flag('nonsense', '1')] })).toEqual([
      expect.stringMatching(/ORDER_STREAMS_APIPORT: .* did you mean ORDER_STREAMS_API_PORT\?/),
      expect.stringMatching(/^--set: there is no setting nonsense; there are dataDir, /),
      'order-streams.yaml:1: there is no setting comitIntervalMs; did you mean commitIntervalMs?',
      'order-streams.yaml:2: apiPort is "80x"; it must be a whole number from 0 to 65535',
      'order-streams.yaml:3: logLevel is a list or a group of settings; it must be one of debug, info, warn, error, silent',
      'environment variable ORDER_STREAMS_PARTITIONS: partitions is 0; it must be a whole number from 1 to 1024',
      '--set: durability is "none"; it must be one of power-failure, process-crash',
    ])
  })

  it.each([
    ['no YAML', 'a: [1\n', /^order-streams\.yaml:\d+: this is not YAML: /],
    ['the same setting twice', 'apiPort: 1\napiPort: 2\n', /this is not YAML: Map keys must be unique/],
    ['a list', '- apiPort\n', /it must hold settings, one a line/],
    ['a text', 'apiPort\n', /it must hold settings, one a line/],
    ['a null', 'apiPort:\n', /apiPort is null; it must be a whole number/],
  ])('should refuse a file that is %s', (_, text, problem) => {
    writeConfig(text)
    expect(problemsOf({})[0]).toMatch(problem)
  })

  it('should say that a named file cannot be read', () => {
    expect(problemsOf({ file: join(directory, 'none.yaml') })[0]).toMatch(
      /none\.yaml cannot be read: .*ENOENT/,
    )
  })
})

describe('passwords', () => {
  const secret = 'hunter2'

  it('should show none of them in what is described, and the rest of a URL', () => {
    const flags = [
      flag('databaseUrl', `mysql://root:${secret}/@:x@db:3306/orders`),
      flag('registryUrl', `https://me:${secret}@registry:8081`),
      flag('kafkaSaslPassword', secret),
      flag('registryPassword', secret),
    ]
    const described = describeConfig(load({ flags }))
    const shownOf = (name: string) => described.find(({ setting }) => setting === name)?.value
    expect(shownOf('databaseUrl')).toBe('mysql://root:***@db:3306/orders')
    expect(shownOf('registryUrl')).toBe('https://me:***@registry:8081')
    expect(shownOf('kafkaSaslPassword')).toBe('***')
    expect(JSON.stringify(described)).not.toContain(secret)
    expect(describeConfig(load()).find(({ setting }) => setting === 'kafkaSaslPassword')?.value).toBe('')
  })

  it('should show none of them when the value is of a wrong type', () => {
    writeConfig(`kafkaSaslPassword: 12345\nregistryPassword: [${secret}]\n`)
    const problems = problemsOf({})
    expect(problems).toHaveLength(2)
    expect(problems.join()).not.toMatch(/12345|hunter2/)
  })
})

describe('variableOf', () => {
  it('should spell the name of a setting in capitals', () => {
    expect(variableOf('commitIntervalMs')).toBe('ORDER_STREAMS_COMMIT_INTERVAL_MS')
  })
})

describe('describeConfig', () => {
  it('should tell of every setting its value, its origin, its default and what it is for', () => {
    const described = describeConfig(load({ flags: [flag('apiPort', '9')] }))
    expect(described.map(({ setting }) => setting)).toEqual(settingNames)
    expect(described.find(({ setting }) => setting === 'apiPort')).toEqual({
      setting: 'apiPort',
      value: 9,
      origin: '--set',
      default: 8081,
      environmentVariable: 'ORDER_STREAMS_API_PORT',
      purpose: expect.stringContaining('port'),
      wanted: 'a whole number from 0 to 65535',
    })
  })
})
