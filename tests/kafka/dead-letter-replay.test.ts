/** Replays on a real broker: two instances at once, and one whose producer another has fenced. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  ByteWriter,
  DeadLetterDesk,
  type DeadLetterDeskOptions,
  deadLetterTopic,
  defineTopology,
  RecordBatchBuilder,
  requiredTopics,
  serdes,
  topic,
} from '../../streams/index.ts'
import { MemoryRegistry } from '../../streams/testing/index.ts'
import { readAll, uniqueName } from '../contracts/log-fixture.ts'
import { testBrokers } from './test-admin.ts'

const title =
  testBrokers.length > 0
    ? 'replays on a real broker'
    : 'replays on a real broker (skipped: set TEST_KAFKA_BROKERS to the host:port of one)'

describe.skipIf(testBrokers.length === 0)(title, { timeout: 60_000 }, () => {
  const registry = new MemoryRegistry()
  let log: KafkaLog

  beforeAll(async () => {
    log = await openKafkaLog({ brokers: testBrokers, clock: systemClock })
  })
  afterAll(() => log.close())

  /** A topology with so many dead letters, and desks of its own. */
  async function failed(count: number) {
    const orders = topic(uniqueName('orders'), { key: serdes.string, value: serdes.string })
    const topology = defineTopology(uniqueName('shop'), (builder) => {
      builder.stream(orders).peek(() => {})
    })
    await log.createTopics(requiredTopics(topology, new Map(), 1))
    const letters = deadLetterTopic(topology.name)
    const codec = await letters.value.open({ registry, subject: `${letters.name}-value` })
    const batch = new RecordBatchBuilder(letters.name, 0)
    for (let offset = 0; offset < count; offset++) {
      const writer = new ByteWriter()
      const value = Buffer.from(`order ${offset}`)
      codec.encode(
        {
          ...{ topic: orders.name, partition: 0, offset, timestamp: 1_000, key: null, value, headers: [] },
          ...{ topology: topology.name, sub_topology: orders.name, operator: 'parse', attempt: 1 },
          ...{ code: 'ORDER_BAD', message: 'bad', failed_time: 1_000 },
        },
        writer,
      )
      batch.append(null, writer.copy(0, writer.position), 1_000)
    }
    await log.append([batch.build()])
    const desk = (own: Partial<DeadLetterDeskOptions> = {}) =>
      new DeadLetterDesk({ log, clock: systemClock, registry, topology, ...own })
    const copies = async () => (await readAll(log, orders.name)).map(({ value }) => value)
    return { desk, copies, expected: Array.from({ length: count }, (_, index) => `order ${index}`) }
  }

  const all = { kind: 'dead-letters', filter: {}, by: 'ann', attemptsMax: 3 } as const

  it('should send each once, in their order, whoever else does the same', async () => {
    const { desk, copies, expected } = await failed(350)
    const summaries = await Promise.all([desk().replayAll(all), desk().replayAll({ ...all, by: 'bob' })])
    expect(summaries.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(350)
    expect(await copies()).toEqual(expected)
    const page = { ...all, withSettled: false, size: 10, before: undefined }
    expect(await desk().list(page)).toEqual({ letters: [], next: undefined })
    const first = await desk().list({ ...page, withSettled: true })
    expect(first.letters.map(({ letter }) => letter.record.offset)).toHaveLength(10)
    expect(first.letters.every(({ status }) => status?.state === 'REPLAYED')).toBe(true)
  })

  it.each(['looked', 'sent', 'marked'] as const)(
    'should send none twice when it is fenced at %s',
    async (step) => {
      const { desk, copies, expected } = await failed(3)
      let others: Promise<unknown> | undefined
      const fenced = desk({
        onStep: async (at) => {
          if (at !== step || others !== undefined) return
          others = desk().replayAll({ ...all, by: 'bob' })
          await others
        },
      })
      expect(await fenced.replayAll(all)).toMatchObject({ replayed: 0 })
      expect(await copies()).toEqual(expected)
    },
  )
})
