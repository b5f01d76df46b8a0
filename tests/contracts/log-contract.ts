/**
 * What every adapter of the Log port must do, stated as tests. The semantics are Apache Kafka's, so the tests allow what
 * Kafka allows:
 * 1. Gaps between offsets, control records that take one up, and batches that hold no record a reader may see.
 * 2. Effects that show a little after the call that caused them: the tests wait for what must come, and look at once only
 *    for what must not be there.
 * 3. Compaction whenever the log likes: only where it can be triggered do they count on it. Retention is not tested here.
 * 4. Rebalances that take seconds, come more often than members do, and go by whatever leader there is.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StreamsError } from '../../streams/errors.ts'
import type { Log } from '../../streams/ports/log.ts'
import { compactionContract } from './log-contract-compaction.ts'
import { groupContract } from './log-contract-groups.ts'
import { transactionContract } from './log-contract-transactions.ts'
import {
  batchOf,
  endOf,
  type LogUnderTest,
  newTopic,
  readAll,
  TestReader,
  uniqueName,
  valuesBatch,
  waitFor,
} from './log-fixture.ts'

export type { LogUnderTest } from './log-fixture.ts'

/** Declares the contract's tests for one adapter; each opens what it needs through `openLog`. */
export function logContract(name: string, openLog: () => Promise<LogUnderTest>): void {
  // A server takes seconds for a rebalance, and more for a transaction that timed out.
  describe(`log contract: ${name}`, { timeout: 180_000 }, () => {
    let subject: LogUnderTest
    beforeAll(async () => {
      subject = await openLog()
    })
    afterAll(async () => {
      await subject.close()
    })

    describe('topics', () => topicContract(() => subject.log))
    describe('records', () => recordContract(() => subject.log))
    describe('readers', () => readerContract(() => subject.log))
    describe('deleting records', () => deletionContract(() => subject.log))
    describe('transactions', () => transactionContract(() => subject.log, openLog))
    describe('groups', () => groupContract(() => subject.log))
    describe('compaction', () => compactionContract(() => subject))
  })
}

