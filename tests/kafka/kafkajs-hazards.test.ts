/**
 * Why the adapter takes connections from kafkajs and nothing else: its hazards, shown on kafkajs itself, each beside what the
 * adapter does in the same situation. When one of them is gone from kafkajs, its test says so.
 */
import Batch from 'kafkajs/src/consumer/batch.js'
import SubscriptionState from 'kafkajs/src/consumer/subscriptionState.js'
import Decoder from 'kafkajs/src/protocol/decoder.js'
import decodeMessages from 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { layout } from '../../streams/adapters/kafka/codec/batch-layout.ts'
import { encodeRecordBatch } from '../../streams/adapters/kafka/codec/encode-batch.ts'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { WireReader, WireWriter } from '../../streams/adapters/kafka/protocol/wire.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { ByteWriter } from '../../streams/records/byte-writer.ts'
import { plainRecords } from '../../streams/testing/plain-records.ts'
import {
  batchOf,
  endOf,
  newTopic,
  readAll,
  TestReader,
  uniqueName,
  valuesBatch,
  waitFor,
} from '../contracts/log-fixture.ts'
import { fetched, readAllRuns, withOffsets } from './record-bytes.ts'
import { api, ScriptedBroker } from './scripted-broker.ts'
import { alterTopic, plainKafka, testBrokers, withAdmin } from './test-admin.ts'

function batchBytes(values: readonly string[]): Buffer {
  const writer = new ByteWriter()
  const batch = batchOf(
    't',
    0,
    values.map((value) => ({ key: 'k', value })),
  )
  encodeRecordBatch([{ batch, from: 0, to: values.length }], writer)
  return writer.copy(0, writer.position)
}

/** As the answer to a fetch has them: behind their length. */
function inAnswer(bytes: Buffer): Decoder {
  const writer = new WireWriter()
  writer.byteString(bytes)
  return new Decoder(writer.copy(0, writer.position))
}

const title =
  testBrokers.length > 0
    ? 'kafkajs on a real broker'
    : 'kafkajs on a real broker (skipped: set TEST_KAFKA_BROKERS to the host:port of one)'

