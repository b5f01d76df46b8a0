/**
 * How a row looks as bytes, in the database and in the changelog alike: the timestamp as a big-endian float64, then the
 * encoded value. Restoring copies bytes and decodes nothing.
 */
import type { ByteWriter } from '../records/byte-writer.ts'
import type { Codec } from '../serde/serde.ts'

const timestampBytes = 8

export function writeRow<V>(codec: Codec<V>, value: V, timestampMs: number, writer: ByteWriter): void {
  writer.float64(timestampMs)
  codec.encode(value, writer)
}

export function rowTimestamp(row: Buffer): number {
  return row.readDoubleBE(0)
}

export function rowValue<V>(codec: Codec<V>, row: Buffer): V {
  return codec.decode(row, timestampBytes, row.length)
}
