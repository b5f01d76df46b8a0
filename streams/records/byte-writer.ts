/**
 * A growing buffer that codecs write into, so that an encoded record is never copied on its way to the log.
 * Codecs may write to `buffer` at `position` themselves after `ensure`, and must then move `position`.
 */
/** So few bytes are copied faster in a loop than by a call into the runtime's native code. */
const shortBytes = 40

export class ByteWriter {
  buffer: Buffer
  position = 0

  constructor(initialBytes = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Makes room for `bytes` more; afterwards `buffer` may be another object. */
  ensure(bytes: number): void {
    const needed = this.position + bytes
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.position)
    this.buffer = grown
  }

  byte(value: number): void {
    this.ensure(1)
    this.buffer[this.position++] = value
  }

  /** Four bytes, big-endian, two's complement. */
  int32(value: number): void {
    this.ensure(4)
    const { buffer, position } = this
    buffer[position] = value >>> 24
    buffer[position + 1] = value >>> 16
    buffer[position + 2] = value >>> 8
    buffer[position + 3] = value
    this.position = position + 4
  }

  /** Eight bytes, big-endian IEEE 754: orders like the number itself for values that are not negative. */
  float64(value: number): void {
    this.ensure(8)
    this.position = this.buffer.writeDoubleBE(value, this.position)
  }

  bytes(value: Uint8Array): void {
    this.ensure(value.length)
    this.buffer.set(value, this.position)
    this.position += value.length
  }

  /** Bytes that lie in another writer or batch. */
  bytesOf(source: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length > shortBytes) {
      this.bytes(source.subarray(start, end))
      return
    }
    this.ensure(length)
    const { buffer, position } = this
    for (let i = 0; i < length; i++) buffer[position + i] = source[start + i]!
    this.position = position + length
  }

  utf8(text: string): void {
    this.ensure(text.length * 3)
    if (text.length > shortBytes || !this.shortAscii(text)) {
      this.position += this.buffer.write(text, this.position, 'utf8')
    }
  }

  /** Writes a text that is all ASCII; any other leaves the position where it was. */
  private shortAscii(text: string): boolean {
    const { buffer, position } = this
    const { length } = text
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      buffer[position + i] = unit
    }
    this.position = position + length
    return true
  }

  /** A copy of what was written between two positions. */
  copy(start: number, end: number): Buffer {
    return Buffer.from(this.buffer.subarray(start, end))
  }

  clear(): void {
    this.position = 0
  }
}
