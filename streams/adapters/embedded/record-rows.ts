/**
 * How the embedded log stores records: in rows, each some consecutive records of one partition, in columns.
 *
 *     byte   holds (little-endian)
 *      0     version of this format
 *      1     1 when records have headers, else 0
 *      2-5   width of the columns: offset, timestamp, key length, value length
 *      6     u32   how many records
 *     10     u32   how many offsets the row covers, from the one in its store key
 *     14     u32   bytes of keys and values
 *     18     f64   smallest timestamp
 *     26     f64   largest timestamp
 *     34     f64   when its tombstones may go, epoch milliseconds; 0 as long as it was not compacted or has none
 *     42           columns: offset less the first offset; timestamp less the smallest; key length + 1 and value
 *                  length + 1, 0 meaning null
 *                  keys and values: key, value, key, value …
 *                  headers: u32 records that have some; for each of those u32 index, u32 headers; for each of those
 *                  i32 length and bytes of the key, then of the value, length -1 meaning null
 *
 * Invariants:
 * 1. A row does not say where it lies: the same bytes serve at any offset, so records are encoded before theirs is known.
 * 2. An offset column of width 0 means consecutive offsets from the first; timestamps of width 8 are stored whole.
 * `tests/golden/embedded-log` holds rows of every released version: a change here needs a new version number.
 */
import { StreamsError } from '../../errors.ts'
import type { Header, Headers, RecordBatch } from '../../records/record-batch.ts'
import { type ColumnWidth, isColumnWidth, readColumn, widthFor, writeColumn } from './record-columns.ts'

const rowVersion = 1
const fixedBytes = 42

export interface RowOptions {
  /** Stamps all records with this time instead of their own. */
  readonly appendTimeMs?: number
  /** The offsets are those of the batch, within [first, next); without it they are consecutive. */
  readonly offsets?: { readonly first: number; readonly next: number }
  readonly tombstonesUntilMs?: number
}

/** What can be told of a row without reading its records. */
export interface RowSummary {
  readonly count: number
  /** The offset after those that the row covers, less its first. */
  readonly span: number
  readonly maxTimestampMs: number
  readonly tombstonesUntilMs: number
}

/** Grows to the longest row; a column of lengths lives only until the row is written. */
let keyLengths = new Int32Array(1024)
let valueLengths = new Int32Array(1024)

/** The records [from .. to) of a batch as a row. */
export function encodeRow(batch: RecordBatch, from: number, to: number, options: RowOptions = {}): Buffer {
  const count = to - from
  const lengths = measureLengths(batch, from, to)
  const { appendTimeMs, offsets } = options
  const times = appendTimeMs === undefined ? measureTimes(batch, from, to) : constantTime(appendTimeMs)
  const offsetWidth = offsets === undefined ? 0 : widthForOffsets(batch, from, to, offsets.first)
  const headerBytes = batch.headers === undefined ? 0 : measureHeaders(batch.headers, from, to)
  const columnBytes = count * (offsetWidth + times.width + lengths.keyWidth + lengths.valueWidth)

  const row = Buffer.allocUnsafeSlow(fixedBytes + columnBytes + lengths.bytes + headerBytes)
  row[0] = rowVersion
  row[1] = headerBytes === 0 ? 0 : 1
  row[2] = offsetWidth
  row[3] = times.width
  row[4] = lengths.keyWidth
  row[5] = lengths.valueWidth
  row.writeUInt32LE(count, 6)
  row.writeUInt32LE(offsets === undefined ? count : offsets.next - offsets.first, 10)
  row.writeUInt32LE(lengths.bytes, 14)
  row.writeDoubleLE(times.min, 18)
  row.writeDoubleLE(times.max, 26)
  row.writeDoubleLE(options.tombstonesUntilMs ?? 0, 34)
  let position = writeColumn(row, fixedBytes, offsetWidth, batch.offsets, from, to, offsets?.first ?? 0)
  const timeBase = times.width === 8 ? 0 : times.min
  position = writeColumn(row, position, times.width, batch.timestampsMs, from, to, timeBase)
  position = writeColumn(row, position, lengths.keyWidth, keyLengths, 0, count, 0)
  position = writeColumn(row, position, lengths.valueWidth, valueLengths, 0, count, 0)
  position = writeRecordBytes(row, position, batch, from, to)
  if (headerBytes > 0) writeHeaders(row, position, batch.headers!, from, to)
  return row
}

export function summarizeRow(row: Buffer): RowSummary {
  checkRow(row)
  return {
    count: row.readUInt32LE(6),
    span: row.readUInt32LE(10),
    maxTimestampMs: row.readDoubleLE(26),
    tombstonesUntilMs: row.readDoubleLE(34),
  }
}

