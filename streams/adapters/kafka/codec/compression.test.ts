import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fetched,
  javaBatches,
  javaCodecs,
  javaRecords,
  readAllRuns,
  withOffsets,
} from '../../../../tests/kafka/record-bytes.ts'
import { StreamsError } from '../../../errors.ts'
import { ByteWriter } from '../../../records/byte-writer.ts'
import { batchOf, plainRecords } from '../../../testing/plain-records.ts'
import { layout } from './batch-layout.ts'
import { type Compression, zstdAvailable } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { encodeRecordBatch } from './encode-batch.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'

const readable = javaCodecs.filter((codec) => codec !== 'zstd' || zstdAvailable)

/** Reads all of it, or says that it cannot: anything else that is thrown is a defect. */
function readOrRefuse(bytes: Buffer): void {
  try {
    for (const run of readAllRuns(fetched(bytes), 0)) plainRecords(run)
  } catch (error) {
    if (!(error instanceof StreamsError) || error.code !== 'LOG_UNREADABLE') throw error
  }
}

describe('crc32c', () => {
  it('should have the published check value, at any alignment', () => {
    for (let start = 0; start < 9; start++) {
      const bytes = Buffer.from(`${'-'.repeat(start)}123456789-`)
      expect(crc32c(bytes, start, start + 9).toString(16)).toBe('e3069283')
    }
  })
})

describe('batches of the Java producer', () => {
  it.each(readable)('should be read (%s)', (codec) => {
    const read = readAllRuns(fetched(javaBatches(codec)), 0).flatMap(plainRecords)
    expect(read.map(({ key, value }) => ({ key, value }))).toEqual(javaRecords)
    expect(read.map(({ offset }) => offset)).toEqual(javaRecords.map((_, offset) => offset))
  })

  if (!zstdAvailable) {
    it('should name the topic and the remedy where this Node has no zstd', () => {
      expect(() => fetched(javaBatches('zstd')).next(0)).toThrow(
        expect.objectContaining({
          code: 'LOG_UNREADABLE',
          message: expect.stringMatching(
            /^t-0 holds records compressed with zstd, which needs Node\.js 22\.15/,
          ),
        }),
      )
    })
  }

  it.each(readable)('should be refused when a byte is damaged (%s)', (codec) => {
    const bytes = javaBatches(codec)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(bytes)
        damaged[at] = damaged[at]! ^ change
        readOrRefuse(damaged)
        // Behind the checksum every change is noticed.
        const batch = batchStarts(bytes).findLast((start) => start <= at)!
        if (at >= batch + layout.crc) {
          const read = () => readAllRuns(fetched(damaged), 0)
          expect(read).toThrow(expect.objectContaining({ code: 'LOG_UNREADABLE' }))
        }
      }),
    )
  })

  it.each(readable)('should never be read past their end, whatever their bytes say (%s)', (codec) => {
    const bytes = javaBatches(codec)
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const damaged = Buffer.from(bytes)
        for (const [at, byte] of changes) damaged[at] = byte
        // The checksum fits again, so that what lies behind it is tried too.
        const end = Math.min(bytes.length, damaged.readUInt32BE(layout.batchLength) + 12)
        if (end > layout.attributes)
          damaged.writeUInt32BE(crc32c(damaged, layout.attributes, end), layout.crc)
        readOrRefuse(damaged)
      }),
      { numRuns: 300 },
    )
  })

  it.each(readable)('should be read as far as they go, wherever they are cut off (%s)', (codec) => {
    const bytes = Buffer.concat(
      [0, 1, 2].map((index) => withOffsets(javaBatches(codec), index * javaRecords.length)),
    )
    const starts = batchStarts(bytes)
    const all = readAllRuns(fetched(bytes), 0).flatMap(plainRecords)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (end) => {
        const whole = starts.filter((_, index) => (starts[index + 1] ?? bytes.length) <= end).length
        const cut = Buffer.from(bytes.subarray(0, end))
        // A fetch brings the last batch in part; the first is always whole.
        if (whole === 0) return readOrRefuse(cut)
        const read = readAllRuns(fetched(cut), 0).flatMap(plainRecords)
        expect(read).toEqual(all.slice(0, whole * javaRecords.length))
      }),
    )
  })

  it('should be refused when they claim to hold more records than their bytes can', () => {
    const bytes = javaBatches('none')
    bytes.writeInt32BE(2 ** 31 - 1, layout.lastOffsetDelta)
    bytes.writeInt32BE(2 ** 31 - 1, layout.recordCount)
    const end = bytes.readInt32BE(layout.batchLength) + 12
    bytes.writeUInt32BE(crc32c(bytes, layout.attributes, end), layout.crc)
    expect(() => fetched(bytes).next(0)).toThrow(/2147483647 records in \d+ bytes/)
  })

  it('should be refused in an older message format, and when the first one is cut off', () => {
    const bytes = javaBatches('none')
    expect(() => fetched(bytes.subarray(0, 100)).next(0)).toThrow(/the first batch is cut off/)
    bytes[layout.magic] = 1
    expect(() => fetched(bytes).next(0)).toThrow(/message format 1/)
  })
})

