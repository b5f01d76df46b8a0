import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../records/byte-writer.ts'
import { serdes } from '../serde/serdes.ts'
import { MemoryRegistry } from '../testing/index.ts'
import { firstFrom, heldRecordsSerde, insertByTime } from './held-records.ts'
import { type Version, versionAt, versionsSerde, withVersion } from './versions.ts'

const context = { registry: new MemoryRegistry(), subject: 'test-value' }
const time = fc.nat({ max: 50 })

describe('held records', () => {
  it('should be read back as they were written', async () => {
    const codec = await heldRecordsSerde(serdes.string).open(context)
    const record = fc.record({
      timestampMs: time,
      value: fc.string({ unit: 'binary' }),
      behindMs: fc.oneof(fc.constant(0), time),
      waits: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(record), (made) => {
        const records = made.map(({ behindMs, ...one }) => ({
          ...one,
          judgedByMs: one.timestampMs + behindMs,
        }))
        const writer = new ByteWriter(4)
        writer.byte(7)
        codec.encode(records, writer)
        expect(codec.decode(writer.buffer, 1, writer.position)).toEqual(records)
      }),
    )
  })

  it('should stand in the order of their times, those of equal time as they came', () => {
    fc.assert(
      fc.property(fc.array(time), time, (times, fromMs) => {
        const records: { timestampMs: number; index: number }[] = []
        for (const [index, timestampMs] of times.entries()) insertByTime(records, { timestampMs, index })
        const expected = times
          .map((timestampMs, index) => ({ timestampMs, index }))
          .sort((a, b) => a.timestampMs - b.timestampMs)
        expect(records).toEqual(expected)
        expect(records.slice(firstFrom(records, fromMs))).toEqual(
          expected.filter(({ timestampMs }) => timestampMs >= fromMs),
        )
      }),
    )
  })
})

describe('versions', () => {
  const version = fc.record({ timestampMs: time, value: fc.option(fc.nat()) })

  it('should be read back as they were written', async () => {
    const codec = await versionsSerde(serdes.long).open(context)
    fc.assert(
      fc.property(fc.array(version), (versions) => {
        const writer = new ByteWriter(4)
        writer.byte(7)
        codec.encode(versions, writer)
        expect(codec.decode(writer.buffer, 1, writer.position)).toEqual(versions)
      }),
    )
  })

  it('should say what a row was at any time that may be asked for, in whatever order they came', () => {
    fc.assert(
      fc.property(fc.array(version), time, (made, askedFromMs) => {
        let versions: readonly Version<number>[] = []
        const values = new Map<number, number | null>()
        for (const one of made) {
          versions = withVersion(versions, one, askedFromMs)
          values.set(one.timestampMs, one.value)
        }
        for (let timeMs = askedFromMs; timeMs <= 51; timeMs++) {
          const newest = [...values.keys()].filter((from) => from <= timeMs).sort((a, b) => b - a)[0]
          const found = versionAt(versions, timeMs)
          expect(found?.timestampMs).toBe(newest)
          if (newest !== undefined) expect(found?.value).toBe(values.get(newest))
        }
        expect(versions.filter(({ timestampMs }) => timestampMs <= askedFromMs).length).toBeLessThanOrEqual(1)
      }),
    )
  })
})
