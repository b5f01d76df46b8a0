import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { valuesBatch } from '../../testing/plain-records.ts'
import { encodeRow } from './record-rows.ts'
import { RowCache, StoredRow } from './row-cache.ts'

describe('RowCache', () => {
  it('should stay within its bytes and keep of each partition a run that ends at its end', () => {
    const step = fc.tuple(fc.nat(2), fc.integer({ min: 0, max: 9 }))
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 0, max: 2000 }),
        (steps, capacityBytes) => {
          const cache = new RowCache(capacityBytes)
          const partitions = [0, 1, 2].map((number) => ({
            rows: cache.partition(),
            number,
            end: 0,
            cleared: 0,
          }))
          for (const [index, size] of steps) {
            const partition = partitions[index]!
            if (size === 0) {
              partition.rows.clear()
              partition.cleared = partition.end
            } else {
              const batch = valuesBatch('t', index, ...new Array<string>(size).fill('value'))
              partition.rows.add(new StoredRow(partition.end, encodeRow(batch, 0, size)))
              partition.end += size
            }
            let bytes = 0
            for (const { rows, end, cleared } of partitions) {
              const kept = Array.from({ length: end + 1 }, (_, offset) => rows.from(offset)).find(
                (found) => found,
              )
              let next = kept?.rows[0]?.offset ?? end
              expect(next).toBeGreaterThanOrEqual(cleared)
              for (const row of kept?.rows ?? []) {
                expect(row.offset).toBe(next)
                next = row.nextOffset
                bytes += row.memoryBytes
              }
              expect(next).toBe(end)
            }
            expect(cache.bytes).toBe(bytes)
            expect(bytes).toBeLessThanOrEqual(capacityBytes)
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})
