import { describe, expect, it } from 'vitest'
import { newTopic, openNew } from '../../../tests/support/embedded-log.ts'
import type { Store, StoreEntry } from '../../ports/store.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { valuesBatch } from '../../testing/plain-records.ts'
import { MemoryStoreProvider } from '../memory/memory-store.ts'
import { type EmbeddedLog, openEmbeddedLog } from './embedded-log.ts'

const partition = { topic: 'topic', partition: 0 }

/** A log on a store that counts the entries which ranges have given out. */
async function openCounting(cacheBytes: number): Promise<{ log: EmbeddedLog; entriesRead: () => number }> {
  const inner = await new MemoryStoreProvider().open('log')
  let count = 0
  function* counted(entries: Iterable<StoreEntry>): Generator<StoreEntry, void, undefined> {
    for (const entry of entries) {
      count++
      yield entry
    }
  }
  const store: Store = {
    get: (key) => inner.get(key),
    getMany: (keys) => inner.getMany(keys),
    range: (range) => counted(inner.range(range)),
    batch: () => inner.batch(),
    write: (batch, options) => inner.write(batch, options),
    deleteRange: (from, to) => inner.deleteRange(from, to),
    size: () => inner.size(),
    close: () => inner.close(),
  }
  const clock = new ManualClock()
  return {
    log: await openEmbeddedLog({ store, clock, cacheBytes, cleaningIntervalMs: null }),
    entriesRead: () => count,
  }
}

function thousandRecords(): string[] {
  return new Array<string>(1000).fill('x'.repeat(10))
}

describe('EmbeddedReader', () => {
  it('should read ahead no more than its bound', async () => {
    const { log, entriesRead } = await openCounting(0)
    await newTopic(log)
    for (let i = 0; i < 20; i++) await log.append([valuesBatch('topic', 0, ...thousandRecords())])
    const reader = log.openReader({ onReady: () => {}, onError: () => {}, maxBufferedBytes: 100_000 })
    reader.follow(partition, 0)
    const before = entriesRead()
    reader.take(partition)
    // A row takes 12 kB in the store and 44 kB with its columns.
    expect(entriesRead() - before).toBe(3)
    reader.take(partition)
    reader.take(partition)
    expect(entriesRead() - before).toBe(3)
    reader.take(partition)
    expect(entriesRead() - before).toBe(6)
  })

  it('should not read the store as long as it keeps up', async () => {
    const { log, entriesRead } = await openCounting(1_000_000)
    await newTopic(log)
    const reader = log.openReader({ onReady: () => {}, onError: () => {} })
    reader.follow(partition, 0)
    const before = entriesRead()
    for (let i = 0; i < 100; i++) {
      await log.append([valuesBatch('topic', 0, ...thousandRecords())])
      expect(reader.take(partition)?.length).toBe(1000)
      expect(reader.take(partition)).toBeNull()
    }
    expect(entriesRead()).toBe(before)
  })

  it('should wake once for what becomes visible in one turn, and for what is there when it begins to follow', async () => {
    const { log } = await openNew()
    await newTopic(log, { partitions: 2 })
    let wakes = 0
    const reader = log.openReader({ onReady: () => wakes++, onError: () => {} })
    reader.follow(partition, 0)
    await Promise.resolve()
    expect(wakes).toBe(0)
    await Promise.all(
      [1, 2, 3].map(() => log.append([valuesBatch('topic', 0, 'v'), valuesBatch('topic', 1, 'v')])),
    )
    await Promise.resolve()
    expect(wakes).toBe(1)
    reader.follow({ topic: 'topic', partition: 1 }, 2)
    await Promise.resolve()
    expect(wakes).toBe(2)
    reader.unfollow(partition)
    reader.unfollow({ topic: 'topic', partition: 1 })
    await log.append([valuesBatch('topic', 0, 'v')])
    await Promise.resolve()
    expect(wakes).toBe(2)
  })

  it('should be silent once it is closed', async () => {
    const { log } = await openNew()
    await newTopic(log)
    await log.append([valuesBatch('topic', 0, 'v')])
    const heard: string[] = []
    const reader = log.openReader({
      onReady: () => heard.push('ready'),
      onError: (_, { code }) => heard.push(code),
    })
    reader.follow(partition, 0)
    reader.follow({ topic: 'topic', partition: 1 }, 0)
    await reader.close()
    await Promise.resolve()
    expect(heard).toEqual([])
    expect(reader.take(partition)).toBeNull()
    expect(() => reader.follow(partition, 0)).toThrow(/closed/)
  })
})
