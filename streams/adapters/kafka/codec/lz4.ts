/**
 * LZ4 frames, as Kafka's clients write them.
 *
 * Invariants:
 * 1. No byte outside the input is read; the output grows by what a block can hold at most and never beyond `maxBytes`.
 * 2. Checksums of the frame are not looked at: the record batch has its own over the same bytes.
 */
import { copyBack } from './copy-back.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { findRepeats } from './repeats.ts'

const frameMagic = 0x184d2204
const uncompressedBit = 0x8000_0000
const flags = {
  version: 0xc0,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  dictionary: 0x01,
}
/** A byte of a length stands for at most 255 bytes. */
const mostExpansion = 256

/** Blocks of 64 KiB, each for itself, without checksums; the last byte is the checksum of the two before it. */
const frameHeader = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82])
const writtenBlockBytes = 65_536
/** A byte of a length covers 255 literals; a token and its first length bytes come on top. */
const blockOverheadBytes = Math.ceil(writtenBlockBytes / 255) + 16

export function compressLz4(bytes: Uint8Array): Buffer {
  const blockCount = Math.ceil(bytes.length / writtenBlockBytes)
  const output = Buffer.allocUnsafeSlow(
    frameHeader.length + bytes.length + blockCount * (4 + blockOverheadBytes) + 4,
  )
  let written = frameHeader.copy(output)
  for (let start = 0; start < bytes.length; start += writtenBlockBytes) {
    const end = Math.min(bytes.length, start + writtenBlockBytes)
    let reach = compressBlock(bytes, start, end, output, written + 4)
    let head = reach - written - 4
    if (head >= end - start) {
      output.set(bytes.subarray(start, end), written + 4)
      reach = written + 4 + end - start
      head = end - start + uncompressedBit
    }
    output.writeUInt32LE(head, written)
    written = reach
  }
  output.writeUInt32LE(0, written)
  return output.subarray(0, written + 4)
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
  const writeLength = (length: number): void => {
    if (length < 15) return
    let left = length - 15
    for (; left >= 255; left -= 255) output[written++] = 255
    output[written++] = left
  }
  const writeLiterals = (from: number, to: number, copyNibble: number): void => {
    output[written++] = (Math.min(15, to - from) << 4) | copyNibble
    writeLength(to - from)
    for (let at = from; at < to; at++) output[written++] = bytes[at]!
  }
  const rest = findRepeats(bytes, start, end, (from, at, distance, length) => {
    writeLiterals(from, at, Math.min(15, length - 4))
    output[written++] = distance & 255
    output[written++] = distance >>> 8
    writeLength(length - 4)
  })
  writeLiterals(rest, end, 0)
  return written
}

/** @throws DamagedBytes */
export function decompressLz4(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== frameMagic) throw new DamagedBytes('lz4: no frame')
  const flag = bytes[4]!
  if ((flag & flags.version) !== 0x40) throw new DamagedBytes('lz4: a frame of an unknown version')
  if (flag & flags.dictionary) throw new DamagedBytes('lz4: a frame that needs a dictionary')
  const blockBytes = maxBlockBytes(bytes[5]!)
  let at = 7 + (flag & flags.contentSize ? 8 : 0)
  let output: Buffer = Buffer.allocUnsafeSlow(Math.min(maxBytes, bytes.length * 4 + 64))
  let written = 0
  for (;;) {
    if (at + 4 > bytes.length) throw new DamagedBytes('lz4: the frame has no end')
    const head = bytes.readUInt32LE(at)
    at += 4
    if (head === 0) break
    const size = head % uncompressedBit
    if (at + size > bytes.length) throw new DamagedBytes('lz4: a block is cut off')
    const plain = head >= uncompressedBit
    const room = plain ? size : Math.min(blockBytes, size * mostExpansion)
    if (written + room > output.length) output = grow(output, written, room, maxBytes)
    if (plain) {
      if (written + size > output.length) throw new DamagedBytes(`lz4: more than ${maxBytes} bytes`)
      bytes.copy(output, written, at, at + size)
      written += size
    } else {
      written = expandBlock(bytes, at, at + size, output, written)
    }
    at += size + (flag & flags.blockChecksum ? 4 : 0)
  }
  return output.subarray(0, written)
}

function maxBlockBytes(descriptor: number): number {
  const size = (descriptor >>> 4) & 7
  if (size < 4) throw new DamagedBytes(`lz4: blocks of an unknown size ${size}`)
  return 2 ** (8 + 2 * size)
}

function grow(output: Buffer, written: number, room: number, maxBytes: number): Buffer {
  const grown = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(written + room, output.length * 2)))
  output.copy(grown, 0, 0, written)
  return grown
}

function expandBlock(bytes: Buffer, start: number, end: number, output: Buffer, before: number): number {
  let at = start
  let written = before
  const readLength = (nibble: number): number => {
    let length = nibble
    if (nibble < 15) return length
    for (;;) {
      if (at >= end) throw new DamagedBytes('lz4: a length is cut off')
      const more = bytes[at++]!
      length += more
      if (more < 255) return length
    }
  }
  while (at < end) {
    const token = bytes[at++]!
    const literals = readLength(token >>> 4)
    if (at + literals > end || written + literals > output.length)
      throw new DamagedBytes('lz4: literals run over')
    bytes.copy(output, written, at, at + literals)
    at += literals
    written += literals
    if (at === end) return written
    if (at + 2 > end) throw new DamagedBytes('lz4: a copy is cut off')
    const distance = bytes[at]! | (bytes[at + 1]! << 8)
    at += 2
    written = copyBack(output, written, distance, readLength(token & 15) + 4)
  }
  return written
}
