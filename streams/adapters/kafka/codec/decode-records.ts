/**
 * Locates the records of batches in columns: where each key and value lies. Nothing is copied and no object is made per
 * record, but for those with headers.
 *
 * Invariants:
 * 1. Every length is checked against the batch's end before anything is read or allocated by it.
 * 2. Records below the wanted position are passed over: a compacted or compressed batch may begin before it.
 */
import type { Headers } from '../../../records/record-batch.ts'
import type { BatchHeader } from './batch-header.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { VarintReader } from './varint.ts'

export class RecordColumns {
  length = 0
  readonly bytes: Buffer
  readonly offsets: Float64Array
  readonly timestampsMs: Float64Array
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  headers: (Headers | undefined)[] | undefined
  private readonly reader: VarintReader

  /** Room for `capacity` records that lie in `bytes`. */
  constructor(bytes: Buffer, capacity: number) {
    this.bytes = bytes
    this.offsets = new Float64Array(capacity)
    this.timestampsMs = new Float64Array(capacity)
    this.keyStarts = new Int32Array(capacity)
    this.keyEnds = new Int32Array(capacity)
    this.valueStarts = new Int32Array(capacity)
    this.valueEnds = new Int32Array(capacity)
    this.reader = new VarintReader(bytes)
  }

  /**
   * Adds the records of a batch that lie, not compressed, in `bytes[start .. end)`.
   * @throws DamagedBytes
   */
  addBatch(header: BatchHeader, start: number, end: number, position: number): void {
    const { reader, offsets, timestampsMs, keyStarts, keyEnds, valueStarts, valueEnds } = this
    const { baseOffset, nextOffset, baseTimestamp, appendTime, maxTimestamp, recordCount } = header
    let index = this.length
    let previousOffset = baseOffset - 1
    reader.at = start
    reader.failed = false
    for (let i = 0; i < recordCount; i++) {
      reader.end = end
      const size = reader.next()
      const recordEnd = reader.at + size
      if (reader.failed || size <= 0 || recordEnd > end) throw cutOff(i, header)
      reader.end = recordEnd
      reader.at++
      const timestampDelta = reader.next()
      const offset = baseOffset + reader.next()
      const keyBytes = reader.next()
      const keyStart = reader.at
      if (keyBytes > 0) reader.at += keyBytes
      const valueBytes = reader.next()
      const valueStart = reader.at
      if (valueBytes > 0) reader.at += valueBytes
      const headerCount = reader.next()
      if (reader.failed || keyBytes < -1 || valueBytes < -1 || headerCount < 0) throw cutOff(i, header)
      const headers = headerCount === 0 ? undefined : this.readHeaders(headerCount, i, header)
      if (reader.at !== recordEnd) throw cutOff(i, header)
      if (offset <= previousOffset || offset >= nextOffset) {
        throw new DamagedBytes(`record ${i} of the batch at ${baseOffset} has offset ${offset}`)
      }
      previousOffset = offset
      if (offset < position) continue
      offsets[index] = offset
      timestampsMs[index] = appendTime ? maxTimestamp : baseTimestamp + timestampDelta
      keyStarts[index] = keyBytes < 0 ? -1 : keyStart
      keyEnds[index] = keyBytes < 0 ? -1 : keyStart + keyBytes
      valueStarts[index] = valueBytes < 0 ? -1 : valueStart
      valueEnds[index] = valueBytes < 0 ? -1 : valueStart + valueBytes
      if (headers !== undefined) {
        this.headers ??= []
        this.headers[index] = headers
      }
      index++
    }
    if (reader.at !== end) throw new DamagedBytes(`${end - reader.at} bytes after the records of a batch`)
    this.length = index
  }

  private readHeaders(count: number, index: number, batch: BatchHeader): Headers {
    const { reader, bytes } = this
    if (count * 2 > reader.end - reader.at) throw cutOff(index, batch)
    const headers: { key: string; value: Buffer | null }[] = []
    for (let i = 0; i < count; i++) {
      const keyBytes = reader.next()
      const keyStart = reader.at
      if (keyBytes < 0 || keyStart + keyBytes > reader.end) throw cutOff(index, batch)
      reader.at = keyStart + keyBytes
      const valueBytes = reader.next()
      const valueStart = reader.at
      if (reader.failed || valueBytes < -1 || valueStart + valueBytes > reader.end) throw cutOff(index, batch)
      if (valueBytes > 0) reader.at = valueStart + valueBytes
      headers.push({
        key: bytes.toString('utf8', keyStart, keyStart + keyBytes),
        value: valueBytes < 0 ? null : bytes.subarray(valueStart, valueStart + valueBytes),
      })
    }
    return headers
  }
}

function cutOff(index: number, { baseOffset, recordCount }: BatchHeader): DamagedBytes {
  return new DamagedBytes(
    `record ${index} of ${recordCount} of the batch at ${baseOffset} does not fit its batch`,
  )
}
