/** A value among others in a row: its length as a big-endian int32, then its bytes. */
import type { ByteWriter } from '../records/byte-writer.ts'
import type { Codec } from '../serde/serde.ts'

const lengthBytes = 4

export function writeSized<T>(codec: Codec<T>, value: T, writer: ByteWriter): void {
  const start = writer.position
  writer.int32(0)
  codec.encode(value, writer)
  writer.buffer.writeInt32BE(writer.position - start - lengthBytes, start)
}

export function readSized<T>(codec: Codec<T>, bytes: Buffer, start: number): T {
  return codec.decode(bytes, start + lengthBytes, endOfSized(bytes, start))
}

/** Where the next begins. */
export function endOfSized(bytes: Buffer, start: number): number {
  return start + lengthBytes + bytes.readInt32BE(start)
}
