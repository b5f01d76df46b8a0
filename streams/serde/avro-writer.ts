/**
 * Writes the primitives of Avro's binary encoding. Each refuses what is not of its type by throwing `notOfType`, one
 * object made once: what is wrong and where is found out by `misfit`, off the fast path.
 */
import type { ByteWriter } from '../records/byte-writer.ts'

export const notOfType = new TypeError('a value is not of its type')

export function writeNull(_writer: ByteWriter, value: unknown): void {
  if (value !== null) throw notOfType
}

export function writeBoolean(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'boolean') throw notOfType
  writer.byte(value ? 1 : 0)
}

export function writeInt(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'number' || value !== (value | 0)) throw notOfType
  writeVarint(writer, value)
}

export function writeLong(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw notOfType
  writeVarint(writer, value)
}

export function writeFloat(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'number') throw notOfType
  writer.ensure(4)
  writer.position = writer.buffer.writeFloatLE(value, writer.position)
}

export function writeDouble(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'number') throw notOfType
  writer.ensure(8)
  writer.position = writer.buffer.writeDoubleLE(value, writer.position)
}

export function writeString(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'string') throw notOfType
  const length = value.length
  if (length < 64) {
    // Its length in bytes takes one byte if all of it is ASCII, and then it is copied faster here than natively.
    writer.ensure(length + 1)
    const { buffer, position } = writer
    let i = 0
    for (; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) break
      buffer[position + 1 + i] = unit
    }
    if (i === length) {
      buffer[position] = length << 1
      writer.position = position + 1 + length
      return
    }
  }
  writeVarint(writer, Buffer.byteLength(value))
  writer.utf8(value)
}

export function writeBytes(writer: ByteWriter, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw notOfType
  writeVarint(writer, value.length)
  writer.bytes(value)
}

export function writeFixed(writer: ByteWriter, value: unknown, sizeBytes: number): void {
  if (!(value instanceof Uint8Array) || value.length !== sizeBytes) throw notOfType
  writer.bytes(value)
}

export function writeSymbol(writer: ByteWriter, value: unknown, indexes: ReadonlyMap<unknown, number>): void {
  const index = indexes.get(value)
  if (index === undefined) throw notOfType
  writeVarint(writer, index)
}

/** A safe integer in zigzag order, seven bits a byte, lowest first. */
export function writeVarint(writer: ByteWriter, value: number): void {
  writer.ensure(10)
  const buffer = writer.buffer
  let position = writer.position
  if (value >= -0x40000000 && value < 0x40000000) {
    let bits = ((value << 1) ^ (value >> 31)) >>> 0
    for (; bits > 0x7f; bits >>>= 7) buffer[position++] = (bits & 0x7f) | 0x80
    buffer[position++] = bits
  } else {
    // Doubling a number beyond 2^52 would round it: the sign goes into the lowest part, which is split off first.
    const half = value < 0 ? -value - 1 : value
    let high = Math.floor(half / 0x8000000) | 0
    const low = (half - high * 0x8000000) * 2 + (value < 0 ? 1 : 0)
    for (let shift = 0; shift < 28; shift += 7) buffer[position++] = ((low >>> shift) & 0x7f) | 0x80
    for (; high > 0x7f; high >>>= 7) buffer[position++] = (high & 0x7f) | 0x80
    buffer[position++] = high
  }
  writer.position = position
}