function topicContract(log: () => Log): void {
  it('should describe a topic as it was created', async () => {
    const name = uniqueName('topic')
    const settings = {
      name,
      partitions: 3,
      cleanup: 'compact-delete',
      retentionMs: 86_400_000,
      timestampType: 'append',
    } as const
    await log().createTopics([settings])
    expect(await log().describeTopics([name])).toEqual([settings])
    expect(await log().describeTopics()).toContainEqual(settings)
  })

  it('should leave a topic as it is when it is created again with the same settings', async () => {
    const name = await newTopic(log())
    await log().append([valuesBatch(name, 0, 'kept')])
    await log().createTopics([{ name, partitions: 1, cleanup: 'delete', timestampType: 'create' }])
    await waitFor('the record', async () => (await endOf(log(), name)) > 0)
    expect((await readAll(log(), name)).map((record) => record.value)).toEqual(['kept'])
  })

  it('should say which topics it created, in the order asked', async () => {
    const settings = { partitions: 1, cleanup: 'delete', timestampType: 'create' } as const
    const [one, other] = [uniqueName('topic'), uniqueName('topic')]
    expect(await log().createTopics([])).toEqual([])
    expect(await log().createTopics([{ name: one, ...settings }])).toEqual(['created'])
    expect(await log().createTopics([other, one].map((name) => ({ name, ...settings })))).toEqual([
      'created',
      'exists',
    ])
    const both = [one, other].map((name) => ({ name, ...settings }))
    expect(await log().createTopics(both)).toEqual(['exists', 'exists'])
  })

  it('should create a topic once when several ask for it at a time', async () => {
    const settings = { partitions: 2, cleanup: 'compact', timestampType: 'create' } as const
    const names = [uniqueName('topic'), uniqueName('topic')]
    const wanted = names.map((name) => ({ name, ...settings }))
    const outcomes = await Promise.all([1, 2, 3].map(() => log().createTopics(wanted)))
    for (const index of [0, 1]) {
      expect(outcomes.filter((outcome) => outcome[index] === 'created')).toHaveLength(1)
    }
    expect(await log().describeTopics(names)).toEqual(wanted)
  })

  it('should name all that is not as needed in one error, and create nothing then', async () => {
    const [one, other, missing] = [
      await newTopic(log(), { partitions: 2 }),
      await newTopic(log(), { retentionMs: 5000 }),
      uniqueName('missing'),
    ]
    const settings = { partitions: 1, cleanup: 'compact-delete', timestampType: 'append' } as const
    const refused = log().createTopics([missing, one, other].map((name) => ({ name, ...settings })))
    const named = [
      { topic: one, setting: 'partitions', is: 2, should: 1 },
      { topic: one, setting: 'cleanup', is: 'delete', should: 'compact-delete' },
      { topic: one, setting: 'timestampType', is: 'create', should: 'append' },
      { topic: other, setting: 'cleanup', is: 'delete', should: 'compact-delete' },
      { topic: other, setting: 'timestampType', is: 'create', should: 'append' },
      { topic: other, setting: 'retentionMs', is: 5000, should: 'not limited' },
    ]
    const lines = await refused.then(
      () => [],
      (error: StreamsError) => (error.code === 'TOPIC_MISMATCH' ? error.message.split('\n') : [error]),
    )
    expect(lines).toHaveLength(1 + named.length)
    for (const { topic, setting, is, should } of named) {
      const line = new RegExp(`^  topic "${topic}": ${setting} is ${is}, it should be ${should}: .+`)
      expect(lines).toContainEqual(expect.stringMatching(line))
    }
    await expect(log().describeTopics([missing])).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' })
  })

  it('should refuse other settings, naming the setting, what it is and what it should be', async () => {
    const name = await newTopic(log(), { partitions: 2 })
    const other = { name, partitions: 2, cleanup: 'delete', timestampType: 'create' } as const
    const refused = (settings: object) => log().createTopics([{ ...other, ...settings }])
    await expect(refused({ partitions: 4 })).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(new RegExp(`${name}.*partitions.*2.*4`)),
    })
    await expect(refused({ cleanup: 'compact' })).rejects.toMatchObject({
      code: 'TOPIC_MISMATCH',
      message: expect.stringMatching(/cleanup.*delete.*compact/),
    })
    await expect(refused({ retentionMs: 60_000 })).rejects.toMatchObject({ code: 'TOPIC_MISMATCH' })
    await expect(refused({ timestampType: 'append' })).rejects.toMatchObject({ code: 'TOPIC_MISMATCH' })
  })

  it('should say TOPIC_UNKNOWN of a topic or partition that does not exist', async () => {
    const missing = uniqueName('missing')
    const name = await newTopic(log())
    const unknown = { code: 'TOPIC_UNKNOWN' }
    await expect(log().describeTopics([missing])).rejects.toMatchObject(unknown)
    await expect(log().offsetRanges([{ topic: missing, partition: 0 }])).rejects.toMatchObject(unknown)
    await expect(log().offsetRanges([{ topic: name, partition: 1 }])).rejects.toMatchObject(unknown)
    await expect(log().append([valuesBatch(missing, 0, 'a')])).rejects.toMatchObject(unknown)
    await expect(log().append([valuesBatch(name, 1, 'a')])).rejects.toMatchObject(unknown)
  })
}

