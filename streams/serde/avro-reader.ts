/** Reads the primitives of Avro's binary encoding out of a part of a buffer, and never past its end. */
import { decodeUtf8 } from './utf8.ts'

/** No block of an array or map may claim more items, whatever its bytes say: items may take no bytes at all. */
const maxBlockItems = 1 << 24

export class AvroReader {
  private bytes: Buffer = Buffer.alloc(0)
  private position = 0
  private end = 0

  /** Reads one value, which must take up all of `bytes[start .. end)`. */
  readWhole<T>(read: (reader: AvroReader) => T, bytes: Buffer, start: number, end: number): T {
    this.bytes = bytes
    this.position = start
    this.end = end
    const value = read(this)
    if (this.position < end) throw new RangeError(`${end - this.position} bytes follow the end of the value`)
    if (this.position > end) throw truncated()
    return value
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte > 1) throw new RangeError(`${byte} is not a boolean`)
    return byte === 1
  }

  int(): number {
    const value = this.long()
    if (value !== (value | 0)) throw new RangeError(`${value} is not an int`)
    return value
  }

  /** @throws when it is not a safe integer: a number could not hold it exactly. */
  long(): number {
    const bytes = this.bytes
    let position = this.position
    let byte = bytes[position++]!
    let low = byte & 0x7f
    for (let shift = 7; byte > 0x7f && shift < 28; shift += 7) {
      byte = bytes[position++]!
      low |= (byte & 0x7f) << shift
    }
    this.position = position
    if (byte > 0x7f) return this.longFrom(low)
    if (position > this.end) throw truncated()
    return (low >>> 1) ^ -(low & 1)
  }

  /** The rest of a long, after its lowest 28 bits. */
  private longFrom(low: number): number {
    let high = 0
    let byte = 0x80
    for (let scale = 1; byte > 0x7f; scale *= 128) {
      if (scale > 2 ** 35) throw new RangeError('a number is longer than ten bytes')
      byte = this.byte()
      high += (byte & 0x7f) * scale
    }
    const half = high * 2 ** 27 + (low >>> 1)
    const value = (low & 1) === 0 ? half : -half - 1
    if (!Number.isSafeInteger(value)) throw new RangeError(`the long ${value} is beyond the safe integers`)
    return value
  }

  float(): number {
    return this.bytes.readFloatLE(this.advance(4))
  }

  double(): number {
    return this.bytes.readDoubleLE(this.advance(8))
  }

  /** @throws when the bytes are not UTF-8 */
  string(): string {
    const length = this.long()
    const start = this.advance(length)
    return decodeUtf8(this.bytes, start, start + length)
  }

  /** A copy. */
  byteString(): Buffer {
    return this.fixed(this.long())
  }

  /** A copy. */
  fixed(length: number): Buffer {
    const start = this.advance(length)
    return Buffer.from(this.bytes.subarray(start, start + length))
  }

  skipByteString(): void {
    this.advance(this.long())
  }

  symbol<T>(symbols: readonly T[]): T {
    const index = this.long()
    if (index < 0 || index >= symbols.length) throw new RangeError(`${index} is no symbol of the enum`)
    return symbols[index]!
  }

  /** The number of items in the next block of an array or map; 0 ends it. */
  blockItems(): number {
    let count = this.long()
    if (count < 0) {
      this.long() // The block's size in bytes, which only skipping needs.
      count = -count
    }
    if (count > maxBlockItems) throw new RangeError(`a block of ${count} items`)
    return count
  }

  /** Before each item: a wrong count ends at the end of the bytes, not in endless reading. */
  expectMore(): void {
    if (this.position >= this.end) throw truncated()
  }

  /** Reads a value and stays before it. */
  peek<T>(read: () => T): T {
    const start = this.position
    const value = read()
    this.position = start
    return value
  }

  unknownBranch(index: number): never {
    throw new RangeError(`${index} is no branch of the union`)
  }

  private byte(): number {
    return this.bytes[this.advance(1)]!
  }

  private advance(length: number): number {
    const start = this.position
    if (length < 0 || start + length > this.end) throw truncated()
    this.position = start + length
    return start
  }
}

function truncated(): RangeError {
  return new RangeError('the bytes end before the value does')
}
