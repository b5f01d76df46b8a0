import fc from 'fast-check'
import Decoder from 'kafkajs/src/protocol/decoder.js'
import kafkaJsRecord from 'kafkajs/src/protocol/recordBatch/record/v0/index.js'
import decodeKafkaJsBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js'
import kafkaJsBatch from 'kafkajs/src/protocol/recordBatch/v0/index.js'
import { describe, expect, it } from 'vitest'
import { fetched, readAllRuns, withOffsets } from '../../../../tests/kafka/record-bytes.ts'
import { ByteWriter } from '../../../records/byte-writer.ts'
import { batchOf, type PlainRecord, plainRecords } from '../../../testing/plain-records.ts'
import { attributeBits, layout } from './batch-layout.ts'
import { type Compression, zstdAvailable } from './compression.ts'
import { type BatchProducer, encodeRecordBatch, noProducer } from './encode-batch.ts'

const producer: BatchProducer = {
  producerId: 4_000_000_001,
  producerEpoch: 7,
  baseSequence: 12,
  transactional: true,
}

function encode(
  records: readonly PlainRecord[],
  by: BatchProducer = noProducer,
  compression: Compression = 'none',
): Buffer {
  const writer = new ByteWriter(8)
  const batch = batchOf('t', 0, records)
  const middle = records.length >> 1
  // In two ranges, as when several sends are written together.
  const ranges = [
    { batch, from: 0, to: middle },
    { batch, from: middle, to: records.length },
  ]
  encodeRecordBatch(ranges.slice(middle === 0 ? 1 : 0), writer, by, compression)
  return writer.copy(0, writer.position)
}

const plainRecord: fc.Arbitrary<PlainRecord> = fc.record({
  key: fc.option(fc.string({ maxLength: 80 }), { nil: null }),
  value: fc.option(fc.string({ maxLength: 300 }), { nil: null }),
  timestampMs: fc.oneof(
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
    fc.integer({ min: -1, max: 4_000_000_000_000 }),
  ),
  headers: fc.array(
    fc.record({
      key: fc.string({ maxLength: 8 }),
      value: fc.option(
        fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
        { nil: null },
      ),
    }),
    { maxLength: 3 },
  ),
})
const plainBatch = fc.array(plainRecord, { minLength: 1, maxLength: 40 })
const compressions: Compression[] = zstdAvailable ? ['none', 'gzip', 'zstd'] : ['none', 'gzip']

describe('record batches', () => {
  it('should have the bytes that kafkajs writes', async () => {
    const records = [
      { key: 'a', value: 'first', timestampMs: 1_700_000_000_000 },
      { key: null, value: 'ü'.repeat(100), timestampMs: 1_700_000_000_070 },
      {
        key: 'k'.repeat(70),
        value: null,
        timestampMs: 1_699_999_990_000,
        headers: [{ key: 'x', value: Buffer.from('1') }],
      },
    ]
    const expected = await kafkaJsBatch.RecordBatch({
      partitionLeaderEpoch: -1,
      firstTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_070,
      lastOffsetDelta: 2,
      producerId: 4_000_000_001n,
      producerEpoch: 7,
      firstSequence: 12,
      transactional: true,
      records: records.map(({ key, value, timestampMs, headers }, offsetDelta) =>
        kafkaJsRecord({
          offsetDelta,
          timestampDelta: timestampMs - 1_700_000_000_000,
          key,
          value,
          headers: Object.fromEntries((headers ?? []).map((header) => [header.key, header.value])),
        }),
      ),
    })
    expect(encode(records, producer).toString('hex')).toBe(expected.buffer.toString('hex'))
  })

  it.each(['none', 'gzip'] as const)('should be read by kafkajs (%s)', async (compression) => {
    const records = Array.from({ length: 300 }, (_, i) => ({
      key: `key-${i}`,
      value: i % 7 === 0 ? null : `value ${i}`,
      timestampMs: 1_700_000_000_000 + i * 1000,
    }))
    const decoded = await decodeKafkaJsBatch(new Decoder(encode(records, producer, compression)))
    expect(decoded).toMatchObject({
      inTransaction: true,
      producerId: '4000000001',
      producerEpoch: 7,
      firstSequence: 12,
    })
    const read = decoded.records.map(({ offset, timestamp, key, value }) => ({
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
      timestampMs: Number(timestamp),
      offset: Number(offset),
    }))
    expect(read).toEqual(records.map((record, offset) => ({ ...record, offset })))
  })

  it('should be read as they were written, whatever they hold', () => {
    fc.assert(
      fc.property(
        fc.array(plainBatch, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...compressions),
        (batches, compression) => {
          let offset = 1000
          const bytes = batches.map((records) => {
            const encoded = withOffsets(encode(records, noProducer, compression), offset)
            offset += records.length + 3
            return encoded
          })
          const runs = readAllRuns(fetched(Buffer.concat(bytes)), 0)
          const read = runs.flatMap(plainRecords)
          expect(read.map(({ offset: _, ...record }) => record)).toEqual(batches.flat())
          expect(read[0]!.offset).toBe(1000)
          expect(runs.at(-1)!.nextOffset).toBe(offset - 3)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('should begin at the position, within a batch too', () => {
    const records = ['a', 'b', 'c', 'd'].map((value) => ({ key: null, value }))
    const bytes = Buffer.concat([withOffsets(encode(records), 10), withOffsets(encode(records), 14)])
    for (let position = 0; position <= 18; position++) {
      const read = readAllRuns(fetched(bytes), position).flatMap(plainRecords)
      expect(read.map(({ offset }) => offset)).toEqual(
        [10, 11, 12, 13, 14, 15, 16, 17].filter((offset) => offset >= position),
      )
    }
  })

  it('should ignore a batch that is cut off at the end of a fetch', () => {
    const whole = withOffsets(encode([{ key: 'k', value: 'whole' }]), 0)
    const next = withOffsets(encode([{ key: 'k', value: 'cut off' }]), 1)
    for (let end = 0; end < next.length; end++) {
      const read = readAllRuns(fetched(Buffer.concat([whole, next.subarray(0, end)])), 0)
      expect(read.flatMap(plainRecords).map(({ value }) => value)).toEqual(['whole'])
    }
  })

  it('should take the append time where the log stamped it', () => {
    const bytes = encode([
      { key: 'k', value: 'v', timestampMs: 5 },
      { key: 'k', value: 'w', timestampMs: 6 },
    ])
    bytes.writeInt16BE(attributeBits.appendTime, layout.attributes)
    bytes.writeBigInt64BE(1_700_000_000_123n, layout.maxTimestamp)
    const read = readAllRuns(fetched(withOffsets(bytes, 0)), 0).flatMap(plainRecords)
    expect(read.map(({ timestampMs }) => timestampMs)).toEqual([1_700_000_000_123, 1_700_000_000_123])
  })

  it('should join many small batches into one run', () => {
    const bytes = Array.from({ length: 100 }, (_, i) => withOffsets(encode([{ key: 'k', value: `${i}` }]), i))
    expect(readAllRuns(fetched(Buffer.concat(bytes)), 0).map(({ length }) => length)).toEqual([100])
  })
})
