/** Keys of rows that belong to one key: its length as four bytes and the key, then what tells the rows apart. */
import type { ByteWriter } from '../records/byte-writer.ts'
import type { Codec } from '../serde/serde.ts'

const lengthBytes = 4

export function writePrefix<K>(keys: Codec<K>, key: K, writer: ByteWriter): void {
  const start = writer.position
  writer.int32(0)
  keys.encode(key, writer)
  writer.buffer.writeInt32BE(writer.position - start - lengthBytes, start)
}

export function readPrefix<K>(keys: Codec<K>, bytes: Buffer, start: number): { key: K; end: number } {
  const keyStart = start + lengthBytes
  const end = keyStart + bytes.readInt32BE(start)
  return { key: keys.decode(bytes, keyStart, end), end }
}
