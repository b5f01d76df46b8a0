import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NewestOffsets } from './newest-offsets.ts'

describe('NewestOffsets', () => {
  it('should answer as a map does', () => {
    const keys = fc.array(fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', '\u0000', 'ü') }))
    fc.assert(
      fc.property(keys, keys, (written, asked) => {
        const table = new NewestOffsets()
        const oracle = new Map<string, number>()
        written.forEach((key, offset) => {
          const bytes = Buffer.from(`<${key}>`)
          table.set(bytes, 1, bytes.length - 1, offset)
          oracle.set(key, offset)
        })
        for (const key of [...written, ...asked]) {
          const bytes = Buffer.from(key)
          expect(table.get(bytes, 0, bytes.length)).toBe(oracle.get(key) ?? -1)
        }
        expect(table.size).toBe(oracle.size)
      }),
    )
  })

  it('should tell a hundred thousand keys apart that differ in little', () => {
    const table = new NewestOffsets()
    const key = Buffer.alloc(12)
    for (let i = 0; i < 100_000; i++) {
      key.writeUInt32BE(i, 4)
      table.set(key, 0, 12, i)
    }
    let wrong = 0
    for (let i = 0; i < 100_000; i++) {
      key.writeUInt32BE(i, 4)
      if (table.get(key, 0, 12) !== i) wrong++
    }
    expect([table.size, wrong]).toEqual([100_000, 0])
  })
})
