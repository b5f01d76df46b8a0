/** The command line in cluster mode, on a broker of the test's own, a database of its own, and the registry that there is. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sampleFile } from '../../app/package-info.ts'
import { topics } from '../../schemas/topics.ts'
import type { Database } from '../../sql/database.ts'
import { openDatabase } from '../../sql/open.ts'
import {
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
} from '../../sql/order-tables.ts'
import type { Table } from '../../sql/table.ts'
import { freePorts } from '../cluster/services.ts'
import { type OwnBroker, startOwnBroker, testServices } from '../kafka/own-broker.ts'
import { plainKafka } from '../kafka/test-admin.ts'
import { writeLines } from '../support/order-files.ts'
import { orderStreams, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'
import { mysqlServer, readTable, type TestDatabase } from '../support/sql-databases.ts'
import { statisticsTables } from '../support/statistics-tally.ts'

const registryUrl = process.env['TEST_REGISTRY_URL'] ?? ''
const isSkipped = testServices === '' || registryUrl === '' || mysqlServer.skipped
const title = isSkipped
  ? 'the command line in a cluster (skipped: set TEST_SERVICES, TEST_REGISTRY_URL and TEST_MYSQL_URL)'
  : 'the command line in a cluster'
const testLimitMs = 300_000
const realOrders = 3000
const secret = 'not-to-be-seen'

describe.skipIf(isSkipped)(title, { timeout: testLimitMs }, () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let broker: OwnBroker
  let home: TestDatabase
  let brokers: string
  let place: string[]

  beforeAll(async () => {
    directory = temporaryDirectory()
    broker = await startOwnBroker(0, () => [])
    home = await mysqlServer.create()
    brokers = `127.0.0.1:${broker.ports[0]}`
    place = ['--brokers', brokers, '--registry', registryUrl, '--database', home.url]
  }, testLimitMs)

  afterAll(async () => {
    await home?.dispose()
    await broker?.stop()
    directory.dispose()
  }, testLimitMs)

  const inDirectory = (name: string) => join(directory.path, name)

  async function jsonLines(...args: string[]) {
    const { stdout, code, stderr } = await orderStreams([...args, '--json'])
    if (code !== 0) throw new Error(stderr)
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  async function topicNames(): Promise<string[]> {
    const { stdout } = await orderStreams(['topics', 'list', '--json', '--brokers', brokers])
    return stdout === ''
      ? []
      : stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line).name)
  }

  describe('migrate', () => {
    it('should name every topic with wrong settings, what they are and what they should be, and make nothing', async () => {
      const configEntries = [
        { name: 'cleanup.policy', value: 'compact' },
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
      ]
      const wrong = [
        { topic: 'order-line', numPartitions: 4, configEntries },
        { topic: 'cleanse-order-memory-changelog', numPartitions: 3, configEntries },
      ]
      const admin = plainKafka([brokers]).admin()
      await admin.connect()
      await admin.createTopics({ topics: wrong })
      const { code, stderr, stdout } = await orderStreams(['migrate', ...place])
      expect(code).toBe(1)
      expect(stdout).toBe('')
      expect(stderr).toMatch(
        /"order-line": cleanup is compact, it should be delete: .*cleanup\.policy=delete/,
      )
      expect(stderr).toMatch(/"order-line": timestampType is append, it should be create/)
      expect(stderr).toMatch(/"cleanse-order-memory-changelog": partitions is 3, it should be 4/)
      expect(stderr).toContain('[TOPIC_MISMATCH]')
      const names = wrong.map(({ topic }) => topic)
      expect(await topicNames()).toEqual([...names].sort())
      expect(await home.database.query("SHOW TABLES LIKE 'order_header'")).toEqual([])
      await admin.deleteTopics({ topics: names })
      await admin.disconnect()
      await expect.poll(topicNames, { timeout: 30_000 }).toEqual([])
    })

    it('should be what an instance that may make nothing asks for, naming all that is missing', async () => {
      const { code, stderr } = await orderStreams([
        ...['run', 'ingest', '--once', ...place, '--state-dir', inDirectory('none')],
        ...['--set', 'registerSchemas=migrate-only'],
      ])
      expect(code).toBe(1)
      expect(stderr).toMatch(/run `order-streams migrate` first/)
      expect(stderr).toMatch(
        /topic order-raw in Kafka at [\s\S]*topic ingest-checkpoint[\s\S]*migration 1 orders of mysql:/,
      )
      expect(await topicNames()).toEqual([])
    })

    it('should make everything when several run at once, and nothing when it is repeated', async () => {
      const first = await Promise.all([jsonLines('migrate', ...place), jsonLines('migrate', ...place)])
      const made = first.flat().filter(({ outcome }) => outcome === 'created')
      const names = first[0].filter(({ kind }) => kind === 'topic').map(({ name }) => name)
      expect(names).toEqual(expect.arrayContaining(Object.values(topics).map(({ name }) => name)))
      expect(names).toEqual(
        expect.arrayContaining(
          ['checkpoint', 'dead-letter', 'order-memory-changelog'].map((name) => `cleanse-${name}`),
        ),
      )
      // Each topic and migration was made by one of the two.
      const onBroker = made.filter(({ kind }) => kind === 'topic').map(({ name }) => name)
      expect(onBroker.sort()).toEqual([...names].sort())
      const migrations = readdirSync('sql/migrations').filter((name) => name.includes('.do.'))
      expect(made.filter(({ kind }) => kind === 'table')).toHaveLength(migrations.length)
      expect(await topicNames()).toEqual([...names].sort())

      const { stdout, code } = await orderStreams(['migrate', ...place])
      expect(code).toBe(0)
      expect(stdout).toMatch(/^ok {7}topic {3}order-raw$/m)
      expect(stdout).toMatch(/^ok {7}schema {2}cleanse-order-memory-changelog-value$/m)
      expect(stdout).not.toContain('created')
    })
  })

  it('should bring simulated and real orders through all topologies into MySQL with two instances, row for row as single-node mode does', async () => {
    const input = inDirectory('orders.ndjson')
    const sample = gunzipSync(readFileSync(sampleFile)).toString('utf8').split('\n')
    writeLines(
      input,
      sample.slice(0, realOrders).map((line) => Buffer.from(line)),
    )
    // On the eve of the sample, of which nothing is so late then that the statistics leave it out.
    const simulation = [
      ...['simulate', '--orders', '200', '--seed', '5', '--dirty', '0.1', '--repeat', '0.05'],
      ...['--start', '2016-12-31T08:00:00Z'],
    ]
    const topologies = ['ingest', 'cleanse', 'statistics']
    const once = ['run', ...topologies, '--once', ...place]
    const instance = (name: string) =>
      startOrderStreams(['run', ...topologies, ...place, '--state-dir', inDirectory(name)])
    await orderStreams([...simulation, '--brokers', brokers])
    const instances = [instance('a'), instance('b')]
    for (const { said } of instances) await said('statistics has order-line')
    const [fed] = await jsonLines('feed', input, '--brokers', brokers, '--registry', registryUrl)
    expect(fed).toMatchObject({ appendedLines: realOrders })
    // In the middle of the work: what they leave is done by those that come.
    for (const { kill } of instances) kill('SIGTERM')
    for (const { ended } of instances) expect(await ended).toMatchObject({ code: 0 })
    const drained = await Promise.all(
      ['a', 'b'].map((name) => orderStreams([...once, '--state-dir', inDirectory(name)])),
    )
    for (const { code, stderr } of drained) expect([code, stderr]).toEqual([0, expect.any(String)])

    const dataDir = inDirectory('single-node')
    await orderStreams([...simulation, '--data-dir', dataDir])
    expect((await orderStreams(['start', '--once', '--data-dir', dataDir, '--input', input])).code).toBe(0)
    const single = await openDatabase(join(dataDir, 'orders.db'))
    try {
      for (const [table, ownColumns] of tables) {
        const expected = await rowsOf(single, table, ownColumns)
        expect(expected.length).toBeGreaterThan(10)
        const actual = await rowsOf(home.database, table, ownColumns)
        const known = new Set(expected)
        expect(actual.filter((row) => !known.has(row)).slice(0, 3)).toEqual([])
        expect(actual.length).toBe(expected.length)
      }
    } finally {
      await single.close()
    }
  })

  it('should look into the topics, the dead letters and the state of a stopped instance', async () => {
    const listed = await jsonLines('topics', 'list', '--brokers', brokers)
    const raw = listed.find(({ name }) => name === 'order-raw')
    expect(raw).toMatchObject({ partitions: 4, ends: [expect.any(Number), ...raw.ends.slice(1)] })
    const registry = ['--brokers', brokers, '--registry', registryUrl]
    const [record] = await jsonLines('topics', 'read', 'order-processed', '--limit', '1', ...registry)
    expect(record).toMatchObject({ value: { currency: 'USD' } })
    const undecoded = await orderStreams([
      'topics',
      'read',
      'order-processed',
      '--limit',
      '1',
      '--brokers',
      brokers,
    ])
    expect(undecoded).toMatchObject({ code: 0, stderr: expect.stringContaining('without --registry') })
    expect((await jsonLines('dead-letters', 'list', ...registry))[0]).toMatchObject({ topic: 'order-raw' })
    const [row] = await jsonLines(
      ...['state', 'dump', 'order-memory', '--limit', '1', ...registry, '--state-dir', inDirectory('a')],
    )
    expect(row).toMatchObject({ key: expect.any(String), value: { event_count: expect.any(Number) } })
  })

  it('should take orders over HTTP into Kafka', async () => {
    const running = startOrderStreams(['api', '--port', '0', '--brokers', brokers])
    const url =
      /Order API listens at (http:\S+\d)/.exec(await running.said('Order API listens at'))?.[1] ?? ''
    const before = await endOfRaw()
    const [{ accepted }] = await jsonLines('simulate', '--orders', '20', '--seed', '77', '--to', url)
    expect(accepted).toBeGreaterThan(20)
    expect(await endOfRaw()).toBe(before + accepted)
    running.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)

    async function endOfRaw(): Promise<number> {
      const listed = await jsonLines('topics', 'list', '--brokers', brokers)
      return listed.find(({ name }) => name === 'order-raw').offsets
    }
  })

  it('should log as JSON when told to', async () => {
    const { stderr, code } = await orderStreams([
      ...['run', 'ingest', '--once', ...place, '--state-dir', inDirectory('a'), '--log-format', 'json'],
    ])
    expect(code).toBe(0)
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toContainEqual(expect.objectContaining({ level: 'info', msg: 'opened' }))
  })

  describe('services that are away', () => {
    const elsewhere = '127.0.0.1:1'
    it.each<[string, () => string[], RegExp]>([
      [
        'Kafka',
        () => ['--brokers', elsewhere],
        /Kafka at 127\.0\.0\.1:1 could not be reached for 1 s .*KAFKA_BROKERS[\s\S]*\[LOG_UNAVAILABLE\]/,
      ],
      [
        'the registry',
        () => ['--registry', `http://me:${secret}@${elsewhere}`],
        /the schema registry at http:\/\/127\.0\.0\.1:1\/? could not be reached .*SCHEMA_REGISTRY_URL[\s\S]*\[REGISTRY_UNAVAILABLE\]/,
      ],
      [
        'MySQL',
        () => ['--database', `mysql://root:${secret}@${elsewhere}/orders`],
        /the database mysql:\/\/127\.0\.0\.1:1\/orders could not be reached .*DATABASE_URL[\s\S]*\[SINK_UNAVAILABLE\]/,
      ],
      [
        'a password',
        () => ['--database', home.url.replace(/:[^:@/]+@/, `:${secret}@`)],
        /Access denied.*check the user and the password[\s\S]*\[SINK_FAILED\]/,
      ],
    ])('should be waited for a while, then named, without passwords: %s', async (_, wrong, message) => {
      const started = ['run', 'ingest', ...place, ...wrong(), '--state-dir', inDirectory('away')]
      const { code, stderr, stdout } = await orderStreams([...started, '--set', 'startWaitMs=1000'])
      expect(stderr).toMatch(message)
      expect(stderr + stdout).not.toContain(secret)
      expect(code).toBe(1)
    })

    it('should not keep an instance from stopping', async () => {
      const running = startOrderStreams([
        ...['run', 'ingest', ...place, '--brokers', elsewhere, '--state-dir', inDirectory('away')],
      ])
      await running.said('Kafka at 127.0.0.1:1 cannot be reached; trying again for 60 s')
      running.kill('SIGTERM')
      expect((await running.ended).code).toBe(0)
    })
  })

  it('should tell at once what is missing', async () => {
    const { code, stderr } = await orderStreams(['run', 'ingest', '--brokers', brokers])
    expect(code).toBe(2)
    expect(stderr).toMatch(/registryUrl is missing.*--registry[\s\S]*databaseUrl is missing.*--database/)
  })

  it('should say when it is ready, and leave its state directory to nobody else meanwhile', async () => {
    const port = await freePorts(1)
    const args = ['run', 'ingest', ...place, '--state-dir', inDirectory('a')]
    const running = startOrderStreams([...args, '--health-port', String(port)])
    await running.said('ingest has order-parsed 0, 1, 2, 3 (running)')
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
    expect(await orderStreams(args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /another instance uses it: .*--state-dir[\s\S]*\[STATE_DIRECTORY_LOCKED\]/,
      ),
    })
    running.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
  })
})

describe('start beside a cluster', () => {
  it('should say that it uses no brokers, and run without them', async () => {
    const directory = temporaryDirectory()
    const { code, stderr } = await orderStreams(
      ['start', '--once', '--input', '/dev/null', '--data-dir', directory.path],
      { environment: { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: 'postgres://elsewhere' } },
    )
    directory.dispose()
    expect(stderr.match(/brokers is set \(environment variable KAFKA_BROKERS\), but start/g)).toHaveLength(1)
    expect(code).toBe(0)
  })
})

/** With the columns that differ between logs: transactions take offsets in Kafka, and events without a time have the one of their receipt. */
const tables: readonly (readonly [Table, readonly string[]])[] = [
  [orderHeaderTable, []],
  [orderLineTable, []],
  [orderEventTable, ['offset']],
  [orderRejectionTable, ['offset', 'rejected_time']],
  ...statisticsTables.map((table) => [table, []] as const),
]

async function rowsOf(database: Database, table: Table, without: readonly string[]): Promise<string[]> {
  const rows = await readTable(database, table)
  return rows
    .map((row) =>
      JSON.stringify(
        Object.entries(row)
          .filter(([column]) => !without.includes(column))
          .map(([column, value]) => [column, plain(value)]),
      ),
    )
    .sort()
}

/** Databases write numbers, and objects in JSON, in their own ways. */
function plain(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value === null ? null : String(value)
  return sorted(JSON.parse(value))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(fields.map(([name, field]) => [name, sorted(field)]))
}
