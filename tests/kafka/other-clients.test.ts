/** What other clients write is read as they wrote it, and they read what is written here: the Java client and kafkajs. */
import { CompressionTypes } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { type Compression, zstdAvailable } from '../../streams/adapters/kafka/codec/compression.ts'
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { PlainRecord } from '../../streams/testing/plain-records.ts'
import { batchOf, newTopic, readAll, uniqueName, waitFor } from '../contracts/log-fixture.ts'
import { runTool, testServices } from './own-broker.ts'
import { plainKafka, testBrokers } from './test-admin.ts'

const codecs = (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).filter(
  (codec) => codec !== 'zstd' || zstdAvailable,
)

/** Text that compresses, with what makes records differ in shape. */
const records: readonly Required<PlainRecord>[] = Array.from({ length: 3000 }, (_, i) => ({
  key: i % 50 === 0 ? null : `user-${i % 97}`,
  value: i % 70 === 0 ? null : `order ${31_198_570_044 + i} is ${['new', 'paid', 'sent'][i % 3]}`,
  timestampMs: 1_700_000_000_000 + i * 7,
  headers: i % 10 === 0 ? [{ key: 'source', value: Buffer.from(`web ${i}`) }] : [],
}))

/** Writes the records in a transaction, behind one that is aborted, and waits until they can be read. */
async function write(topic: string, compression: Compression): Promise<void> {
  const log = await openKafkaLog({ brokers: testBrokers, clock: systemClock, compression })
  await log.createTopics([{ name: topic, partitions: 1, cleanup: 'delete', timestampType: 'create' }])
  const producer = await log.openTransactionalProducer({ transactionalId: topic, timeoutMs: 10_000 })
  await producer.send([batchOf(topic, 0, [{ key: 'aborted', value: 'aborted' }])])
  await producer.abort()
  await producer.send([batchOf(topic, 0, records)])
  await producer.commit()
  await waitFor('the records', async () => (await readAll(log, topic)).length === records.length)
  await log.close()
}

const withoutBroker = testBrokers.length === 0
const kafkajsTitle = withoutBroker
  ? 'kafkajs (skipped: set TEST_KAFKA_BROKERS to the host:port of a broker)'
  : 'kafkajs'

describe.skipIf(withoutBroker)(kafkajsTitle, { timeout: 60_000 }, () => {
  it.each(['none', 'gzip'] as const)('should read what is written here (%s)', async (codec) => {
    const topic = uniqueName('topic')
    await write(topic, codec)
    const consumer = plainKafka().consumer({ groupId: uniqueName('group'), maxWaitTimeInMs: 100 })
    const read: Required<PlainRecord>[] = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message: { key, value, timestamp, headers = {} } }) => {
        read.push({
          key: key?.toString() ?? null,
          value: value?.toString() ?? null,
          timestampMs: Number(timestamp),
          headers: Object.entries(headers).map(([name, one]) => ({
            key: name,
            value: Buffer.from(String(one)),
          })),
        })
      },
    })
    await waitFor('all of it', () => read.length >= records.length)
    await consumer.disconnect()
    expect(read).toEqual(records)
  })

  it.each([
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
  ] as const)('should be read here (%s)', async (_codec, compression) => {
    const log = await openKafkaLog({ brokers: testBrokers, clock: systemClock })
    const topic = await newTopic(log)
    const producer = plainKafka().producer({
      transactionalId: topic,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    const messages = records.map(({ key, value, timestampMs, headers }) => ({
      key,
      value,
      timestamp: `${timestampMs}`,
      partition: 0,
      headers: Object.fromEntries(headers.map((header) => [header.key, Buffer.from(header.value ?? '')])),
    }))
    const dropped = await producer.transaction()
    await dropped.send({ topic, messages: [{ key: 'aborted', value: 'aborted' }], compression })
    await dropped.abort()
    const kept = await producer.transaction()
    for (let at = 0; at < messages.length; at += 1000) {
      await kept.send({ topic, messages: messages.slice(at, at + 1000), compression })
    }
    await kept.commit()
    await producer.disconnect()
    await waitFor('the records', async () => (await readAll(log, topic)).length === records.length)
    const read = await readAll(log, topic)
    expect(read.map(({ offset: _, ...record }) => record)).toEqual(records)
    await log.close()
  })
})

const withoutJava = withoutBroker || testServices === ''
const javaTitle = withoutJava
  ? 'the Java client (skipped: set TEST_KAFKA_BROKERS, and TEST_SERVICES to the folder with the command kafka)'
  : 'the Java client'

describe.skipIf(withoutJava)(javaTitle, { timeout: 120_000 }, () => {
  it('should read what is written here, by every codec', async () => {
    const prefix = uniqueName('java')
    const topics = codecs.map((codec) => `${prefix}-${codec}`)
    for (const codec of codecs) await write(`${prefix}-${codec}`, codec)
    const printed = await runTool(
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      ...['--bootstrap-server', testBrokers[0]!, '--include', `${prefix}-.*`, '--from-beginning'],
      ...['--isolation-level', 'read_committed', '--max-messages', `${records.length * topics.length}`],
      ...['timestamp', 'key', 'headers', 'partition'].flatMap((part) => ['--property', `print.${part}=true`]),
      ...[
        '--property',
        'null.literal=-',
        '--property',
        'key.separator=|',
        '--property',
        'headers.separator=,',
      ],
    )
    const expected = records.map(({ key, value, timestampMs, headers }) => {
      const shown = headers.map((header) => `${header.key}:${header.value}`).join(',') || 'NO_HEADERS'
      return `CreateTime:${timestampMs}|Partition:0|${shown}|${key ?? '-'}|${value ?? '-'}`
    })
    const lines = printed.split('\n').filter((line) => line.startsWith('CreateTime'))
    expect(lines).toHaveLength(records.length * topics.length)
    const counts = new Map<string, number>()
    for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1)
    expect([...counts.keys()].sort()).toEqual([...expected].sort())
    expect(new Set(counts.values())).toEqual(new Set([topics.length]))
  })
})
