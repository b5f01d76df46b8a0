import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newTopic, openNew, openOn, readAll, valuesOf } from '../../../tests/support/embedded-log.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { batchOf, valuesBatch } from '../../testing/plain-records.ts'
import { MemoryStoreProvider } from '../memory/memory-store.ts'
import { openEmbeddedLog } from './embedded-log.ts'
import { formatKey } from './log-keys.ts'

describe('openEmbeddedLog', () => {
  it('should refuse a store of another format or with other content', async () => {
    const newer = await new MemoryStoreProvider().open('log')
    const batch = newer.batch()
    batch.put(formatKey, Buffer.of(2))
    newer.write(batch)
    const clock = new ManualClock()
    await expect(openEmbeddedLog({ store: newer, clock })).rejects.toMatchObject({
      code: 'STATE_FORMAT_UNSUPPORTED',
      message: expect.stringContaining('format 02'),
    })

    const foreign = await new MemoryStoreProvider().open('log')
    const other = foreign.batch()
    other.put(Buffer.from('k'), Buffer.from('v'))
    foreign.write(other)
    await expect(openEmbeddedLog({ store: foreign, clock })).rejects.toMatchObject({
      code: 'STATE_FORMAT_UNSUPPORTED',
    })
  })

  it('should write nothing when a log that is there is opened, read and closed', async () => {
    let writes = 0
    const provider = new MemoryStoreProvider({ beforeWrite: () => writes++ })
    const { log, store } = await openOn(provider)
    const topic = await newTopic(log)
    await log.append([valuesBatch(topic, 0, 'a')])
    await log.close()
    await store.close()
    const before = writes
    const { log: inspected } = await openOn(provider)
    expect(valuesOf(await readAll(inspected, topic))).toEqual(['a'])
    await inspected.close()
    expect(writes).toBe(before)
  })
})

