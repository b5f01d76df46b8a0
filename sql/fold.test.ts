import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RowRejection } from '../streams/index.ts'
import { foldRows, type WritableRow } from './fold.ts'
import { defineTable, integer, remove, type SqlRow, text, upsert } from './table.ts'

const guarded = defineTable({
  name: 'guarded',
  key: ['id', 'part'],
  columns: { id: text(8), part: text(8), value: integer, at: integer },
  newerWins: 'at',
})
const least = defineTable({
  name: 'least',
  key: ['id'],
  columns: { id: text(8), value: integer, at: integer, since: integer },
  newerWins: 'at',
  leastStays: 'since',
})
const plain = defineTable({
  name: 'plain',
  key: ['id'],
  columns: { id: text(8), value: integer },
})

interface Stored {
  readonly value: unknown
  readonly newness: number
}

/** What one statement does to one key. */
function apply(stored: Stored | undefined, row: WritableRow, valueColumn: number): Stored | undefined {
  if (row.kind === 'remove') return stored !== undefined && stored.newness <= row.newness ? undefined : stored
  if (stored !== undefined && row.newness < stored.newness) return stored
  return { value: row.values[valueColumn], newness: row.newness }
}

const operation = fc.record({ removal: fc.boolean(), at: fc.option(fc.integer({ min: 0, max: 5 })) })

describe('folding rows', () => {
  it('should leave one removal and one upsert that do what all rows did, whatever is stored', () => {
    const stored = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined })
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 12 }), stored, (operations, storedAt) => {
        const rows = operations.map(({ removal, at }, value): SqlRow => {
          const key = { id: 'a', part: 'b' }
          if (!removal) return upsert(guarded, { ...key, value, at: at ?? 0 })
          return remove(guarded, key, at === null ? {} : { ifNotNewerThan: at })
        })
        const start = storedAt === undefined ? undefined : { value: 'stored', newness: storedAt }
        const [fold] = foldRows(guarded, rows, [...rows.keys()], 1e6, []).values()
        const all = fold?.all ?? [(fold?.removal ?? fold?.upsert)!]
        const left = [fold?.removal, fold?.upsert].filter((row) => row !== undefined)
        expect(all).toHaveLength(rows.length)
        const stateAfter = (sequence: readonly WritableRow[]) =>
          sequence.reduce((state: Stored | undefined, row) => apply(state, row, 2), start)
        expect(stateAfter(left)).toEqual(stateAfter(all))
        // A removal that has run already changes nothing when all rows are run again.
        expect(stateAfter([...(fold?.removal === undefined ? [] : [fold.removal]), ...all])).toEqual(
          stateAfter(all),
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('should leave one upsert with the least value of all, where that stays', () => {
    const time = fc.integer({ min: 0, max: 6 })
    fc.assert(
      fc.property(fc.array(fc.record({ at: time, since: time }), { minLength: 1 }), (times) => {
        const rows = times.map(({ at, since }, value) => upsert(least, { id: 'a', value, at, since }))
        const [fold] = foldRows(least, rows, [...rows.keys()], 1e6, []).values()
        const newestAt = Math.max(...times.map(({ at }) => at))
        const newest = times.findLastIndex(({ at }) => at === newestAt)
        const since = Math.min(...times.map((row) => row.since))
        expect(fold!.upsert!.values).toEqual(['a', newest, newestAt, since])
        expect(fold!.upsert!.index).toBe(newest)
        expect((fold!.all ?? [fold!.upsert!]).map((row) => row.values[3])).toEqual(
          times.map((row) => row.since),
        )
      }),
    )
  })

  it('should leave the last row of a key where none is newer than another', () => {
    const rows = [
      upsert(plain, { id: 'a', value: 1 }),
      remove(plain, { id: 'a' }),
      upsert(plain, { id: 'a', value: 2 }),
    ]
    const folds = foldRows(plain, rows, [0, 1, 2], 1e6, [])
    expect(folds.get('a')).toMatchObject({ removal: undefined, upsert: { index: 2 } })
    expect(foldRows(plain, rows, [0, 1], 1e6, []).get('a')).toMatchObject({
      removal: { index: 1 },
      upsert: undefined,
    })
  })

  it('should not mistake the keys of two columns for each other', () => {
    const key = (id: string, part: string) => upsert(guarded, { id, part, value: 1, at: 1 })
    const rows = [key('a', 'bc'), key('ab', 'c'), key('a1:', 'b'), key('a', '1:b'), key('', 'abc')]
    expect(foldRows(guarded, rows, [...rows.keys()], 1e6, []).size).toBe(5)
  })

  it('should leave out rows that do not fit their columns or a statement', () => {
    const wide = defineTable({ name: 'wide', key: ['id'], columns: { id: text(2000) } })
    const rejections: RowRejection[] = []
    const rows = [
      upsert(wide, { id: 'a'.repeat(900) }),
      upsert(wide, { id: 'é'.repeat(900) }),
      upsert(wide, { id: 'a'.repeat(2001) }),
    ]
    expect(foldRows(wide, rows, [0, 1, 2], 1_000, rejections).size).toBe(1)
    expect(
      rejections.map(({ index, message }) => [index, message.replace(/^.*?(?=is not|has)/, '')]),
    ).toEqual([
      [1, 'has 1800 bytes, and the database takes 1000 in a statement'],
      [2, 'is not text of at most 2000 characters'],
    ])
  })
})
