/** Reads and checks the head of a record batch, so that whatever follows may trust its counts and lengths. */
import { attributeBits, layout, lengthOverheadBytes, readInt64, smallestRecordBytes } from './batch-layout.ts'
import { crc32c } from './crc32c.ts'
import { DamagedBytes } from './damaged-bytes.ts'

export interface BatchHeader {
  readonly baseOffset: number
  /** The offset after the batch's last, whether or not that record is still there. */
  readonly nextOffset: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly recordCount: number
  readonly compressionCode: number
  readonly appendTime: boolean
  readonly transactional: boolean
  readonly control: boolean
  /** Where its records lie, compressed or not. */
  readonly recordsStart: number
  readonly end: number
}

/**
 * The batch that begins at `start`, or undefined where it is not whole: the last one of a fetch may be cut off.
 * @throws DamagedBytes
 */
export function readBatchHeader(bytes: Buffer, start: number, limit: number): BatchHeader | undefined {
  if (start + layout.records > limit) return undefined
  const batchBytes = bytes.readInt32BE(start + layout.batchLength) + lengthOverheadBytes
  if (batchBytes < layout.records) throw new DamagedBytes(`a batch of ${batchBytes} bytes`)
  const magic = bytes[start + layout.magic]!
  if (magic !== 2) throw new DamagedBytes(`a batch in message format ${magic}; only format 2 is read`)
  const end = start + batchBytes
  if (end > limit) return undefined
  const stored = bytes.readUInt32BE(start + layout.crc)
  const actual = crc32c(bytes, start + layout.attributes, end)
  if (stored !== actual) {
    throw new DamagedBytes(
      `a batch with checksum ${stored.toString(16)} whose bytes have ${actual.toString(16)}`,
    )
  }
  const attributes = bytes.readInt16BE(start + layout.attributes)
  const baseOffset = readInt64(bytes, start + layout.baseOffset)
  const lastOffsetDelta = bytes.readInt32BE(start + layout.lastOffsetDelta)
  const recordCount = bytes.readInt32BE(start + layout.recordCount)
  const compressionCode = attributes & attributeBits.compression
  if (baseOffset < 0 || lastOffsetDelta < 0 || !Number.isSafeInteger(baseOffset + lastOffsetDelta)) {
    throw new DamagedBytes(`a batch of the offsets ${baseOffset} and ${lastOffsetDelta} more`)
  }
  if (recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    throw new DamagedBytes(`a batch of ${recordCount} records at ${lastOffsetDelta + 1} offsets`)
  }
  const header = {
    baseOffset,
    nextOffset: baseOffset + lastOffsetDelta + 1,
    baseTimestamp: readInt64(bytes, start + layout.baseTimestamp),
    maxTimestamp: readInt64(bytes, start + layout.maxTimestamp),
    producerId: readInt64(bytes, start + layout.producerId),
    recordCount,
    compressionCode,
    appendTime: (attributes & attributeBits.appendTime) !== 0,
    transactional: (attributes & attributeBits.transactional) !== 0,
    control: (attributes & attributeBits.control) !== 0,
    recordsStart: start + layout.records,
    end,
  }
  if (compressionCode === 0) checkRecordCount(header, end - header.recordsStart)
  return header
}

/** So many records do fit into so many bytes: the columns for them may be allocated. */
export function checkRecordCount(header: BatchHeader, recordsBytes: number): void {
  if (header.recordCount * smallestRecordBytes <= recordsBytes) return
  throw new DamagedBytes(`a batch of ${header.recordCount} records in ${recordsBytes} bytes`)
}
