/** Savepoints on a real broker, whose transactions leave marks in partitions, and which compacts when it likes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  createSavepoint,
  defineTopology,
  internalTopics,
  nullable,
  RecordBatchBuilder,
  requiredTopics,
  restoreSavepoint,
  SavepointDirectory,
  StreamsApp,
  serdes,
  silentLogger,
  stopped,
  topic,
  tumbling,
  verifyTask,
} from '../../streams/index.ts'
import { keyAt, valueAt } from '../../streams/records/record-batch.ts'
import { followToEnd } from '../../streams/runtime/follow-to-end.ts'
import { MemoryMetrics, MemoryRegistry, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { uniqueName } from '../contracts/log-fixture.ts'
import { testBrokers, withAdmin } from './test-admin.ts'

const title =
  testBrokers.length > 0
    ? 'savepoints on a real broker'
    : 'savepoints on a real broker (skipped: set TEST_KAFKA_BROKERS to the host:port of one)'

describe.skipIf(testBrokers.length === 0)(title, { timeout: 120_000 }, () => {
  const registry = new MemoryRegistry()
  const words = topic(uniqueName('words'), { key: serdes.string, value: serdes.string })
  const counts = topic(uniqueName('counts'), { key: serdes.string, value: nullable(serdes.long) })
  const name = uniqueName('saved')
  const folder = mkdtempSync(join(tmpdir(), 'savepoints-kafka-'))
  const directory = new SavepointDirectory(folder)
  const clock = systemClock
  let log: KafkaLog
  let state = new MemoryStoreProvider()

  const topology = () =>
    defineTopology(name, (builder) => {
      const stream = builder.stream(words)
      stream
        .groupBy((word) => word.slice(0, 1), serdes.string)
        .count({ store: 'letters' })
        .toStream()
        .to(counts)
      stream.groupByKey().windowedBy(tumbling(1_000).grace(60_000)).count({ store: 'windows' })
    })

  beforeAll(async () => {
    log = await openKafkaLog({ brokers: testBrokers, clock })
    await log.createTopics(requiredTopics(topology(), new Map(), 2))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    const own = (await log.describeTopics()).map((one) => one.name).filter((one) => one.startsWith(name))
    await withAdmin((admin) => admin.deleteTopics({ topics: [...own, words.name, counts.name] }))
    await log.close()
  })

  async function write(letters: string): Promise<void> {
    await log.append(
      [0, 1].map((partition) => {
        const batch = new RecordBatchBuilder(words.name, partition)
        for (const letter of letters) batch.append(Buffer.from(`k-${letter}`), Buffer.from(letter), 1_000)
        return batch.build()
      }),
    )
  }

  /** Processes what is there; answers whether all state was what the changelogs say. */
  async function process(): Promise<boolean> {
    const ports = { log, registry, clock, logger: silentLogger, stores: state, metrics: new MemoryMetrics() }
    const app = new StreamsApp({ topologies: [topology()], ...ports })
    await app.start()
    await app.drained()
    const { drivers, environment } = app.running(name)
    const stores = []
    for (const driver of drivers.values()) stores.push(...(await verifyTask(driver, environment!)))
    await app.stop()
    return stores.length > 0 && stores.every(({ same }) => same)
  }

  async function newestCounts(): Promise<Record<string, number>> {
    const newest: Record<string, number> = {}
    const from = [0, 1].map((partition) => ({ topic: counts.name, partition, offset: 0 }))
    await followToEnd({ log, clock }, from, (batch) => {
      for (let index = 0; index < batch.length; index++)
        newest[keyAt(batch, index)!.toString()] = Number(valueAt(batch, index)!.readBigInt64BE())
    })
    return newest
  }

  const ports = () => ({ log, registry, clock, stores: new MemoryStoreProvider() })

  const restore = () =>
    restoreSavepoint(ports(), {
      directory,
      savepoint: 'one',
      topologyName: name,
      topology: topology(),
      instanceId: 'restorer',
      transactionTimeoutMs: 30_000,
      transactionMaxBytes: 100,
    })

  it('should put a topology back, over state that is there and over none', async () => {
    await write('aabbbc')
    expect(await process()).toBe(true)
    const request = { topology: topology(), directory, savepoint: 'one', reason: '', createdBy: 'test' }
    const manifest = await createSavepoint(ports(), request, stopped({ log }, name))
    const rows = manifest.tasks.flatMap(({ stores }) => stores.map(({ records }) => records))
    expect(rows.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(6)
    await write('abd')
    expect(await process()).toBe(true)
    const expected = { a: 6, b: 8, c: 2, d: 2 }
    expect(await newestCounts()).toEqual(expected)

    for (const isLost of [false, true]) {
      await restore()
      if (isLost) state = new MemoryStoreProvider()
      expect(await process()).toBe(true)
      expect(await newestCounts()).toEqual(expected)
    }
    const [range] = await log.offsetRanges([
      { topic: internalTopics.changelog(name, 'letters'), partition: 0 },
    ])
    expect(range!.start, 'changelogs go on').toBe(0)
  })
})