describe('EmbeddedLog', () => {
  it('should write what is committed within one turn as one synced batch', async () => {
    const writes: boolean[] = []
    const { log } = await openNew({ beforeWrite: ({ sync }) => writes.push(sync) })
    const topic = await newTopic(log)
    const producers = await Promise.all(
      ['a', 'b', 'c'].map((transactionalId) =>
        log.openTransactionalProducer({ transactionalId, timeoutMs: 1000 }),
      ),
    )
    for (const producer of producers) await producer.send([valuesBatch(topic, 0, 'v')])
    writes.length = 0
    await Promise.all(producers.map((producer) => producer.commit()))
    expect(writes).toEqual([true])
    expect(await readAll(log, topic)).toHaveLength(3)
  })

  it('should make nothing of a failed write visible, and write nothing more', async () => {
    let full = false
    const failure = new Error('no space')
    const provider = new MemoryStoreProvider({
      beforeWrite: () => {
        if (full) throw failure
      },
    })
    const { log } = await openOn(provider)
    const topic = await newTopic(log)
    const producer = await log.openTransactionalProducer({ transactionalId: 'a', timeoutMs: 1000 })
    await producer.send([valuesBatch(topic, 0, 'lost')])
    full = true
    await expect(producer.commit()).rejects.toBe(failure)
    await expect(log.append([valuesBatch(topic, 0, 'lost')])).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    })
    full = false
    await expect(log.append([valuesBatch(topic, 0, 'late')])).rejects.toMatchObject({ cause: failure })
    expect(await readAll(log, topic)).toEqual([])
    const reopened = await openOn(provider.snapshot())
    await reopened.log.append([valuesBatch(topic, 0, 'anew')])
    expect(valuesOf(await readAll(reopened.log, topic))).toEqual(['anew'])
  })

  it('should take nothing of a call in which one batch is refused', async () => {
    const { log } = await openNew({}, { maxRecordBytes: 100 })
    const topic = await newTopic(log)
    const producer = await log.openTransactionalProducer({ transactionalId: 'a', timeoutMs: 1000 })
    const batches = [valuesBatch(topic, 0, 'a'), valuesBatch(topic, 0, 'x'.repeat(100))]
    await expect(log.append(batches)).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
      details: { bytes: 101, maxRecordBytes: 100 },
    })
    await expect(producer.send(batches)).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    expect(await producer.send([valuesBatch(topic, 0, 'b')])).toEqual([0])
    await producer.commit()
    expect(valuesOf(await readAll(log, topic))).toEqual(['b'])
  })

  it('should give the offsets of what was aborted at the tail back, and leave a gap elsewhere', async () => {
    const { log } = await openNew()
    const topic = await newTopic(log)
    const [one, two] = [
      await log.openTransactionalProducer({ transactionalId: 'one', timeoutMs: 1000 }),
      await log.openTransactionalProducer({ transactionalId: 'two', timeoutMs: 1000 }),
    ]
    expect(await one.send([valuesBatch(topic, 0, 'a', 'b')])).toEqual([0])
    await one.abort()
    expect(await one.send([valuesBatch(topic, 0, 'a', 'b')])).toEqual([0])
    expect(await two.send([valuesBatch(topic, 0, 'c')])).toEqual([2])
    await one.abort()
    expect(await log.offsetRanges([{ topic, partition: 0 }])).toMatchObject([{ start: 0, end: 0 }])
    await two.commit()
    expect((await readAll(log, topic)).map((record) => record.offset)).toEqual([2])
    await two.send([valuesBatch(topic, 0, 'd')])
    await two.abort()
    expect(await log.append([valuesBatch(topic, 0, 'e')])).toEqual([3])
  })

  it('should finish the commit that a predecessor had begun before its successor starts', async () => {
    const { log } = await openNew()
    const topic = await newTopic(log)
    const options = { transactionalId: 'a', timeoutMs: 1000 }
    const predecessor = await log.openTransactionalProducer(options)
    await predecessor.send([valuesBatch(topic, 0, 'a')])
    await predecessor.sendOffsets('group', [{ topic, partition: 0, offset: 1 }])
    const committed = predecessor.commit()
    await log.openTransactionalProducer(options)
    expect(await log.committedOffsets('group', [{ topic, partition: 0 }])).toEqual([1])
    await committed
    await expect(predecessor.commit()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
  })

  it('should abort a transaction at its timeout, and let its producer begin again', async () => {
    const { log, clock } = await openNew()
    const topic = await newTopic(log)
    const producer = await log.openTransactionalProducer({ transactionalId: 'a', timeoutMs: 1000 })
    await producer.send([valuesBatch(topic, 0, 'late')])
    clock.advance(999)
    await producer.sendOffsets('group', [{ topic, partition: 0, offset: 1 }])
    clock.advance(1)
    await expect(producer.commit()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await expect(producer.send([valuesBatch(topic, 0, 'late')])).rejects.toMatchObject({
      code: 'TRANSACTION_ABORTED',
    })
    await producer.abort()
    await producer.send([valuesBatch(topic, 0, 'again')])
    await producer.commit()
    clock.advance(10_000)
    await producer.send([valuesBatch(topic, 0, 'and again')])
    await producer.commit()
    expect(valuesOf(await readAll(log, topic))).toEqual(['again', 'and again'])
    expect(await log.committedOffsets('group', [{ topic, partition: 0 }])).toEqual([null])
  })

  it('should hand out in one batch what was appended in small pieces', async () => {
    const { log } = await openNew()
    const topic = await newTopic(log)
    const sent = Array.from({ length: 700 }, (_, i) => ({
      key: i % 3 === 0 ? null : `k${i}`,
      value: i % 5 === 0 ? null : `v${i}`,
      timestampMs: i,
      headers: i % 7 === 0 ? [{ key: 'h', value: Buffer.from([i % 256]) }] : [],
    }))
    for (const record of sent) await log.append([batchOf(topic, 0, [record])])
    const reader = log.openReader({ onReady: () => {}, onError: () => {} })
    reader.follow({ topic, partition: 0 }, 100)
    expect(reader.take({ topic, partition: 0 })?.length).toBe(500)
    expect(await readAll(log, topic)).toEqual(sent.map((record, offset) => ({ ...record, offset })))
  })

  it('should refuse to be used after it was closed', async () => {
    const { log } = await openNew()
    const topic = await newTopic(log)
    const producer = await log.openTransactionalProducer({ transactionalId: 'a', timeoutMs: 1000 })
    await log.close()
    await log.close()
    const closed = { code: 'CLOSED' }
    await expect(log.append([valuesBatch(topic, 0, 'a')])).rejects.toMatchObject(closed)
    await expect(log.createTopics([])).rejects.toMatchObject(closed)
    await expect(producer.send([valuesBatch(topic, 0, 'a')])).rejects.toMatchObject(closed)
    expect(() => log.openReader({ onReady: () => {}, onError: () => {} })).toThrow(/closed/)
  })

  it('should refuse settings of a topic that make no sense, and create none of the others', async () => {
    const { log } = await openNew()
    const good = { name: 'good', partitions: 1, cleanup: 'delete', timestampType: 'create' } as const
    const bad = [{ name: 'a/b' }, { name: '' }, { partitions: 0 }, { partitions: 1.5 }, { retentionMs: -1 }]
    for (const change of bad) {
      const refused = log.createTopics([good, { ...good, name: 'other', ...change }])
      await expect(refused).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
    }
    expect(await log.describeTopics()).toEqual([])
  })

  it('should read what it cached as what it stored', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 30 }),
        fc.nat(),
        async (sizes, from) => {
          const provider = new MemoryStoreProvider()
          const { log } = await openOn(provider, { cacheBytes: 3000 })
          const topic = await newTopic(log)
          let count = 0
          for (const size of sizes) {
            await log.append([valuesBatch(topic, 0, ...Array.from({ length: size }, () => `v${count++}`))])
          }
          const offset = from % (count + 1)
          expect(valuesOf(await readAll(log, topic, 0, offset))).toEqual(
            Array.from({ length: count - offset }, (_, i) => `v${offset + i}`),
          )
          expect(await readAll((await openOn(provider.snapshot())).log, topic)).toEqual(
            await readAll(log, topic),
          )
        },
      ),
      { numRuns: 50 },
    )
  })
})
