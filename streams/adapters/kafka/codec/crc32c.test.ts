import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'

/** Bit by bit, as the polynomial is defined. */
function bitwise(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

test('should give the check value of CRC-32C', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283)
})

test('should give the checksum of any part, wherever it lies in memory', () => {
  const parts = fc.record({
    bytes: fc.uint8Array({ minLength: 0, maxLength: 100 }),
    shift: fc.nat(9),
    start: fc.nat(20),
  })
  fc.assert(
    fc.property(parts, ({ bytes, shift, start }) => {
      const memory = new Uint8Array(shift + bytes.length + 3)
      memory.set(bytes, shift)
      const view = memory.subarray(shift, shift + bytes.length)
      const from = Math.min(start, bytes.length)
      expect(crc32c(view, from, bytes.length)).toBe(bitwise(bytes.subarray(from)))
    }),
    { numRuns: 500 },
  )
})
