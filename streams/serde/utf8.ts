/** UTF-8 to text: strict, and fast for the short keys and codes that most records are made of. */
import { isUtf8 } from 'node:buffer'

/** Below this length a string is faster made here than by a call into the runtime's native code. */
const shortStringBytes = 16

/** Text of UTF-8 bytes. @throws RangeError when they are not UTF-8; a decoder would put U+FFFD in silence. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (end - start <= shortStringBytes && isAscii(bytes, start, end)) return shortAscii(bytes, start, end)
  const text = bytes.toString('utf8', start, end)
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw new RangeError(`the bytes of ${JSON.stringify(text.slice(0, 100))} are not UTF-8`)
  }
  return text
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  let seen = 0
  for (let i = start; i < end; i++) seen |= bytes[i]!
  return seen < 0x80
}

function shortAscii(bytes: Buffer, start: number, end: number): string {
  let text = ''
  let i = start
  for (; i + 4 <= end; i += 4) {
    text += String.fromCharCode(bytes[i]!, bytes[i + 1]!, bytes[i + 2]!, bytes[i + 3]!)
  }
  if (end - i === 3) return text + String.fromCharCode(bytes[i]!, bytes[i + 1]!, bytes[i + 2]!)
  if (end - i === 2) return text + String.fromCharCode(bytes[i]!, bytes[i + 1]!)
  if (end - i === 1) return text + String.fromCharCode(bytes[i]!)
  return text
}