function recordContract(log: () => Log): void {
  it('should give records back in the order in which they were appended', async () => {
    const topic = await newTopic(log())
    const [first] = await log().append([valuesBatch(topic, 0, 'a', 'b')])
    const [second, third] = await log().append([valuesBatch(topic, 0, 'c'), valuesBatch(topic, 0, 'd')])
    const test = new TestReader(log())
    test.reader.follow({ topic, partition: 0 }, 0)
    const records = await test.next({ topic, partition: 0 }, 4)
    expect(records.map((record) => record.value)).toEqual(['a', 'b', 'c', 'd'])
    expect(records.map((record) => record.offset)).toEqual([first, first! + 1, second, third])
    expect([first! + 1 < second!, second! < third!]).toEqual([true, true])
    await test.reader.close()
  })

  it('should keep keys, values, headers and timestamps as they were sent, and null apart from empty', async () => {
    const topic = await newTopic(log())
    const sent = [
      { key: 'key', value: 'välue', timestampMs: 1_600_000_000_123, headers: [] },
      { key: null, value: 'v', timestampMs: 1, headers: [{ key: 'a', value: Buffer.from('1') }] },
      {
        key: 'k',
        value: null,
        timestampMs: 1_700_000_000_000,
        headers: [
          { key: 'a', value: Buffer.from('2') },
          { key: 'ä', value: null },
          { key: 'a', value: Buffer.alloc(0) },
        ],
      },
      { key: '', value: '', timestampMs: 1_500_000_000_000, headers: [] },
      { key: null, value: null, timestampMs: 1_600_000_000_000, headers: [] },
    ]
    await log().append([batchOf(topic, 0, sent)])
    const test = new TestReader(log())
    test.reader.follow({ topic, partition: 0 }, 0)
    const records = await test.next({ topic, partition: 0 }, sent.length)
    expect(records.map(({ offset: _, ...record }) => record)).toEqual(sent)
    await test.reader.close()
  })

  it('should stamp records with its own time where the topic says so', async () => {
    const topic = await newTopic(log(), { timestampType: 'append' })
    await log().append([batchOf(topic, 0, [{ key: 'k', value: 'v', timestampMs: 5 }])])
    const test = new TestReader(log())
    test.reader.follow({ topic, partition: 0 }, 0)
    const [record] = await test.next({ topic, partition: 0 }, 1)
    expect(record!.timestampMs).toBeGreaterThan(1_600_000_000_000)
    await test.reader.close()
  })

  it('should keep partitions apart', async () => {
    const topic = await newTopic(log(), { partitions: 3 })
    const batches = [0, 1, 2].map((partition) => valuesBatch(topic, partition, `p${partition}`))
    await log().append(batches)
    const test = new TestReader(log())
    for (const partition of [0, 1, 2]) test.reader.follow({ topic, partition }, 0)
    for (const partition of [2, 0, 1]) {
      const records = await test.next({ topic, partition }, 1)
      expect(records.map((record) => record.value)).toEqual([`p${partition}`])
    }
    await test.reader.close()
  })

  it('should take large batches and large records', async () => {
    const topic = await newTopic(log())
    const values = Array.from({ length: 20_000 }, (_, i) => `${i}-${'x'.repeat(i % 50)}`)
    const large = 'y'.repeat(900_000)
    await log().append([valuesBatch(topic, 0, ...values.slice(0, 8000))])
    await log().append([valuesBatch(topic, 0, large)])
    await log().append([valuesBatch(topic, 0, ...values.slice(8000))])
    const test = new TestReader(log())
    test.reader.follow({ topic, partition: 0 }, 0)
    const records = await test.next({ topic, partition: 0 }, 20_001)
    const expected = [...values.slice(0, 8000), large, ...values.slice(8000)]
    expect(records.every((record, i) => record.value === expected[i])).toBe(true)
    await test.reader.close()
  })

  it('should refuse a record that is too large, and take others afterwards', async () => {
    const topic = await newTopic(log())
    const tooLarge = log().append([valuesBatch(topic, 0, 'z'.repeat(5 * 1024 * 1024))])
    await expect(tooLarge).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    await log().append([valuesBatch(topic, 0, 'small')])
    await waitFor('the record', async () => (await endOf(log(), topic)) > 0)
    expect((await readAll(log(), topic)).map((record) => record.value)).toEqual(['small'])
  })
}