describe.skipIf(testBrokers.length === 0)(title, { timeout: 60_000 }, () => {
  let log: KafkaLog
  beforeAll(async () => {
    log = await openKafkaLog({ brokers: testBrokers, clock: systemClock })
  })
  afterAll(async () => {
    await log?.close()
  })

  const values = async (topic: string) => (await readAll(log, topic)).map(({ value }) => value)

  /** A topic that takes all, and one that takes small batches only. */
  async function unlikeTopics(): Promise<[string, string]> {
    const [open, narrow] = [await newTopic(log), await newTopic(log)]
    await alterTopic(narrow, { 'max.message.bytes': '200' })
    return [open, narrow]
  }

  it('should acknowledge a record without writing it, after a request that failed in part (K3)', async () => {
    const [open, narrow] = await unlikeTopics()
    const producer = plainKafka().producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const failed = producer.sendBatch({
      topicMessages: [
        { topic: open, messages: [{ value: 'first', partition: 0 }] },
        { topic: narrow, messages: [{ value: 'x'.repeat(1000), partition: 0 }] },
      ],
    })
    await expect(failed).rejects.toThrow(/larger than the max message size/)
    const acknowledged = await producer.send({
      topic: open,
      messages: [{ value: 'second', partition: 0 }],
      acks: -1,
    })
    await producer.disconnect()
    expect(acknowledged).toMatchObject([{ errorCode: 0, baseOffset: '0' }])
    await waitFor('the record', async () => (await endOf(log, open)) > 0)
    expect(await values(open)).toEqual(['first'])
  })

  it('should not happen to the adapter: what it acknowledged is written (K3)', async () => {
    const [open, narrow] = await unlikeTopics()
    const failed = log.append([valuesBatch(open, 0, 'first'), valuesBatch(narrow, 0, 'x'.repeat(1000))])
    await expect(failed).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    await log.append([valuesBatch(open, 0, 'second')])
    const producer = await log.openTransactionalProducer({ transactionalId: open, timeoutMs: 10_000 })
    const sent = producer.send([valuesBatch(open, 0, 'aborted'), valuesBatch(narrow, 0, 'x'.repeat(1000))])
    await expect(sent).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    await producer.abort()
    await producer.send([valuesBatch(open, 0, 'third')])
    await producer.commit()
    await waitFor('the records', async () => (await values(open)).includes('third'))
    expect(await values(open)).toEqual(['first', 'second', 'third'])
    await producer.close()
  })

  it('should show what was aborted behind a key of four zero bytes, which the adapter hides (K4)', async () => {
    const topic = await newTopic(log)
    const producer = await log.openTransactionalProducer({ transactionalId: topic, timeoutMs: 10_000 })
    const markerLike = '\0\0\0\0'
    await producer.send([
      batchOf(topic, 0, [
        { key: 'k', value: 'hidden' },
        { key: markerLike, value: 'like a marker' },
        { key: 'k', value: 'behind it' },
      ]),
    ])
    await producer.abort()
    await log.append([valuesBatch(topic, 0, 'last')])
    await waitFor('the last record', async () => (await values(topic)).length > 0)

    const consumer = plainKafka().consumer({
      groupId: uniqueName('group'),
      maxWaitTimeInMs: 100,
      readUncommitted: false,
    })
    const seen: (string | undefined)[] = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.value?.toString()) })
    await waitFor('the last record', () => seen.includes('last'))
    await consumer.disconnect()
    expect(seen).toContain('behind it')
    expect(seen).not.toContain('hidden')
    expect(await values(topic)).toEqual(['last'])
    await producer.close()
  })

  it('should have no like in the adapter: a reader that is out of range changes no group (K5)', async () => {
    const partition = { topic: await newTopic(log), partition: 0 }
    const groupId = uniqueName('group')
    await log.append([valuesBatch(partition.topic, 0, 'a', 'b', 'c')])
    await waitFor('the records', async () => (await endOf(log, partition.topic)) === 3)
    await log.commitOffsets(groupId, [{ ...partition, offset: 1 }])
    await log.deleteRecords([{ ...partition, offset: 2 }])
    const reading = new TestReader(log)
    reading.reader.follow(partition, 1)
    expect(await reading.error()).toMatchObject({ error: { code: 'OFFSET_OUT_OF_RANGE' } })
    expect(await log.committedOffsets(groupId, [partition])).toEqual([1])
    await reading.reader.close()
  })

  it('should end before an open transaction, as the adapter does: this hazard is none (K21)', async () => {
    const topic = await newTopic(log)
    const producer = await log.openTransactionalProducer({ transactionalId: topic, timeoutMs: 10_000 })
    await producer.send([valuesBatch(topic, 0, 'open', 'open')])
    const [offsets] = await withAdmin((admin) => admin.fetchTopicOffsets(topic))
    expect(offsets).toMatchObject({ high: '0' })
    expect(await endOf(log, topic)).toBe(0)
    await producer.abort()
    await producer.close()
  })
})

