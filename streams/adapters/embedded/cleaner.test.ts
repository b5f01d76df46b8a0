import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newTopic, openNew, openOn, readAll, valuesOf } from '../../../tests/support/embedded-log.ts'
import { batchOf, type ReadRecord, valuesBatch } from '../../testing/plain-records.ts'
import { MemoryStoreProvider } from '../memory/memory-store.ts'
import type { EmbeddedLog } from './embedded-log.ts'

const hourMs = 3_600_000

/** Rows of records in the store, of all topics. */
function rowCount(store: { range(range: object): Iterable<unknown> }): number {
  return [...store.range({ from: Buffer.of(3), to: Buffer.of(4) })].length
}

async function appendKeyed(
  log: EmbeddedLog,
  ...records: [key: string, value: string | null][]
): Promise<void> {
  await log.append([
    batchOf(
      'topic',
      0,
      records.map(([key, value]) => ({ key, value })),
    ),
  ])
}

function keyValues(records: readonly ReadRecord[]): string[] {
  return records.map(({ offset, key, value }) => `${offset} ${key}=${value}`)
}

describe('compaction', () => {
  it('should keep the newest record of each key, whatever the steps and wherever it is broken off', async () => {
    const record = fc.tuple(
      fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      fc.option(fc.string({ maxLength: 40 })),
    )
    const batches = fc.array(fc.array(record, { minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 12,
    })
    const limits = fc.record({
      maxKeysPerRound: fc.integer({ min: 1, max: 8 }),
      stepBytes: fc.integer({ min: 1, max: 2000 }),
    })
    await fc.assert(
      fc.asyncProperty(
        batches,
        limits,
        fc.nat(12),
        fc.nat(12),
        async (sent, limit, cleanAfter, crashAfter) => {
          let writesLeft = Number.POSITIVE_INFINITY
          const provider = new MemoryStoreProvider({
            beforeWrite: () => {
              if (--writesLeft < 0) throw new Error('killed')
            },
          })
          const cleaning = { ...limit, deleteRetentionMs: hourMs }
          let { log } = await openOn(provider, { cleaning })
          await newTopic(log, { cleanup: 'compact' })
          const all: string[] = []
          const newest = new Map<string, string>()
          for (const [i, records] of sent.entries()) {
            if (i === cleanAfter) await log.clean({ force: true })
            await appendKeyed(log, ...records)
            for (const [key, value] of records) {
              newest.set(key, `${all.length} ${key}=${value}`)
              all.push(`${all.length} ${key}=${value}`)
            }
          }
          writesLeft = crashAfter
          await log.clean({ force: true }).catch(() => {})
          writesLeft = Number.POSITIVE_INFINITY
          ;({ log } = await openOn(provider.snapshot(), { cleaning }))

          const broken = keyValues(await readAll(log, 'topic'))
          expect(all).toEqual(expect.arrayContaining(broken))
          expect(broken).toEqual(expect.arrayContaining([...newest.values()]))
          await log.clean({ force: true })
          const cleaned = keyValues(await readAll(log, 'topic'))
          expect(cleaned.sort()).toEqual([...newest.values()].sort())
          expect(await log.offsetRanges([{ topic: 'topic', partition: 0 }])).toMatchObject([
            { start: 0, end: all.length },
          ])
        },
      ),
    )
  })

  it('should drop tombstones after the delete retention, counted from when it first met them', async () => {
    const provider = new MemoryStoreProvider()
    const { log, clock } = await openOn(provider, { cleaning: { deleteRetentionMs: hourMs } })
    await newTopic(log, { cleanup: 'compact' })
    await appendKeyed(log, ['a', '1'], ['b', '1'], ['a', null])
    clock.advance(10 * hourMs)
    await log.clean({ force: true })
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['1 b=1', '2 a=null'])
    clock.advance(hourMs - 1)
    await log.clean({ force: true })
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['1 b=1', '2 a=null'])
    clock.advance(1)
    await log.clean({ force: true })
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['1 b=1'])
  })

  it('should keep the end when the last records go, and let readers pass to what comes next', async () => {
    const provider = new MemoryStoreProvider()
    const { log, clock } = await openOn(provider, { cleaning: { deleteRetentionMs: 1 } })
    await newTopic(log, { cleanup: 'compact' })
    await appendKeyed(log, ['a', '1'])
    await appendKeyed(log, ['a', null])
    await log.clean({ force: true })
    clock.advance(1)
    await log.clean({ force: true })
    const reader = log.openReader({ onReady: () => {}, onError: () => {} })
    const partition = { topic: 'topic', partition: 0 }
    reader.follow(partition, 0)
    expect(reader.take(partition)).toMatchObject({ length: 0, nextOffset: 2 })
    expect(reader.take(partition)).toBeNull()
    const { log: reopened } = await openOn(provider.snapshot())
    for (const one of [log, reopened]) {
      expect(await one.offsetRanges([partition])).toMatchObject([{ start: 0, end: 2 }])
      await appendKeyed(one, ['b', '2'])
      expect(keyValues(await readAll(one, 'topic'))).toEqual(['2 b=2'])
    }
    expect(reader.take(partition)).toMatchObject({ length: 1, nextOffset: 3 })
  })

  it('should keep the end over a crash right after the last rows went', async () => {
    let writesLeft = Number.POSITIVE_INFINITY
    const provider = new MemoryStoreProvider({
      beforeWrite: () => {
        if (--writesLeft < 0) throw new Error('killed')
      },
    })
    const { log, store, clock } = await openOn(provider, { cleaning: { deleteRetentionMs: 1, stepBytes: 1 } })
    await newTopic(log, { cleanup: 'compact' })
    await appendKeyed(log, ['b', '1'])
    await appendKeyed(log, ['a', null])
    await log.clean({ force: true })
    clock.advance(1)
    writesLeft = 1
    await expect(log.clean({ force: true })).rejects.toThrow('killed')
    expect(rowCount(store)).toBe(1)
    writesLeft = Number.POSITIVE_INFINITY
    const { log: reopened } = await openOn(provider.snapshot())
    expect(await reopened.offsetRanges([{ topic: 'topic', partition: 0 }])).toMatchObject([{ end: 2 }])
    await appendKeyed(reopened, ['c', '3'])
    expect(keyValues(await readAll(reopened, 'topic'))).toEqual(['0 b=1', '2 c=3'])
  })

  it('should join rows that were appended in small pieces', async () => {
    const { log, store } = await openNew()
    await newTopic(log, { cleanup: 'compact' })
    for (let i = 0; i < 300; i++) await appendKeyed(log, [`k${i}`, `v${i}`])
    expect(rowCount(store)).toBe(300)
    await log.clean({ force: true })
    expect(rowCount(store)).toBe(1)
    expect(valuesOf(await readAll(log, 'topic', 0, 77))).toEqual(
      Array.from({ length: 223 }, (_, i) => `v${i + 77}`),
    )
  })

  it('should leave alone what is not stable yet', async () => {
    const { log } = await openNew()
    await newTopic(log, { cleanup: 'compact' })
    const producer = await log.openTransactionalProducer({ transactionalId: 'x', timeoutMs: 1000 })
    await appendKeyed(log, ['a', '1'])
    await producer.send([batchOf('topic', 0, [{ key: 'a', value: '2' }])])
    await appendKeyed(log, ['a', '3'])
    await log.clean({ force: true })
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['0 a=1'])
    await producer.commit()
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['0 a=1', '1 a=2', '2 a=3'])
    await log.clean({ force: true })
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['2 a=3'])
  })

  it('should run by the clock where enough is new, and leave a clean partition alone', async () => {
    let writes = 0
    const options = { cleaningIntervalMs: 60_000, cleaning: { minDirtyRecords: 10, minDirtyRatio: 0.5 } }
    const { log, clock } = await openNew({ beforeWrite: () => writes++ }, options)
    await newTopic(log, { cleanup: 'compact' })
    const tick = async () => {
      clock.advance(60_000)
      await log.clean()
    }
    for (let i = 0; i < 9; i++) await appendKeyed(log, ['a', `${i}`])
    await tick()
    expect(await readAll(log, 'topic')).toHaveLength(9)
    await appendKeyed(log, ['b', 'x'])
    await tick()
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['8 a=8', '9 b=x'])
    const before = writes
    await tick()
    expect(writes).toBe(before)
    await log.close()
    expect(clock.nextTimerMs).toBeUndefined()
  })
})

