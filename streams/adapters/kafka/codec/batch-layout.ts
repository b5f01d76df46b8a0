/**
 * Where the fields of a record batch of message format 2 lie, from the batch's first byte. All numbers are big-endian.
 * `batchLength` counts what follows it; the checksum covers everything from the attributes on.
 */
export const layout = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

/** Offset and length come before what the length counts. */
export const lengthOverheadBytes = 12

export const attributeBits = {
  compression: 0x07,
  appendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
} as const

/** The smallest record: length, attributes, time, offset, key length, value length and header count, a byte each. */
export const smallestRecordBytes = 7

/** The largest decompressed batch taken, so that a few damaged or hostile bytes cannot take all memory. */
export const maxDecompressedBytes = 256 * 1024 * 1024

/** An eight-byte number. Offsets, ids and times stay below 2^53 for any log that is not damaged. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}