describe('pausing in kafkajs', () => {
  let broker: ScriptedBroker | undefined
  afterEach(async () => {
    await broker?.close()
  })

  it('should resume partitions when one of them is paused after all of them were (K17)', () => {
    const subscription = new SubscriptionState()
    subscription.assign([{ topic: 't', partitions: [0, 1] }])
    subscription.pause([{ topic: 't' }])
    subscription.pause([{ topic: 't', partitions: [0] }])
    expect(subscription.paused()).toEqual([{ topic: 't', partitions: [0] }])
  })

  it('should have no like in the adapter: what is not taken is not asked for (K17)', async () => {
    broker = new ScriptedBroker()
    broker.topics.set('t', 3)
    const asked: number[][] = []
    broker.on(api.fetch, ({ body }) => {
      const partitions = askedPartitions(body)
      asked.push(partitions)
      return (writer) => {
        writer.int16(0)
        writer.int32(0)
        writer.array(['t'], (topic) => {
          writer.string(topic)
          writer.array(partitions, (partition) => {
            writer.int32(partition)
            writer.int16(0)
            for (let field = 0; field < 2; field++) writer.int64(2)
            writer.int64(0)
            writer.int32(-1)
            writer.int32(-1)
            // The last partition has nothing and is asked for over and over.
            writer.byteString(partition === 2 ? Buffer.alloc(0) : batchBytes(['a', 'b']))
          })
        })
      }
    })
    const log = await broker.openLog()
    const reader = log.openReader({ onReady: () => {}, onError: () => {}, maxBufferedBytes: 10 })
    for (const partition of [0, 1, 2]) reader.follow({ topic: 't', partition }, 0)
    await expect.poll(() => asked.length).toBeGreaterThan(20)
    const countOf = (partition: number) => asked.flat().filter((one) => one === partition).length
    expect([countOf(0), countOf(1)]).toEqual([1, 1])
    expect(reader.take({ topic: 't', partition: 1 })?.length).toBe(2)
    expect(reader.take({ topic: 't', partition: 1 })).toBeNull()
    await expect.poll(() => countOf(1)).toBeGreaterThan(1)
    expect(countOf(0)).toBe(1)
  })
})

function askedPartitions(body: Buffer): number[] {
  const reader = new WireReader(body)
  reader.advance(4 + 4 + 4 + 4 + 1 + 4 + 4)
  const partitions: number[] = []
  reader.array(() => {
    reader.string()
    reader.array(() => {
      partitions.push(reader.int32())
      reader.advance(4 + 8 + 8 + 4)
    })
  })
  return partitions
}

describe('a batch in kafkajs', () => {
  /** Records 0 to 3 are left of a thousand. */
  function compacted(): Buffer {
    const bytes = batchBytes(['a', 'b', 'c', 'd'])
    bytes.writeInt32BE(999, layout.lastOffsetDelta)
    return withOffsets(bytes, 0)
  }

  it('should advance by one offset where compaction left a gap, where the adapter passes over it (K20)', async () => {
    const messages = await decodeMessages(inAnswer(compacted()))
    const partitionData = { partition: 0, highWatermark: '1000', abortedTransactions: [], messages }
    const batch = new Batch('t', '500', partitionData)
    expect([batch.isEmpty(), batch.lastOffset()]).toEqual([true, '500'])
    expect(readAllRuns(fetched(compacted()), 500)).toMatchObject([{ length: 0, nextOffset: 1000 }])
  })

  it('should fail when it holds very many records, which the adapter reads (K27)', async () => {
    const count = 200_000
    const bytes = batchBytes(Array<string>(count).fill(''))
    await expect(decodeMessages(inAnswer(bytes))).rejects.toThrow(RangeError)
    const runs = readAllRuns(fetched(bytes), 0)
    expect(runs.reduce((total, run) => total + run.length, 0)).toBe(count)
    expect(plainRecords(runs[0]!)[0]).toMatchObject({ offset: 0, value: '' })
  })
})

describe.skipIf(testBrokers.length === 0)(
  'transactions that hold nothing to read',
  { timeout: 60_000 },
  () => {
    it('should be passed over by the adapter up to the end, markers included (K20)', async () => {
      const log = await openKafkaLog({ brokers: testBrokers, clock: systemClock })
      const partition = { topic: await newTopic(log), partition: 0 }
      const producer = await log.openTransactionalProducer({
        transactionalId: partition.topic,
        timeoutMs: 10_000,
      })
      await producer.send([valuesBatch(partition.topic, 0, 'aborted')])
      await producer.abort()
      const end = await waitFor('the marker', async () => (await endOf(log, partition.topic)) || undefined)
      expect(end).toBe(2)
      const reading = new TestReader(log)
      reading.reader.follow(partition, 0)
      expect(await reading.upTo(partition, end)).toEqual([])
      expect(reading.reader.position(partition)).toBe(end)
      await reading.reader.close()
      await producer.close()
      await log.close()
    })
  },
)
