/**
 * Writes a run of records as one record batch of message format 2, in one pass over its columns.
 *
 * Invariants:
 * 1. The bytes are those that Kafka's own clients write for the same records: base time and base offset are the first
 *    record's, offset deltas ascend by one.
 * 2. A batch of a producer carries its id, epoch and the sequence number of its first record; they and the transactional
 *    flag are all that make it part of a transaction.
 */
import type { ByteWriter } from '../../../records/byte-writer.ts'
import type { Header, RecordBatch } from '../../../records/record-batch.ts'
import { attributeBits, layout, lengthOverheadBytes, writeInt64 } from './batch-layout.ts'
import { type Compression, compress, compressionCodes } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { varintBytes, writeVarint } from './varint.ts'

export interface BatchProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly transactional: boolean
}

export const noProducer: BatchProducer = {
  producerId: -1,
  producerEpoch: -1,
  baseSequence: -1,
  transactional: false,
}

/** Varints of a record beside its headers: length, time, offset, two lengths and the header count, and the attributes. */
const mostRecordOverheadBytes = 5 + 1 + 10 + 5 + 5 + 5 + 5

/** The records `[from .. to)` of a batch. */
export interface RecordRange {
  readonly batch: RecordBatch
  readonly from: number
  readonly to: number
}

/** Appends one record batch of all the ranges to `writer`. There must be a record. */
export function encodeRecordBatch(
  ranges: readonly RecordRange[],
  writer: ByteWriter,
  producer: BatchProducer = noProducer,
  compression: Compression = 'none',
): void {
  const start = writer.position
  writer.ensure(layout.records)
  writer.position += layout.records
  const { batch, from } = ranges[0]!
  const baseTimestamp = batch.timestampsMs[from]!
  let maxTimestamp = baseTimestamp
  let count = 0
  for (const range of ranges) {
    maxTimestamp = Math.max(maxTimestamp, writeRecords(range, writer, baseTimestamp, count))
    count += range.to - range.from
  }
  if (compression !== 'none') compressRecords(writer, start + layout.records, compression)
  const bytes = writer.buffer
  const end = writer.position
  writeInt64(bytes, 0, start + layout.baseOffset)
  bytes.writeInt32BE(end - start - lengthOverheadBytes, start + layout.batchLength)
  bytes.writeInt32BE(-1, start + layout.partitionLeaderEpoch)
  bytes[start + layout.magic] = 2
  const flags = producer.transactional ? attributeBits.transactional : 0
  bytes.writeInt16BE(compressionCodes[compression] | flags, start + layout.attributes)
  bytes.writeInt32BE(count - 1, start + layout.lastOffsetDelta)
  writeInt64(bytes, baseTimestamp, start + layout.baseTimestamp)
  writeInt64(bytes, maxTimestamp, start + layout.maxTimestamp)
  writeInt64(bytes, producer.producerId, start + layout.producerId)
  bytes.writeInt16BE(producer.producerEpoch, start + layout.producerEpoch)
  bytes.writeInt32BE(producer.baseSequence, start + layout.baseSequence)
  bytes.writeInt32BE(count, start + layout.recordCount)
  bytes.writeUInt32BE(crc32c(bytes, start + layout.attributes, end), start + layout.crc)
}

/** Writes the records, of which the first has `offsetDelta`, and answers their latest time. */
function writeRecords(
  { batch, from, to }: RecordRange,
  writer: ByteWriter,
  baseTimestamp: number,
  offsetDelta: number,
): number {
  const { bytes, timestampsMs, keyStarts, keyEnds, valueStarts, valueEnds, headers } = batch
  let maxTimestamp = baseTimestamp
  const offsetShift = offsetDelta - from
  for (let i = from; i < to; i++) {
    const timestamp = timestampsMs[i]!
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    const timestampDelta = timestamp - baseTimestamp
    const keyStart = keyStarts[i]!
    const keyLength = keyStart < 0 ? -1 : keyEnds[i]! - keyStart
    const valueStart = valueStarts[i]!
    const valueLength = valueStart < 0 ? -1 : valueEnds[i]! - valueStart
    const own = headers?.[i]
    const sizeOfHeaders = own === undefined ? 1 : headersBytes(own)
    const size =
      1 +
      varintBytes(timestampDelta) +
      varintBytes(i + offsetShift) +
      varintBytes(keyLength) +
      Math.max(0, keyLength) +
      varintBytes(valueLength) +
      Math.max(0, valueLength) +
      sizeOfHeaders
    writer.ensure(size + mostRecordOverheadBytes)
    const target = writer.buffer
    let at = writeVarint(target, size, writer.position)
    target[at++] = 0
    at = writeVarint(target, timestampDelta, at)
    at = writeVarint(target, i + offsetShift, at)
    at = writeVarint(target, keyLength, at)
    at = copyBytes(bytes, keyStart, keyLength, target, at)
    at = writeVarint(target, valueLength, at)
    at = copyBytes(bytes, valueStart, valueLength, target, at)
    if (own === undefined) target[at++] = 0
    else at = writeHeaders(own, target, at)
    writer.position = at
  }
  return maxTimestamp
}

/** A call into the runtime costs more than a short loop. */
function copyBytes(source: Buffer, start: number, length: number, target: Buffer, at: number): number {
  if (length <= 0) return at
  if (length > 40) {
    source.copy(target, at, start, start + length)
    return at + length
  }
  for (let i = 0; i < length; i++) target[at + i] = source[start + i]!
  return at + length
}

function headersBytes(headers: readonly Header[]): number {
  let size = varintBytes(headers.length)
  for (const { key, value } of headers) {
    const keyLength = Buffer.byteLength(key)
    size += varintBytes(keyLength) + keyLength
    size += value === null ? 1 : varintBytes(value.length) + value.length
  }
  return size
}

function writeHeaders(headers: readonly Header[], target: Buffer, start: number): number {
  let at = writeVarint(target, headers.length, start)
  for (const { key, value } of headers) {
    at = writeVarint(target, Buffer.byteLength(key), at)
    at += target.write(key, at, 'utf8')
    at = writeVarint(target, value === null ? -1 : value.length, at)
    if (value === null) continue
    target.set(value, at)
    at += value.length
  }
  return at
}

function compressRecords(writer: ByteWriter, start: number, compression: Compression): void {
  const compressed = compress(writer.buffer.subarray(start, writer.position), compression)
  writer.position = start
  writer.bytes(compressed)
}
