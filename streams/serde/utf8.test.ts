import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeUtf8 } from './utf8.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function oracle(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

function decoded(bytes: Buffer, start: number, end: number): string | null {
  try {
    return decodeUtf8(bytes, start, end)
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError)
    return null
  }
}

test('should decode ASCII of every length', () => {
  for (let length = 0; length < 100; length++) {
    const text = Array.from({ length }, (_, index) => String.fromCharCode((index * 7 + length) & 0x7f)).join(
      '',
    )
    expect(decodeUtf8(Buffer.from(`<${text}>`), 1, 1 + length)).toBe(text)
  }
})

test('should decode what is UTF-8 and refuse what is not, wherever it lies', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => Buffer.from(text)),
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bytes, fc.uint8Array({ maxLength: 5 }), (value, before) => {
      const all = Buffer.concat([before, value, before])
      expect(decoded(all, before.length, before.length + value.length)).toBe(oracle(value))
    }),
    { numRuns: 500 },
  )
})
