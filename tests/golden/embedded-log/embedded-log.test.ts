/**
 * The bytes that the embedded log stores, as its released versions wrote them: `format-1.txt` holds the store's rows,
 * key and value in hexadecimal. What this version writes must stay the same, or get a new format number and a new file;
 * what any version wrote must stay readable.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { type EmbeddedLog, openEmbeddedLog } from '../../../streams/adapters/embedded/embedded-log.ts'
import { MemoryStoreProvider } from '../../../streams/adapters/memory/memory-store.ts'
import type { Store } from '../../../streams/ports/store.ts'
import { ManualClock } from '../../../streams/testing/manual-clock.ts'
import { batchOf, plainRecords, type ReadRecord } from '../../../streams/testing/plain-records.ts'

const path = fileURLToPath(new URL('format-1.txt', import.meta.url))
const startMs = 1_750_000_000_000

async function openLog(store: Store): Promise<{ log: EmbeddedLog; clock: ManualClock }> {
  const clock = new ManualClock(startMs)
  return { clock, log: await openEmbeddedLog({ store, clock, cleaningIntervalMs: null }) }
}

/** Everything that has a form of its own in the store. */
async function writeAll(log: EmbeddedLog, clock: ManualClock): Promise<void> {
  await log.createTopics([
    { name: 'orders', partitions: 2, cleanup: 'delete', retentionMs: 604_800_000, timestampType: 'create' },
    { name: 'changelog', partitions: 1, cleanup: 'compact', timestampType: 'append' },
    { name: 'odd', partitions: 1, cleanup: 'delete', timestampType: 'create' },
  ])
  await log.append([
    batchOf('orders', 0, [
      { key: 'user-1', value: 'a', timestampMs: startMs },
      { key: null, value: 'b'.repeat(300), timestampMs: startMs + 1000 },
      { key: 'user-1', value: null, timestampMs: startMs + 70_000 },
      { key: '', value: '', timestampMs: startMs + 5_000_000_000, headers: [] },
    ]),
    batchOf('odd', 0, [
      { key: 'k', value: 'v', timestampMs: 0.5, headers: [{ key: 'trace', value: Buffer.of(1, 2) }] },
      { key: 'k', value: 'w', timestampMs: -1 },
      { key: 'ключ', value: 'x', timestampMs: 7, headers: [{ key: 'ä', value: null }] },
    ]),
  ])
  const producer = await log.openTransactionalProducer({ transactionalId: 'golden', timeoutMs: 1000 })
  for (const [key, value] of [
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
    ['c', null],
  ] as const) {
    await producer.send([batchOf('changelog', 0, [{ key, value }])])
    clock.advance(1)
  }
  await producer.sendOffsets('größe', [{ topic: 'orders', partition: 1, offset: 2 ** 40 + 3 }])
  await producer.commit()
  await log.clean({ force: true })
  await log.append([batchOf('changelog', 0, [{ key: 'd', value: '4' }])])
  await log.deleteRecords([{ topic: 'orders', partition: 0, offset: 1 }])
}

function dump(store: Store): string {
  const rows = [...store.range({})].map(({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`)
  return `${rows.join('\n')}\n`
}

function recordsOf(log: EmbeddedLog, topic: string, partition: number, from: number): ReadRecord[] {
  const reader = log.openReader({ onReady: () => {}, onError: () => {} })
  reader.follow({ topic, partition }, from)
  const records: ReadRecord[] = []
  for (let batch = reader.take({ topic, partition }); batch !== null; ) {
    records.push(...plainRecords(batch))
    batch = reader.take({ topic, partition })
  }
  return records
}

it('should go on writing what format 1 is', async () => {
  const store = await new MemoryStoreProvider().open('log')
  const { log, clock } = await openLog(store)
  await writeAll(log, clock)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, dump(store))
  expect(dump(store)).toBe(readFileSync(path, 'utf8'))
})

it('should read what format 1 holds', async () => {
  const store = await new MemoryStoreProvider().open('log')
  const batch = store.batch()
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
    const [key, value] = line.split(' ').map((hex) => Buffer.from(hex, 'hex'))
    batch.put(key!, value!)
  }
  store.write(batch)
  const { log } = await openLog(store)
  expect(await log.describeTopics()).toEqual([
    { name: 'changelog', partitions: 1, cleanup: 'compact', timestampType: 'append' },
    { name: 'odd', partitions: 1, cleanup: 'delete', timestampType: 'create' },
    { name: 'orders', partitions: 2, cleanup: 'delete', retentionMs: 604_800_000, timestampType: 'create' },
  ])
  expect(await log.offsetRanges([{ topic: 'orders', partition: 0 }])).toMatchObject([{ start: 1, end: 4 }])
  const headers: [] = []
  expect(recordsOf(log, 'orders', 0, 1)).toEqual([
    { offset: 1, key: null, value: 'b'.repeat(300), timestampMs: startMs + 1000, headers },
    { offset: 2, key: 'user-1', value: null, timestampMs: startMs + 70_000, headers },
    { offset: 3, key: '', value: '', timestampMs: startMs + 5_000_000_000, headers },
  ])
  expect(recordsOf(log, 'odd', 0, 0)).toEqual([
    {
      offset: 0,
      key: 'k',
      value: 'v',
      timestampMs: 0.5,
      headers: [{ key: 'trace', value: Buffer.of(1, 2) }],
    },
    { offset: 1, key: 'k', value: 'w', timestampMs: -1, headers },
    { offset: 2, key: 'ключ', value: 'x', timestampMs: 7, headers: [{ key: 'ä', value: null }] },
  ])
  expect(recordsOf(log, 'changelog', 0, 0)).toEqual([
    { offset: 1, key: 'b', value: '1', timestampMs: startMs + 1, headers },
    { offset: 2, key: 'a', value: '2', timestampMs: startMs + 2, headers },
    { offset: 3, key: 'c', value: null, timestampMs: startMs + 3, headers },
    { offset: 4, key: 'd', value: '4', timestampMs: startMs + 4, headers },
  ])
  const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
  expect(await log.committedOffsets('größe', partitions)).toEqual([null, 2 ** 40 + 3])
})
