/**
 * The primitive types of Kafka's protocol, written and read. Flexible versions of a request have compact strings and
 * arrays, whose length is an unsigned varint of one more, and tagged fields, of which none are used here.
 */
import { ByteWriter } from '../../../records/byte-writer.ts'
import { readInt64, writeInt64 } from '../codec/batch-layout.ts'
import { DamagedBytes } from '../codec/damaged-bytes.ts'

export class WireWriter extends ByteWriter {
  private readonly ended: Buffer[] = []
  private pieceStart = 0

  int8(value: number): void {
    this.byte(value & 0xff)
  }

  int16(value: number): void {
    this.ensure(2)
    this.position = this.buffer.writeInt16BE(value, this.position)
  }

  int64(value: number): void {
    this.ensure(8)
    writeInt64(this.buffer, value, this.position)
    this.position += 8
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  string(value: string | null): void {
    this.int16(value === null ? -1 : Buffer.byteLength(value))
    if (value !== null) this.utf8(value)
  }

  byteString(value: Uint8Array): void {
    this.int32(value.length)
    this.bytes(value)
  }

  /** Like `byteString`, but what is large is not copied: it must not change until it was sent. */
  attached(value: Uint8Array): void {
    this.int32(value.length)
    this.endPiece()
    this.ended.push(Buffer.from(value.buffer, value.byteOffset, value.length))
  }

  /** All that was written, in order. */
  pieces(): Buffer[] {
    this.endPiece()
    return this.ended
  }

  array<T>(items: readonly T[], write: (item: T) => void): void {
    this.int32(items.length)
    for (const item of items) write(item)
  }

  unsignedVarint(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest >>>= 7) this.byte((rest & 0x7f) | 0x80)
    this.byte(rest)
  }

  compactString(value: string | null): void {
    this.unsignedVarint(value === null ? 0 : Buffer.byteLength(value) + 1)
    if (value !== null) this.utf8(value)
  }

  compactArray<T>(items: readonly T[], write: (item: T) => void): void {
    this.unsignedVarint(items.length + 1)
    for (const item of items) write(item)
  }

  noTags(): void {
    this.byte(0)
  }

  private endPiece(): void {
    if (this.position > this.pieceStart) this.ended.push(this.buffer.subarray(this.pieceStart, this.position))
    this.pieceStart = this.position
  }
}

/** Reads an answer; one that ends too early is damaged. */
export class WireReader {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  int8(): number {
    return this.bytes.readInt8(this.advance(1))
  }

  int16(): number {
    return this.bytes.readInt16BE(this.advance(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.advance(4))
  }

  int64(): number {
    return readInt64(this.bytes, this.advance(8))
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.text(length)
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  /** The bytes as they lie in the answer; null reads as empty. */
  byteString(): Buffer {
    const length = Math.max(0, this.int32())
    const start = this.advance(length)
    return this.bytes.subarray(start, start + length)
  }

  array<T>(read: () => T): T[] {
    return this.items(this.int32(), read)
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.int8() & 0xff
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new DamagedBytes('a number of more than five bytes')
  }

  compactString(): string {
    return this.text(Math.max(0, this.unsignedVarint() - 1))
  }

  compactArray<T>(read: () => T): T[] {
    return this.items(this.unsignedVarint() - 1, read)
  }

  skipTags(): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      this.unsignedVarint()
      this.advance(this.unsignedVarint())
    }
  }

  /** Moves on and answers the position before. */
  advance(bytes: number): number {
    const start = this.at
    if (bytes < 0 || start + bytes > this.bytes.length) {
      throw new DamagedBytes(`an answer of ${this.bytes.length} bytes ends too early`)
    }
    this.at = start + bytes
    return start
  }

  private text(length: number): string {
    const start = this.advance(length)
    return this.bytes.toString('utf8', start, start + length)
  }

  private items<T>(count: number, read: () => T): T[] {
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read())
    return items
  }
}
