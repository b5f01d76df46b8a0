/**
 * Snappy: read plain and in the blocks of the Java library (xerial), written in those, as Kafka's Java clients do.
 *
 * Invariants:
 * 1. No byte outside the input is read and no more is written than the input says, which is checked against `maxBytes` and
 *    against what so many bytes can hold at most, before anything is allocated.
 */
import { copyBack } from './copy-back.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { findRepeats } from './repeats.ts'

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderBytes = 16
/** A copy of three bytes makes at most 64. */
const mostExpansion = 32

/** The magic, then the version and the oldest version that reads it. */
const xerialHeader = Buffer.concat([xerialMagic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const writtenBlockBytes = 65_536
/** A literal's tag and length take 3 bytes and come, but for the last, with a copy that saves at least one. */
const blockOverheadBytes = Math.ceil(writtenBlockBytes / 6) + 16
const longestCopy = 64
const shortestCopy = 4

export function compressSnappy(bytes: Uint8Array): Buffer {
  const blockCount = Math.ceil(bytes.length / writtenBlockBytes)
  const output = Buffer.allocUnsafeSlow(
    xerialHeaderBytes + bytes.length + blockCount * (4 + blockOverheadBytes),
  )
  let written = xerialHeader.copy(output)
  for (let start = 0; start < bytes.length; start += writtenBlockBytes) {
    const end = Math.min(bytes.length, start + writtenBlockBytes)
    const reach = compressBlock(bytes, start, end, output, written + 4)
    output.writeInt32BE(reach - written - 4, written)
    written = reach
  }
  return output.subarray(0, written)
}

/** Answers where the block ends in the output. */
function compressBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  output: Buffer,
  before: number,
): number {
  let written = before
  for (let left = end - start; ; left >>>= 7) {
    output[written++] = left < 128 ? left : (left & 127) | 128
    if (left < 128) break
  }
  const writeLiterals = (from: number, to: number): void => {
    if (from === to) return
    const last = to - from - 1
    if (last < 60) output[written++] = last << 2
    else if (last < 256) {
      output[written++] = 60 << 2
      output[written++] = last
    } else {
      output[written++] = 61 << 2
      output[written++] = last & 255
      output[written++] = last >>> 8
    }
    for (let at = from; at < to; at++) output[written++] = bytes[at]!
  }
  const writeCopy = (distance: number, length: number): void => {
    if (length < 12 && distance < 2048) {
      output[written++] = ((distance >>> 8) << 5) | ((length - 4) << 2) | 1
      output[written++] = distance & 255
      return
    }
    output[written++] = ((length - 1) << 2) | 2
    output[written++] = distance & 255
    output[written++] = distance >>> 8
  }
  const rest = findRepeats(bytes, start, end, (from, at, distance, length) => {
    writeLiterals(from, at)
    let left = length
    // What is left must be long enough for a copy of its own.
    while (left > longestCopy) {
      const part = left - longestCopy < shortestCopy ? longestCopy - shortestCopy : longestCopy
      writeCopy(distance, part)
      left -= part
    }
    writeCopy(distance, left)
  })
  writeLiterals(rest, end)
  return written
}

/** @throws DamagedBytes */
export function decompressSnappy(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length < 8 || !bytes.subarray(0, 8).equals(xerialMagic)) return decompressBlock(bytes, maxBytes)
  const blocks: Buffer[] = []
  let total = 0
  for (let at = xerialHeaderBytes; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new DamagedBytes('snappy: a block has no length')
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0 || at + length > bytes.length) throw new DamagedBytes('snappy: a block is cut off')
    const block = decompressBlock(bytes.subarray(at, at + length), maxBytes - total)
    blocks.push(block)
    total += block.length
    at += length
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks, total)
}

function decompressBlock(bytes: Buffer, maxBytes: number): Buffer {
  let at = 0
  let length = 0
  for (let scale = 1; ; scale *= 128) {
    if (at >= bytes.length || at === 5) throw new DamagedBytes('snappy: no length')
    const byte = bytes[at++]!
    length += (byte & 0x7f) * scale
    if (byte < 0x80) break
  }
  if (length > maxBytes || length > bytes.length * mostExpansion) {
    throw new DamagedBytes(`snappy: ${bytes.length} bytes claim to hold ${length}`)
  }
  const output = Buffer.allocUnsafeSlow(length)
  if (expand(bytes, at, output) !== length) throw new DamagedBytes('snappy: less than it claims to hold')
  return output
}

function expand(bytes: Buffer, start: number, output: Buffer): number {
  let at = start
  let written = 0
  while (at < bytes.length) {
    const tag = bytes[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >>> 2
      if (length >= 60) {
        const lengthBytes = length - 59
        if (at + lengthBytes > bytes.length) throw new DamagedBytes('snappy: a literal is cut off')
        length = bytes.readUIntLE(at, lengthBytes)
        at += lengthBytes
      }
      length++
      if (at + length > bytes.length || written + length > output.length)
        throw new DamagedBytes('snappy: a literal runs over')
      bytes.copy(output, written, at, at + length)
      at += length
      written += length
      continue
    }
    const offsetBytes = kind === 3 ? 4 : kind
    if (at + offsetBytes > bytes.length) throw new DamagedBytes('snappy: a copy is cut off')
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const distance = kind === 1 ? ((tag >>> 5) << 8) | bytes[at]! : bytes.readUIntLE(at, offsetBytes)
    at += offsetBytes
    written = copyBack(output, written, distance, length)
  }
  return written
}
