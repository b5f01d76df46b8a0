/** CRC-32C (Castagnoli), the checksum of record batches, eight bytes a step. */
import { endianness } from 'node:os'

const isLittleEndian = endianness() === 'LE'

const tables = new Int32Array(8 * 256)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  tables[byte] = crc
}
for (let byte = 0; byte < 256; byte++) {
  for (let table = 1; table < 8; table++) {
    const previous = tables[(table - 1) * 256 + byte]!
    tables[table * 256 + byte] = tables[previous & 255]! ^ (previous >>> 8)
  }
}

/** The checksum of `bytes[start .. end)` as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  // Whole words are read from the first one on that lies where words may.
  const wordsStart = Math.min(end, start + (-(bytes.byteOffset + start) & 3))
  const wordPairs = isLittleEndian ? (end - wordsStart) >>> 3 : 0
  let crc = -1
  let at = start
  for (; at < wordsStart; at++) crc = tables[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8)
  if (wordPairs > 0) {
    crc = crcOfWords(crc, new Int32Array(bytes.buffer, bytes.byteOffset + at, wordPairs * 2))
    at += wordPairs * 8
  }
  for (; at < end; at++) crc = tables[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Two words a step. */
function crcOfWords(start: number, words: Int32Array): number {
  let crc = start
  for (let i = 0; i < words.length; i += 2) {
    const low = crc ^ words[i]!
    const high = words[i + 1]!
    crc =
      tables[1792 + (low & 255)]! ^
      tables[1536 + ((low >>> 8) & 255)]! ^
      tables[1280 + ((low >>> 16) & 255)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + (high & 255)]! ^
      tables[512 + ((high >>> 8) & 255)]! ^
      tables[256 + ((high >>> 16) & 255)]! ^
      tables[high >>> 24]!
  }
  return crc
}
