/** What operators do to topics on a real broker, and what the adapter says of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { zstdAvailable } from '../../streams/adapters/kafka/codec/compression.ts'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import type { KafkaLogOptions } from '../../streams/adapters/kafka/kafka-options.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  newTopic,
  readAll,
  settled,
  TestMember,
  uniqueName,
  valuesBatch,
  waitFor,
} from '../contracts/log-fixture.ts'
import { alterTopic, growTopic, ownSettings, testBrokers, withAdmin } from './test-admin.ts'

const title =
  testBrokers.length > 0
    ? 'topics of a real broker'
    : 'topics of a real broker (skipped: set TEST_KAFKA_BROKERS to the host:port of one)'

describe.skipIf(testBrokers.length === 0)(title, { timeout: 60_000 }, () => {
  let log: KafkaLog
  const openLog = (options: Partial<KafkaLogOptions> = {}) =>
    openKafkaLog({ brokers: testBrokers, clock: systemClock, heartbeatIntervalMs: 200, ...options })
  beforeAll(async () => {
    log = await openLog()
  })
  afterAll(async () => {
    await log.close()
  })

  /** A topic as Kafka's tools make it, with nothing set. */
  async function handMade(): Promise<string> {
    const topic = uniqueName('by-hand')
    const topics = [{ topic, numPartitions: 1, replicationFactor: 1 }]
    await withAdmin((admin) => admin.createTopics({ topics, waitForLeaders: true }))
    return topic
  }

  const keptForEver = { partitions: 1, cleanup: 'delete', timestampType: 'create' } as const

  it('should be created so that nothing but what was asked for deletes records or compresses them', async () => {
    const topic = await newTopic(log, { cleanup: 'compact-delete', timestampType: 'append' })
    expect(await ownSettings(topic)).toEqual({
      'cleanup.policy': 'compact,delete',
      'compression.type': 'producer',
      'message.timestamp.type': 'LogAppendTime',
      'retention.bytes': '-1',
      'retention.ms': '-1',
    })
    expect(await ownSettings(await newTopic(log, { cleanup: 'compact' }))).toEqual({
      'cleanup.policy': 'compact',
      'compression.type': 'producer',
      'message.timestamp.type': 'CreateTime',
    })
  })

  it("should be refused with the broker's default retention where records are to be kept for ever", async () => {
    const name = await handMade()
    const weekMs = 7 * 24 * 3600 * 1000
    const setRetention = 'kafka-configs.sh .*--alter .*--add-config retention.ms=-1'
    await expect(log.createTopics([{ name, ...keptForEver }])).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(
        `^topic "${name}": retentionMs is ${weekMs} by the broker's default, it should be not limited: ${setRetention}`,
      ),
    })
    expect(await log.createTopics([{ name, ...keptForEver, retentionMs: weekMs }])).toEqual(['exists'])
    await alterTopic(name, { 'retention.ms': '-1' })
    expect(await log.createTopics([{ name, ...keptForEver }])).toEqual(['exists'])
  })

  it('should be refused when they lose records beyond a size', async () => {
    const name = await newTopic(log)
    await alterTopic(name, { 'retention.bytes': '1000000' })
    await expect(log.createTopics([{ name, ...keptForEver }])).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(
        /retentionBytes is 1000000, it should be not limited: .*retention.bytes=-1/,
      ),
    })
    const compacted = await newTopic(log, { cleanup: 'compact' })
    await alterTopic(compacted, { 'retention.bytes': '1000000' })
    const settings = { partitions: 1, cleanup: 'compact', timestampType: 'create' } as const
    expect(await log.createTopics([{ name: compacted, ...settings }])).toEqual(['exists'])
  })

  it('should be refused with another replication factor only when one was asked for', async () => {
    const name = await newTopic(log)
    const particular = await openLog({ replicationFactor: 3 })
    await expect(particular.createTopics([{ name, ...keptForEver }])).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(
        /replicationFactor is 1, it should be 3: kafka-reassign-partitions.sh .* 3 replicas/,
      ),
    })
    await particular.close()
  })

  it.each(['gzip', 'snappy', 'lz4', 'uncompressed'])(
    'should be taken when they are kept as %s',
    async (type) => {
      const name = await newTopic(log)
      await alterTopic(name, { 'compression.type': type })
      expect(await log.createTopics([{ name, ...keptForEver }])).toEqual(['exists'])
      const values = Array.from({ length: 200 }, (_, i) => `value ${i}`)
      await log.append([valuesBatch(name, 0, ...values)])
      await waitFor('the records', async () => (await readAll(log, name)).length === values.length)
      expect((await readAll(log, name)).map(({ value }) => value)).toEqual(values)
    },
  )

  it('should be taken when they are kept as zstd where this Node reads it, else refused', async () => {
    const name = await newTopic(log)
    await alterTopic(name, { 'compression.type': 'zstd' })
    const outcome = log.createTopics([{ name, ...keptForEver }])
    if (zstdAvailable) return expect(await outcome).toEqual(['exists'])
    await expect(outcome).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(
        /compression is zstd, .*compression.type=producer, or run Node.js 22.15 or newer/,
      ),
    })
  })

  it('should be described with the partitions that they have grown to, which can be used at once (K19)', async () => {
    const topic = await newTopic(log)
    await log.append([valuesBatch(topic, 0, 'old')])
    await growTopic(topic, 3)
    const grown = async () => (await log.describeTopics([topic]))[0]!.partitions === 3
    await waitFor('three partitions', grown)
    await log.append([valuesBatch(topic, 2, 'new')])
    await waitFor('the record', async () => (await readAll(log, topic, 2)).length === 1)
  })

  it('should be shared out with the partitions that they have grown to, at the next rebalance (K19)', async () => {
    const topic = await newTopic(log)
    const groupId = uniqueName('group')
    const member = await new TestMember().join(log, groupId, [topic])
    expect(await settled([member])).toEqual([[`${topic}-0`]])
    await growTopic(topic, 2)
    await waitFor('two partitions', async () => (await log.describeTopics([topic]))[0]!.partitions === 2)
    const before = member.assigned!.generation
    member.rejoin()
    expect(await settled([member], before)).toEqual([[`${topic}-0`, `${topic}-1`]])
    await member.leave()
  })
})
