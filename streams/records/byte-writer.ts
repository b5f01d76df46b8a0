/**
 * A growing buffer that codecs write into, so that an encoded record is never copied on its way to the log.
 * Codecs may write to `buffer` at `position` themselves after `ensure`, and must then move `position`.
 */
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
    this.position = this.buffer.writeInt32BE(value, this.position)
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

  utf8(text: string): void {
    this.ensure(text.length * 3)
    this.position += this.buffer.write(text, this.position, 'utf8')
  }

  /** A copy of what was written between two positions. */
  copy(start: number, end: number): Buffer {
    return Buffer.from(this.buffer.subarray(start, end))
  }

  clear(): void {
    this.position = 0
  }
}