/** The records of a row that lies at `firstOffset`. The batch keeps the row's memory. */
export function decodeRow(topic: string, partition: number, firstOffset: number, row: Buffer): RecordBatch {
  checkRow(row)
  const count = row.readUInt32LE(6)
  const columns = new ArrayBuffer(count * 32)
  const offsets = new Float64Array(columns, 0, count)
  const timestampsMs = new Float64Array(columns, count * 8, count)
  const keyStarts = new Int32Array(columns, count * 16, count)
  const keyEnds = new Int32Array(columns, count * 20, count)
  const valueStarts = new Int32Array(columns, count * 24, count)
  const valueEnds = new Int32Array(columns, count * 28, count)

  let position = fixedBytes
  const offsetWidth = columnWidth(row, 2)
  if (offsetWidth === 0) for (let i = 0; i < count; i++) offsets[i] = firstOffset + i
  else position = readColumn(row, position, offsetWidth, offsets, count, firstOffset)
  const timeWidth = columnWidth(row, 3)
  const timeBase = timeWidth === 8 ? 0 : row.readDoubleLE(18)
  position = readColumn(row, position, timeWidth, timestampsMs, count, timeBase)
  position = readColumn(row, position, columnWidth(row, 4), keyEnds, count, -1)
  position = readColumn(row, position, columnWidth(row, 5), valueEnds, count, -1)
  locateRecords(keyStarts, keyEnds, valueStarts, valueEnds, count)
  const bytesEnd = position + row.readUInt32LE(14)
  return {
    topic,
    partition,
    length: count,
    bytes: row.subarray(position, bytesEnd),
    offsets,
    timestampsMs,
    keyStarts,
    keyEnds,
    valueStarts,
    valueEnds,
    headers: row[1] === 1 ? readHeaders(row, bytesEnd, count) : undefined,
    nextOffset: firstOffset + row.readUInt32LE(10),
  }
}

/** Bytes of a record's key, value and headers. */
export function recordBytes(batch: RecordBatch, index: number): number {
  const keyStart = batch.keyStarts[index]!
  const valueStart = batch.valueStarts[index]!
  let bytes = keyStart < 0 ? 0 : batch.keyEnds[index]! - keyStart
  if (valueStart >= 0) bytes += batch.valueEnds[index]! - valueStart
  const headers = batch.headers?.[index]
  return headers === undefined ? bytes : bytes + headersBytes(headers)
}

function checkRow(row: Buffer): void {
  if (row[0] === rowVersion && row.length >= fixedBytes) return
  throw new StreamsError(
    'STATE_FORMAT_UNSUPPORTED',
    `stored records have format ${row[0]}, this version reads format ${rowVersion}: open the log with the version that wrote it`,
  )
}

function columnWidth(row: Buffer, at: number): ColumnWidth {
  const width = row[at]!
  if (isColumnWidth(width)) return width
  throw new StreamsError('STATE_DIRECTORY_UNUSABLE', `stored records have a column of width ${width}`)
}

function measureLengths(batch: RecordBatch, from: number, to: number) {
  if (keyLengths.length < to - from) {
    keyLengths = new Int32Array(to - from)
    valueLengths = new Int32Array(to - from)
  }
  const { keyStarts, keyEnds, valueStarts, valueEnds } = batch
  let bytes = 0
  let longestKey = 0
  let longestValue = 0
  for (let i = from; i < to; i++) {
    const keyLength = keyStarts[i]! < 0 ? 0 : keyEnds[i]! - keyStarts[i]! + 1
    const valueLength = valueStarts[i]! < 0 ? 0 : valueEnds[i]! - valueStarts[i]! + 1
    keyLengths[i - from] = keyLength
    valueLengths[i - from] = valueLength
    if (keyLength > 0) bytes += keyLength - 1
    if (valueLength > 0) bytes += valueLength - 1
    if (keyLength > longestKey) longestKey = keyLength
    if (valueLength > longestValue) longestValue = valueLength
  }
  return { bytes, keyWidth: widthFor(longestKey), valueWidth: widthFor(longestValue) }
}

function measureTimes(batch: RecordBatch, from: number, to: number) {
  const times = batch.timestampsMs
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let whole = true
  for (let i = from; i < to; i++) {
    const time = times[i]!
    if (time < min) min = time
    if (time > max) max = time
    if (Math.trunc(time) !== time) whole = false
  }
  const width: ColumnWidth = whole ? widthFor(max - min) : 8
  return { min, max, width }
}