function readerContract(log: () => Log): void {
  it('should follow from any offset', async () => {
    const topic = await newTopic(log())
    const [first] = await log().append([valuesBatch(topic, 0, 'a', 'b', 'c', 'd')])
    const test = new TestReader(log())
    test.reader.follow({ topic, partition: 0 }, first! + 2)
    expect(test.reader.position({ topic, partition: 0 })).toBe(first! + 2)
    const records = await test.next({ topic, partition: 0 }, 2)
    expect(records.map((record) => [record.offset, record.value])).toEqual([
      [first! + 2, 'c'],
      [first! + 3, 'd'],
    ])
    expect(test.reader.position({ topic, partition: 0 })).toBeGreaterThanOrEqual(first! + 4)
    await test.reader.close()
  })

  it('should call onReady when there is something new, not from inside a call', async () => {
    const topic = await newTopic(log())
    const partition = { topic, partition: 0 }
    let insideCall = false
    let ready = 0
    const reader = log().openReader({
      onReady: () => {
        expect(insideCall).toBe(false)
        ready++
      },
      onError: () => {},
    })
    insideCall = true
    reader.follow(partition, 0)
    expect(reader.take(partition)?.length ?? 0).toBe(0)
    insideCall = false
    for (const value of ['a', 'b']) {
      const before = ready
      await log().append([valuesBatch(topic, 0, value)])
      await waitFor('onReady', () => ready > before)
      await waitFor('the record', () => {
        insideCall = true
        const batch = reader.take(partition)
        insideCall = false
        return batch !== null && batch.length === 1
      })
    }
    await reader.close()
  })

  it('should begin anew where a partition is followed again, and give nothing once it is not', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    await log().append([valuesBatch(topic, 0, 'a', 'b'), valuesBatch(topic, 1, 'other')])
    const test = new TestReader(log())
    for (let round = 0; round < 2; round++) {
      test.reader.follow({ topic, partition: 0 }, 0)
      const records = await test.next({ topic, partition: 0 }, 2)
      expect(records.map((record) => record.value)).toEqual(['a', 'b'])
    }
    test.reader.follow({ topic, partition: 0 }, 0)
    test.reader.unfollow({ topic, partition: 0 })
    test.reader.follow({ topic, partition: 1 }, 0)
    await test.next({ topic, partition: 1 }, 1)
    expect(test.reader.take({ topic, partition: 0 })).toBeNull()
    expect(test.reader.end({ topic, partition: 0 })).toBeUndefined()
    await test.reader.close()
  })

  it('should give all records to each of several readers of a partition, wherever they stand', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const partition = { topic, partition: 0 }
    await log().append([valuesBatch(topic, 0, 'a', 'b'), valuesBatch(topic, 1, 'other')])
    const tests = [0, 0, 1, 2, 0, 1].map((offset) => {
      const test = new TestReader(log())
      test.reader.follow(partition, offset)
      test.reader.follow({ topic, partition: 1 }, 0)
      return { test, values: ['a', 'b'].slice(offset) }
    })
    for (const value of ['c', 'd', 'e']) {
      await log().append([valuesBatch(topic, 0, value)])
      for (const { test, values } of tests) {
        values.push(value)
        const records = await test.next(partition, values.length)
        expect(records.map((record) => record.value)).toEqual(values.splice(0))
      }
    }
    for (const { test } of tests) {
      await test.next({ topic, partition: 1 }, 1)
      await test.reader.close()
    }
  })

  it('should know the end that it has fetched', async () => {
    const topic = await newTopic(log())
    const partition = { topic, partition: 0 }
    await log().append([valuesBatch(topic, 0, 'a', 'b', 'c')])
    const test = new TestReader(log())
    test.reader.follow(partition, 0)
    await test.next(partition, 3)
    const end = await waitFor('the end', () => test.reader.end(partition))
    expect(end).toBe(test.reader.position(partition))
    expect(await endOf(log(), topic)).toBe(end)
    await test.reader.close()
  })

  it('should deliver everything within a small buffer, also beside a partition that nobody takes from', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const values = Array.from({ length: 4000 }, (_, i) => `${i}-${'x'.repeat(400)}`)
    for (let at = 0; at < values.length; at += 500) {
      const some = values.slice(at, at + 500)
      await log().append([valuesBatch(topic, 0, ...some), valuesBatch(topic, 1, ...some)])
    }
    const test = new TestReader(log(), 64 * 1024)
    test.reader.follow({ topic, partition: 0 }, 0)
    test.reader.follow({ topic, partition: 1 }, 0)
    for (const partition of [0, 1]) {
      const records = await test.next({ topic, partition }, values.length)
      expect(records.every((record, i) => record.value === values[i])).toBe(true)
    }
    await test.reader.close()
  })

  it('should report a topic that does not exist, and an offset beyond the end', async () => {
    const unknown = new TestReader(log())
    const missing = { topic: uniqueName('missing'), partition: 0 }
    unknown.reader.follow(missing, 0)
    expect(unknown.errors).toEqual([])
    expect(await unknown.error()).toMatchObject({ partition: missing, error: { code: 'TOPIC_UNKNOWN' } })
    await unknown.reader.close()

    const beyond = new TestReader(log())
    const partition = { topic: await newTopic(log()), partition: 0 }
    beyond.reader.follow(partition, 1000)
    expect(await beyond.error()).toMatchObject({ partition, error: { code: 'OFFSET_OUT_OF_RANGE' } })
    await beyond.reader.close()
  })
}