describe('retention', () => {
  it('should drop rows whose newest record is too old, and no row behind one that is not', async () => {
    const { log, store, clock } = await openNew()
    await newTopic(log, { retentionMs: hourMs })
    const now = clock.now()
    const appendAt = (value: string, timestampMs: number) =>
      log.append([batchOf('topic', 0, [{ key: null, value, timestampMs }])])
    await appendAt('old', now - hourMs - 1)
    await appendAt('older', now - 2 * hourMs)
    await appendAt('just kept', now - hourMs)
    await appendAt('old, behind', now - 2 * hourMs)
    expect(await log.clean()).toEqual({ compactedPartitions: 0, removedRecords: 2 })
    expect(valuesOf(await readAll(log, 'topic'))).toEqual(['just kept', 'old, behind'])
    expect(await log.offsetRanges([{ topic: 'topic', partition: 0 }])).toMatchObject([{ start: 2, end: 4 }])
    expect(rowCount(store)).toBe(2)
    clock.advance(1)
    await log.clean()
    expect(await log.offsetRanges([{ topic: 'topic', partition: 0 }])).toMatchObject([{ start: 4, end: 4 }])
    expect(await log.append([valuesBatch('topic', 0, 'next')])).toEqual([4])
  })

  it('should both drop and compact where the topic says so', async () => {
    const { log, clock } = await openNew()
    await newTopic(log, { cleanup: 'compact-delete', retentionMs: hourMs, timestampType: 'append' })
    await appendKeyed(log, ['a', '1'], ['b', '1'])
    clock.advance(hourMs)
    await appendKeyed(log, ['a', '2'])
    await appendKeyed(log, ['a', '3'])
    clock.advance(1)
    await log.clean({ force: true })
    expect(keyValues(await readAll(log, 'topic'))).toEqual(['3 a=3'])
  })
})

