import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  boolean,
  cutText,
  decimalText,
  defineTable,
  integer,
  json,
  jsonText,
  money,
  nullable,
  orNull,
  remove,
  text,
  time,
  timeText,
  upsert,
} from './table.ts'

describe('columns', () => {
  it('should write amounts as exact decimals', () => {
    expect([0, 5, 50, 1205, -1, -12345, 7_000_000_000_000_000].map((units) => money.toSql(units))).toEqual([
      '0.00',
      '0.05',
      '0.50',
      '12.05',
      '-0.01',
      '-123.45',
      '70000000000000.00',
    ])
    fc.assert(
      fc.property(fc.integer({ min: -7e15, max: 7e15 }), (units) => {
        const decimal = decimalText(units)
        expect(BigInt(decimal.replace('.', ''))).toBe(BigInt(units))
        // SQLite keeps it as a double, which must tell neighbours apart.
        expect(
          Number(decimal)
            .toFixed(2)
            .replace(/^-0.00$/, '0.00'),
        ).toBe(decimal)
      }),
    )
  })

  it('should write times in UTC with milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1000, 0, 1), max: Date.UTC(9999, 11, 31) }), (ms) => {
        expect(timeText(ms)).toBe(new Date(ms).toISOString().replace('T', ' ').replace('Z', ''))
      }),
    )
  })

  it('should refuse what they cannot hold', () => {
    for (const value of [1.5, Number.NaN, 2 ** 53, '1', null, undefined]) {
      expect(() => integer.toSql(value)).toThrow('is not a whole number')
      expect(() => money.toSql(value)).toThrow('is not a whole number of minor units')
      expect(() => time.toSql(value)).toThrow('is not epoch milliseconds')
    }
    expect(() => money.toSql(7_000_000_000_000_001)).toThrow('is not a whole number of minor units')
    expect(() => time.toSql(Date.UTC(10_000, 0, 1))).toThrow('within the years 1000 to 9999')
    expect(() => text(3).toSql('abcd')).toThrow('"abcd" is not text of at most 3 characters')
    expect(() => text(3).toSql(undefined)).toThrow('undefined is not text')
    expect(() => boolean.toSql(1)).toThrow('is not true or false')
    expect(() => jsonText.toSql('{')).toThrow('is not JSON text')
    expect(() => json.toSql(undefined)).toThrow('is not a JSON value')
  })

  it('should count characters, not UTF-16 units', () => {
    expect(text(2).toSql('😀😀')).toBe('😀😀')
    expect(cutText(2).toSql('😀😀😀')).toBe('😀😀')
  })

  it('should store null for nothing, and where asked for what does not fit', () => {
    expect(nullable(money).toSql(null)).toBe(null)
    expect(() => nullable(money).toSql(undefined)).toThrow()
    expect(orNull(money).toSql(2 ** 60)).toBe(null)
    expect(orNull(time).toSql(0)).toBe('1970-01-01 00:00:00.000')
  })

  it('should replace halves of surrogate pairs in JSON, and nothing else', () => {
    expect(json.toSql(['\ud800', '😀', '\\ud800'])).toBe(String.raw`["\ufffd","😀","\\ud800"]`)
    const mixed = String.raw`"\uD83D\uDE00 \ude00 \\ud800 \n"`
    expect(jsonText.toSql(mixed)).toBe(String.raw`"\uD83D\uDE00 \ufffd \\ud800 \n"`)
  })
})

describe('tables', () => {
  const stock = defineTable({
    name: 'stock',
    key: ['product_id'],
    columns: { product_id: text(8), quantity: integer, note: nullable(text(8)), counted: time },
    newerWins: 'counted',
  })

  it('should type their rows', () => {
    upsert(stock, { product_id: 'a', quantity: 1, note: null, counted: 0 })
    // @ts-expect-error a column is missing
    upsert(stock, { product_id: 'a', quantity: 1, counted: 0 })
    // @ts-expect-error a column has another type
    upsert(stock, { product_id: 'a', quantity: '1', note: null, counted: 0 })
    // @ts-expect-error the key is another
    remove(stock, { quantity: 1 })
    // @ts-expect-error the guard is not a number
    defineTable({ name: 'stock', key: ['id'], columns: { id: text(8) }, newerWins: 'id' })
    // @ts-expect-error the key is not a column
    expect(() => defineTable({ name: 'stock', key: ['other'], columns: { id: text(8) } })).toThrow(
      "'other' is not a column",
    )
  })

  it('should refuse to remove rows of which a least value stays, and to keep it in the key or the guard', () => {
    const columns = { id: integer, at: integer, since: integer }
    const kept = defineTable({ name: 'kept', key: ['id'], columns, newerWins: 'at', leastStays: 'since' })
    expect(() => remove(kept, { id: 1 })).toThrow("table kept: the least value of 'since' stays")
    for (const leastStays of ['id', 'at'] as const) {
      expect(() => defineTable({ name: 'kept', key: ['id'], columns, newerWins: 'at', leastStays })).toThrow(
        `'${leastStays}' is its key or tells the newer row`,
      )
    }
  })

  it('should refuse names that would need quoting, and keys that may be null', () => {
    expect(() => defineTable({ name: 'a`b', key: ['id'], columns: { id: integer } })).toThrow('not a name')
    expect(() => defineTable({ name: 'a', key: ['id'], columns: { id: nullable(integer) } })).toThrow(
      'nullable',
    )
    expect(() => defineTable({ name: 'a', key: [], columns: { id: integer } })).toThrow('no key')
  })

  it('should refuse a bound where nothing tells which row is newer', () => {
    const plain = defineTable({ name: 'plain', key: ['id'], columns: { id: integer } })
    expect(() => remove(plain, { id: 1 }, { ifNotNewerThan: 1 })).toThrow("no 'newerWins' column")
  })
})
