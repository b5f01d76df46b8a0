import { describe, expect, it } from 'vitest'
import { type Compression, zstdAvailable } from '../../streams/adapters/kafka/codec/compression.ts'
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { Log } from '../../streams/ports/log.ts'
import { alterTopic, testBrokers } from '../kafka/test-admin.ts'
import { type LogUnderTest, logContract } from './log-contract.ts'
import {
  batchOf,
  newTopic,
  readAll,
  settled,
  TestMember,
  uniqueName,
  valuesBatch,
  waitFor,
} from './log-fixture.ts'

async function openLog(compression: Compression = 'none'): Promise<LogUnderTest> {
  const open = () =>
    openKafkaLog({
      brokers: testBrokers,
      clock: systemClock,
      heartbeatIntervalMs: 200,
      compression,
    })
  const logs = [await open()]
  return {
    log: logs[0]!,
    // A process that is gone says nothing to the broker any more: no more does a log that nobody uses.
    async reopen() {
      logs.unshift(await open())
      return logs[0]!
    },
    compact: (topic) => compactOnBroker(logs[0]!, topic),
    async close() {
      for (const log of logs) await log.close()
    },
  }
}

/** The broker cleans segments that are closed, some seconds after enough in them is superseded. */
async function compactOnBroker(log: Log, topic: string): Promise<void> {
  await alterTopic(topic, { 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.001' })
  let rollCount = 0
  await waitFor(
    'the broker to compact',
    async () => {
      const records = await readAll(log, topic)
      const keys = records.map(({ key }) => key).filter((key) => key?.startsWith('roll-') === false)
      if (new Set(keys).size === keys.length) return true
      // A record with a later time closes the segment.
      const roll = { key: `roll-${rollCount++ % 2}`, value: null, timestampMs: Date.now() }
      await log.append([batchOf(topic, 0, [roll])])
      return false
    },
    { deadlineMs: 90_000, longestPauseMs: 1000 },
  )
}

if (testBrokers.length > 0) {
  logContract('Apache Kafka', () => openLog())

  describe('Apache Kafka', () => {
    const compressions = (['gzip', 'snappy', 'lz4', 'zstd'] as const).filter(
      (compression) => compression !== 'zstd' || zstdAvailable,
    )

    it.each(compressions)('should keep what is written with %s', async (compression) => {
      const { log, close } = await openLog(compression)
      const topic = await newTopic(log)
      const values = Array.from({ length: 5000 }, (_, i) => `value ${i}`)
      const producer = await log.openTransactionalProducer({ transactionalId: topic, timeoutMs: 10_000 })
      await producer.send([valuesBatch(topic, 0, 'aborted')])
      await producer.abort()
      await producer.send([valuesBatch(topic, 0, ...values)])
      await producer.commit()
      await log.append([valuesBatch(topic, 0, 'last')])
      await waitFor('the records', async () => (await readAll(log, topic)).length > values.length)
      expect((await readAll(log, topic)).map(({ value }) => value)).toEqual([...values, 'last'])
      await close()
    })

    it('should refuse offsets of a group that has members from anybody else', async () => {
      const [{ log, close }, other] = [await openLog(), await openLog()]
      const topic = await newTopic(log)
      const groupId = uniqueName('group')
      const member = await new TestMember().join(log, groupId, [topic])
      await settled([member])
      const commit = other.log.commitOffsets(groupId, [{ topic, partition: 0, offset: 3 }])
      await expect(commit).rejects.toMatchObject({ code: 'MEMBER_UNKNOWN' })
      await member.leave()
      await Promise.all([close(), other.close()])
    })
  })
} else {
  describe('log contract: Apache Kafka', () => {
    it.skipIf(true)(
      'should be met by a real broker (skipped: set TEST_KAFKA_BROKERS to the host:port of one)',
      () => {},
    )
  })
}
