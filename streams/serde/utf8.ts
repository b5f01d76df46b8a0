/** UTF-8 to text: strict, and fast for the short keys and codes that most records are made of. */
import { isUtf8 } from 'node:buffer'

/** Up to this length a string is faster made here than by a call into the runtime's native code. */
const shortStringBytes = 40

/** By length: text of so many ASCII bytes from `start`, or null when one of them is not ASCII. */
const shortAscii = Array.from({ length: shortStringBytes + 1 }, (_, length) => compileShortAscii(length))

/** Text of UTF-8 bytes. @throws RangeError when they are not UTF-8; a decoder would put U+FFFD in silence. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length <= shortStringBytes) {
    const text = shortAscii[length]!(bytes, start)
    if (text !== null) return text
  }
  const text = bytes.toString('utf8', start, end)
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw new RangeError(`the bytes of ${JSON.stringify(text.slice(0, 100))} are not UTF-8`)
  }
  return text
}

/** Straight code without a loop: each byte is read once, and the string is made in one piece. */
function compileShortAscii(length: number): (bytes: Uint8Array, start: number) => string | null {
  if (length === 0) return () => ''
  const names = Array.from({ length }, (_, index) => `c${index}`)
  const reads = names.map((name, index) => `${name} = bytes[start + ${index}]`)
  return new Function(
    'bytes',
    'start',
    `'use strict'
    const ${reads.join(', ')}
    return (${names.join(' | ')}) < 0x80 ? String.fromCharCode(${names.join(', ')}) : null`,
  ) as (bytes: Uint8Array, start: number) => string | null
}
