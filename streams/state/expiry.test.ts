import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentOf, foldOf, openRowStore, type RowStoreHome } from '../../tests/support/row-store.ts'
import { keyAt, type RecordBatch, RecordBatchBuilder, valueAt } from '../records/record-batch.ts'
import { RowRestorer } from './row-restorer.ts'
import { nothingCommitted } from './task-database.ts'

const ttlMs = 6_400

function moveTo(home: RowStoreHome, timeMs: number): void {
  home.time.streamTimeMs = timeMs
  home.time.timestampMs = timeMs
}

/** Applies changelog records in batches of the given size, as a restore does. */
function restore(home: RowStoreHome, changelog: readonly RecordBatch[]): void {
  const restorer = new RowRestorer({ name: home.store.name, ttlMs }, home.database)
  for (const records of changelog) {
    const batch = home.database.batch()
    for (let index = 0; index < records.length; index++)
      restorer.restore(keyAt(records, index)!, valueAt(records, index), batch)
    home.database.apply(batch, nothingCommitted)
  }
}

describe('rows with a time to live', () => {
  it('should be there for all of it and gone from the very millisecond on', async () => {
    const home = await openRowStore({ ttlMs })
    home.store.put('a', 'x', 1_000)
    home.commit()
    moveTo(home, 1_000 + ttlMs - 1)
    expect(home.store.get('a')).toBe('x')
    expect([...home.store.range()]).toHaveLength(1)
    moveTo(home, 1_000 + ttlMs)
    expect([...home.store.range()]).toEqual([])
    expect(home.store.get('a')).toBeUndefined()
    expect(home.store.getTimestamped('a')).toBeUndefined()
  })

  it('should be hidden from ranges also when they are not committed yet', async () => {
    const home = await openRowStore({ ttlMs })
    home.store.put('a', 'x', 0)
    home.store.put('b', 'x', 1)
    moveTo(home, ttlMs)
    expect([...home.store.range()]).toEqual([['b', 'x']])
  })

  it('should be deleted, with a tombstone in the changelog, once their bucket has passed', async () => {
    const home = await openRowStore({ ttlMs })
    home.store.put('a', 'x', 1_000)
    home.store.put('b', 'x', 5_000)
    home.commit()
    moveTo(home, 1_000 + ttlMs + ttlMs / 64)
    home.commit()
    expect([...contentOf(home.database).rows.keys()]).toEqual(['b'])
    expect([...foldOf(home.changelog).keys()]).toEqual(['b'])
  })

  it('should live on when they are written anew', async () => {
    const home = await openRowStore({ ttlMs })
    home.store.put('a', 'x', 1_000)
    home.commit()
    home.store.put('a', 'y', 5_000)
    home.commit()
    moveTo(home, 5_000 + ttlMs - 1)
    home.commit()
    expect(home.store.get('a')).toBe('y')
    expect(contentOf(home.database).indexed).toEqual(['a'])
  })

  it('should be deleted a bounded number a commit', async () => {
    const home = await openRowStore({ ttlMs, expiryMaxRows: 10 })
    for (let index = 0; index < 25; index++) home.store.put(`k${index}`, 'x', index)
    home.commit()
    moveTo(home, 10 * ttlMs)
    const left = [1, 2, 3].map(() => {
      home.commit()
      return contentOf(home.database).rows.size
    })
    expect(left).toEqual([15, 5, 0])
  })

  it('should have one index entry each after a restore, however the changelog is cut into batches', async () => {
    const change = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      timestampMs: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: null }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 6 }), async (batches) => {
        const changelog = batches.map((changes) => {
          const records = new RecordBatchBuilder('changelog', 0)
          for (const { key, timestampMs } of changes) {
            const row = timestampMs === null ? null : Buffer.alloc(9)
            row?.writeDoubleBE(timestampMs!)
            records.append(Buffer.from(key), row, 0)
          }
          return records.build()
        })
        const restored = await openRowStore({ ttlMs })
        restore(restored, changelog)
        const home = await restored.reopen()
        const { rows, indexed } = contentOf(home.database)
        expect(rows).toEqual(foldOf(changelog))
        expect(indexed).toEqual([...rows.keys()].sort())
        moveTo(home, 100_000)
        home.commit()
        expect(contentOf(home.database)).toEqual({ rows: new Map(), indexed: [] })
      }),
    )
  })
})
