import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type RecordBatch, RecordBatchBuilder } from '../../records/record-batch.ts'
import { batchOf, type PlainRecord, plainRecords } from '../../testing/plain-records.ts'
import { decodeRow, encodeRow, recordBytes, summarizeRow } from './record-rows.ts'

const text = fc.oneof(
  fc.constant(null),
  fc.string({ maxLength: 20 }),
  fc.string({ minLength: 250, maxLength: 400 }),
)
const time = fc.oneof(
  fc.constant(1_700_000_000_000),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_300 }),
  fc.integer({ min: 0, max: 8_000_000_000_000 }),
  fc.constantFrom(-1, 0.5, -2.25, 2 ** 53),
)
const header = fc.record({
  key: fc.string({ maxLength: 5 }),
  value: fc.oneof(
    fc.constant(null),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
  ),
})
const headers = fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(header, { maxLength: 3 }))
const plainRecord = fc.record({ key: text, value: text, timestampMs: time, headers })

/** Lone halves of surrogate pairs cannot be written as UTF-8. */
function asBytesSay(records: readonly Required<PlainRecord>[]): Required<PlainRecord>[] {
  const said = (value: string) => Buffer.from(value).toString()
  return records.map(({ key, value, timestampMs, headers: of }) => ({
    key: key === null ? null : said(key),
    value: value === null ? null : said(value),
    timestampMs,
    headers: of.map((one) => ({ key: said(one.key), value: one.value })),
  }))
}

/** The same records with their bytes in disorder, shared, and with waste between them. */
function scattered(batch: RecordBatch): RecordBatch {
  const { bytes, length } = batch
  const shift = (starts: Int32Array, by: number) => starts.map((start) => (start < 0 ? start : start + by))
  return {
    ...batch,
    bytes: Buffer.concat([Buffer.from('waste'), bytes, Buffer.from('more waste'), bytes]),
    keyStarts: shift(batch.keyStarts, length % 2 === 0 ? 5 : 15 + bytes.length),
    keyEnds: shift(batch.keyEnds, length % 2 === 0 ? 5 : 15 + bytes.length),
    valueStarts: shift(batch.valueStarts, 15 + bytes.length),
    valueEnds: shift(batch.valueEnds, 15 + bytes.length),
  }
}

describe('encodeRow', () => {
  it('should give back any records at any offset, whole or in part', () => {
    fc.assert(
      fc.property(
        fc.array(plainRecord, { minLength: 1, maxLength: 30 }),
        fc.nat(),
        fc.nat(),
        (records, a, b) => {
          const from = a % records.length
          const to = from + 1 + (b % (records.length - from))
          const batch = batchOf('t', 3, records)
          for (const source of [batch, scattered(batch)]) {
            const decoded = decodeRow('t', 3, 2 ** 40 + 7, encodeRow(source, from, to))
            const expected = asBytesSay(records.slice(from, to)).map((record, i) => ({
              offset: 2 ** 40 + 7 + i,
              ...record,
            }))
            expect(plainRecords(decoded)).toEqual(expected)
            expect(decoded).toMatchObject({ topic: 't', partition: 3, nextOffset: 2 ** 40 + 7 + to - from })
          }
        },
      ),
    )
  })

  it('should keep offsets with gaps, and cover those that hold nothing', () => {
    const gap = fc.oneof(
      fc.constant(1),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 100_000 }),
    )
    fc.assert(
      fc.property(fc.array(gap, { maxLength: 30 }), fc.nat(1000), fc.nat(1000), (gaps, first, after) => {
        let last = first
        const offsets = Float64Array.from(gaps.map((step, i) => (last += i === 0 ? step - 1 : step)))
        const next = last + 1 + after
        const batch = {
          ...batchOf(
            't',
            0,
            gaps.map(() => ({ key: 'k', value: 'v' })),
          ),
          offsets,
        }
        const row = encodeRow(batch, 0, gaps.length, { offsets: { first, next } })
        const decoded = decodeRow('t', 0, first, row)
        expect([...decoded.offsets]).toEqual([...offsets])
        expect(decoded.nextOffset).toBe(next)
        expect(summarizeRow(row)).toMatchObject({ count: gaps.length, span: next - first })
      }),
    )
  })

  it('should stamp all records with the time of the append when it is given one', () => {
    const batch = batchOf('t', 0, [
      { key: 'a', value: 'b', timestampMs: 1 },
      { key: 'a', value: 'b', timestampMs: 9 },
    ])
    const row = encodeRow(batch, 0, 2, { appendTimeMs: 77, tombstonesUntilMs: 5 })
    expect([...decodeRow('t', 0, 0, row).timestampsMs]).toEqual([77, 77])
    expect(summarizeRow(row)).toEqual({ count: 2, span: 2, maxTimestampMs: 77, tombstonesUntilMs: 5 })
  })

  it('should take a handful of bytes for a record beside its key and value', () => {
    const builder = new RecordBatchBuilder('t', 0)
    for (let i = 0; i < 1000; i++)
      builder.append(Buffer.alloc(10), Buffer.alloc(20), 1_700_000_000_000 + i * 50)
    expect(encodeRow(builder.build(), 0, 1000).length).toBeLessThan(1000 * 36 + 100)
  })
})

describe('decodeRow', () => {
  it('should refuse a row of another version', () => {
    const row = encodeRow(batchOf('t', 0, [{ key: 'a', value: 'b' }]), 0, 1)
    row[0] = 2
    expect(() => decodeRow('t', 0, 0, row)).toThrow(
      expect.objectContaining({ code: 'STATE_FORMAT_UNSUPPORTED' }),
    )
  })
})

describe('recordBytes', () => {
  it('should count key, value and headers', () => {
    const batch = batchOf('t', 0, [
      { key: 'ab', value: 'cde' },
      { key: null, value: 'c', headers: [{ key: 'ä', value: Buffer.alloc(3) }] },
      { key: '', value: null },
    ])
    expect([0, 1, 2].map((i) => recordBytes(batch, i))).toEqual([5, 1 + 8 + 2 + 3, 0])
  })
})