describe('deleteRecords', () => {
  it('should delete the rows too, also those that a crash left', async () => {
    let writesLeft = Number.POSITIVE_INFINITY
    const provider = new MemoryStoreProvider({
      beforeWrite: () => {
        if (--writesLeft < 0) throw new Error('killed')
      },
    })
    const { log, store } = await openOn(provider)
    await newTopic(log)
    for (let i = 0; i < 10; i++) await log.append([valuesBatch('topic', 0, `${i}a`, `${i}b`)])
    const partition = { topic: 'topic', partition: 0 }
    await log.deleteRecords([
      { ...partition, offset: 7 },
      { ...partition, offset: 3 },
    ])
    expect(rowCount(store)).toBe(7)
    expect(valuesOf(await readAll(log, 'topic')).slice(0, 2)).toEqual(['3b', '4a'])

    writesLeft = 1
    await expect(log.deleteRecords([{ ...partition, offset: 14 }])).rejects.toThrow('killed')
    writesLeft = Number.POSITIVE_INFINITY
    const reopened = await openOn(provider.snapshot())
    expect(await reopened.log.offsetRanges([partition])).toMatchObject([{ start: 14, end: 20 }])
    expect(rowCount(reopened.store)).toBe(7)
    await reopened.log.clean()
    expect(rowCount(reopened.store)).toBe(3)
  })

  it('should fail readers that were not there yet, at once, even with records read ahead', async () => {
    const { log } = await openNew()
    await newTopic(log)
    for (let i = 0; i < 3; i++)
      await log.append([valuesBatch('topic', 0, ...new Array<string>(400).fill('x'))])
    const errors: string[] = []
    const reader = log.openReader({ onReady: () => {}, onError: (_, error) => errors.push(error.code) })
    const partition = { topic: 'topic', partition: 0 }
    reader.follow(partition, 0)
    expect(reader.take(partition)?.length).toBe(400)
    await log.deleteRecords([{ ...partition, offset: 500 }])
    expect(errors).toEqual(['OFFSET_OUT_OF_RANGE'])
    expect(reader.take(partition)).toBeNull()
  })
})