describe.each([
  ['snappy', compressSnappy, decompressSnappy],
  ['lz4', compressLz4, decompressLz4],
] as const)('%s', (codec, compress, decompress) => {
  /** Bytes that repeat themselves near and far, and some that do not, over several blocks. */
  const repetitive = fc
    .array(
      fc.record({
        bytes: fc.uint8Array({ minLength: 1, maxLength: 90 }),
        times: fc.oneof({ weight: 5, arbitrary: fc.nat(8) }, { weight: 1, arbitrary: fc.nat(3000) }),
      }),
      { maxLength: 8 },
    )
    .map((parts) =>
      Buffer.concat(parts.flatMap(({ bytes, times }) => Array<Uint8Array>(times + 1).fill(bytes))),
    )

  it('should give back what it took', () => {
    fc.assert(
      fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const compressed = compress(bytes)
        // Nothing behind the end is needed, and nothing of it is read.
        expect(decompress(Buffer.from(compressed), bytes.length).equals(bytes)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it.each([0, 1, 11, 12, 13, 60, 61, 256, 257, 65_535, 65_536, 65_537, 200_000])(
    'should give back %i bytes: all alike, and none like another',
    (length) => {
      for (const step of [0, 0x9e3779b1]) {
        const bytes = Buffer.alloc(length)
        for (let at = 0, word = 1; at < length; at++) {
          word = Math.imul(word ^ (word >>> 15), step) + step
          bytes[at] = word >>> 24
        }
        const compressed = compress(bytes)
        expect(decompress(compressed, length).equals(bytes)).toBe(true)
        expect(compressed.length).toBeLessThan(length * 1.01 + 64)
        if (step === 0 && length > 1000) expect(compressed.length).toBeLessThan(length / 15)
      }
    },
  )

  it('should write the same bytes whatever it wrote before', () => {
    const bytes = Buffer.from(javaRecords.map(({ value }) => value).join(''))
    const first = compress(bytes)
    compress(Buffer.from(bytes).reverse())
    expect(compress(bytes).equals(first)).toBe(true)
    expect(first.length).toBeLessThan(bytes.length / 3)
  })

  it('should read of the Java producer what it can write itself', () => {
    const written = encodedRecords(codec)
    const read = readAllRuns(fetched(written), 0).flatMap(plainRecords)
    expect(read.map(({ key, value }) => ({ key, value }))).toEqual(javaRecords)
    // In the same header and blocks, about as small.
    const java = javaBatches(codec)
    expect(written.subarray(layout.records, layout.records + 7)).toEqual(
      java.subarray(layout.records, layout.records + 7),
    )
    expect(written.length).toBeLessThan(java.length * 1.15)
  })

  it('should take any bytes, and expand none beyond the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(decompress(Buffer.from(bytes), 1000).length).toBeLessThanOrEqual(1000)
        } catch (error) {
          if (!(error instanceof DamagedBytes)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })
})

function encodedRecords(codec: Compression): Buffer {
  const records = javaRecords.map((record) => ({ ...record, timestampMs: 1, headers: [] }))
  const batch = batchOf('t', 0, records)
  const writer = new ByteWriter()
  encodeRecordBatch([{ batch, from: 0, to: batch.length }], writer, undefined, codec)
  return writer.copy(0, writer.position)
}

function batchStarts(bytes: Buffer): number[] {
  const starts: number[] = []
  for (let at = 0; at + 12 <= bytes.length; at += bytes.readInt32BE(at + layout.batchLength) + 12)
    starts.push(at)
  return starts
}
