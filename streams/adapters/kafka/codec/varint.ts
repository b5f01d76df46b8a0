/**
 * Kafka's variable-length numbers: zigzag, seven bits a byte, the lowest first. A varint has at most 5 bytes (32 bits), a
 * varlong at most 10, of which numbers up to 2^53 are read here: offsets and times.
 */

const lastInt = 0x3fff_ffff

/** How many bytes a number takes. */
export function varintBytes(value: number): number {
  if (value > lastInt || value < -lastInt) return largeVarintBytes(value)
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

/** Writes a number and answers the position after it; there must be room. */
export function writeVarint(bytes: Uint8Array, value: number, at: number): number {
  if (value > lastInt || value < -lastInt) return writeLargeVarint(bytes, value, at)
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

function zigzagOf(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

function largeVarintBytes(value: number): number {
  let bytes = 1
  for (let rest = zigzagOf(value); rest >= 0x80; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

function writeLargeVarint(bytes: Uint8Array, value: number, at: number): number {
  let rest = zigzagOf(value)
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80
  bytes[at++] = rest
  return at
}

/**
 * Reads numbers one after another. A number that runs over the end or has too many bytes sets `failed`, which the caller
 * looks at once per record: reads past the end answer 0 and never throw.
 */
export class VarintReader {
  bytes: Uint8Array
  at = 0
  end = 0
  failed = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.end = bytes.length
  }

  next(): number {
    const { bytes, end } = this
    let at = this.at
    if (at >= end) return this.fail()
    let byte = bytes[at++]!
    if (byte < 0x80) {
      this.at = at
      return (byte >>> 1) ^ -(byte & 1)
    }
    let zigzag = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      if (at >= end) return this.fail()
      byte = bytes[at++]!
      zigzag |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = at
        return (zigzag >>> 1) ^ -(zigzag & 1)
      }
    }
    return this.large(at, zigzag)
  }

  /** The rest of a number of five bytes or more, of which the first four held `low`. */
  private large(at: number, low: number): number {
    const { bytes, end } = this
    let zigzag = low
    for (let scale = 2 ** 28; scale <= 2 ** 49; scale *= 128) {
      if (at >= end) return this.fail()
      const byte = bytes[at++]!
      zigzag += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.at = at
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
      }
    }
    return this.fail()
  }

  private fail(): number {
    this.failed = true
    this.at = this.end
    return 0
  }
}