function constantTime(timeMs: number): { min: number; max: number; width: ColumnWidth } {
  return { min: timeMs, max: timeMs, width: 0 }
}

function widthForOffsets(batch: RecordBatch, from: number, to: number, first: number): ColumnWidth {
  if (to === from) return 0
  const last = batch.offsets[to - 1]!
  const consecutive = batch.offsets[from] === first && last - first === to - from - 1
  return consecutive ? 0 : widthFor(Math.max(1, last - first))
}

/** Copies keys and values in the order of the records; what lies together already goes in one piece. */
function writeRecordBytes(row: Buffer, at: number, batch: RecordBatch, from: number, to: number): number {
  const { bytes, keyStarts, keyEnds, valueStarts, valueEnds } = batch
  let position = at
  let runStart = 0
  let runEnd = 0
  for (let i = from; i < to; i++) {
    const keyStart = keyStarts[i]!
    if (keyStart >= 0) {
      if (keyStart !== runEnd) {
        position += copyRun(bytes, runStart, runEnd, row, position)
        runStart = keyStart
      }
      runEnd = keyEnds[i]!
    }
    const valueStart = valueStarts[i]!
    if (valueStart >= 0) {
      if (valueStart !== runEnd) {
        position += copyRun(bytes, runStart, runEnd, row, position)
        runStart = valueStart
      }
      runEnd = valueEnds[i]!
    }
  }
  return position + copyRun(bytes, runStart, runEnd, row, position)
}

function copyRun(source: Buffer, start: number, end: number, target: Buffer, at: number): number {
  const length = end - start
  // A native call costs more than moving a few bytes.
  if (length > 32) return source.copy(target, at, start, end)
  for (let i = 0; i < length; i++) target[at + i] = source[start + i]!
  return length
}

/** Turns lengths, which the two columns of ends hold at first, into places. */
function locateRecords(
  keyStarts: Int32Array,
  keyEnds: Int32Array,
  valueStarts: Int32Array,
  valueEnds: Int32Array,
  count: number,
): void {
  let position = 0
  for (let i = 0; i < count; i++) {
    const keyLength = keyEnds[i]!
    keyStarts[i] = keyLength < 0 ? -1 : position
    if (keyLength > 0) position += keyLength
    keyEnds[i] = position
    const valueLength = valueEnds[i]!
    valueStarts[i] = valueLength < 0 ? -1 : position
    if (valueLength > 0) position += valueLength
    valueEnds[i] = position
  }
}

type HeaderColumn = NonNullable<RecordBatch['headers']>

function measureHeaders(column: HeaderColumn, from: number, to: number): number {
  let bytes = 0
  for (let i = from; i < to; i++) {
    const headers = column[i]
    if (headers !== undefined && headers.length > 0) bytes += 8 + headersBytes(headers)
  }
  return bytes === 0 ? 0 : bytes + 4
}

function headersBytes(headers: Headers): number {
  let bytes = 0
  for (const { key, value } of headers) bytes += 8 + Buffer.byteLength(key) + (value?.length ?? 0)
  return bytes
}

function writeHeaders(row: Buffer, at: number, column: HeaderColumn, from: number, to: number): void {
  let position = at + 4
  let records = 0
  for (let i = from; i < to; i++) {
    const headers = column[i]
    if (headers === undefined || headers.length === 0) continue
    records++
    position = row.writeUInt32LE(i - from, position)
    position = row.writeUInt32LE(headers.length, position)
    for (const { key, value } of headers) {
      const keyBytes = row.write(key, position + 4, 'utf8')
      row.writeInt32LE(keyBytes, position)
      position = row.writeInt32LE(value === null ? -1 : value.length, position + 4 + keyBytes)
      if (value === null) continue
      row.set(value, position)
      position += value.length
    }
  }
  row.writeUInt32LE(records, at)
}

function readHeaders(row: Buffer, at: number, count: number): HeaderColumn {
  const column: (Headers | undefined)[] = new Array(count).fill(undefined)
  let position = at + 4
  for (let records = row.readUInt32LE(at); records > 0; records--) {
    const index = row.readUInt32LE(position)
    const headers: Header[] = []
    const headerCount = row.readUInt32LE(position + 4)
    position += 8
    for (let i = 0; i < headerCount; i++) {
      const keyEnd = position + 4 + row.readInt32LE(position)
      const key = row.toString('utf8', position + 4, keyEnd)
      const valueLength = row.readInt32LE(keyEnd)
      position = keyEnd + 4 + Math.max(0, valueLength)
      headers.push({ key, value: valueLength < 0 ? null : row.subarray(keyEnd + 4, position) })
    }
    column[index] = headers
  }
  return column
}