function deletionContract(log: () => Log): void {
  it('should move the start and keep what lies behind it', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const [first] = await log().append([valuesBatch(topic, 0, 'a', 'b', 'c'), valuesBatch(topic, 1, 'other')])
    await waitFor('the records', async () => (await endOf(log(), topic)) >= first! + 3)
    await waitFor('the other record', async () => (await endOf(log(), topic, 1)) > 0)
    await log().deleteRecords([{ topic, partition: 0, offset: first! + 2 }])
    const ranges = await log().offsetRanges([0, 1].map((partition) => ({ topic, partition })))
    expect(ranges.map((range) => range.start)).toEqual([first! + 2, 0])
    expect((await readAll(log(), topic)).map((record) => record.value)).toEqual(['c'])
    expect((await readAll(log(), topic, 1)).map((record) => record.value)).toEqual(['other'])
    await log().deleteRecords([{ topic, partition: 0, offset: first! }])
    expect((await log().offsetRanges([{ topic, partition: 0 }]))[0]!.start).toBe(first! + 2)
  })

  it('should keep the end when everything is deleted', async () => {
    const topic = await newTopic(log())
    await log().append([valuesBatch(topic, 0, 'a', 'b', 'c')])
    const end = await waitFor('the records', async () => (await endOf(log(), topic)) || undefined)
    await log().deleteRecords([{ topic, partition: 0, offset: end }])
    expect(await log().offsetRanges([{ topic, partition: 0 }])).toEqual([
      { topic, partition: 0, start: end, end },
    ])
    const [next] = await log().append([valuesBatch(topic, 0, 'd')])
    expect(next).toBeGreaterThanOrEqual(end)
    await waitFor('the record', async () => (await endOf(log(), topic)) > end)
    expect((await readAll(log(), topic)).map((record) => record.value)).toEqual(['d'])
  })

  it('should report OFFSET_OUT_OF_RANGE to a reader below the start, which then can follow from the start', async () => {
    const topic = await newTopic(log())
    const partition = { topic, partition: 0 }
    const [first] = await log().append([valuesBatch(topic, 0, 'a', 'b', 'c')])
    await waitFor('the records', async () => (await endOf(log(), topic)) >= first! + 3)
    await log().deleteRecords([{ ...partition, offset: first! + 1 }])
    const test = new TestReader(log())
    test.reader.follow(partition, first!)
    expect(await test.error()).toMatchObject({ partition, error: { code: 'OFFSET_OUT_OF_RANGE' } })
    expect(test.reader.take(partition)).toBeNull()
    test.errors.length = 0
    test.reader.follow(partition, first! + 1)
    expect((await test.next(partition, 2)).map((record) => record.value)).toEqual(['b', 'c'])
    await test.reader.close()
  })

  it('should refuse to delete what is not there yet', async () => {
    const topic = await newTopic(log())
    const deletion = log().deleteRecords([{ topic, partition: 0, offset: 10 }])
    await expect(deletion).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
  })
}
