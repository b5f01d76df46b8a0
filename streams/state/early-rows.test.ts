import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../records/byte-writer.ts'
import { serdes } from '../serde/serdes.ts'
import { MemoryRegistry } from '../testing/memory-registry.ts'
import { type EarlyRow, earlyRowSerde } from './early-rows.ts'

const value = fc.oneof(fc.string(), fc.constant(null))
const timeMs = fc.nat()
const row: fc.Arbitrary<EarlyRow<string>> = fc.record({
  dueMs: fc.oneof(timeMs, fc.constant(Number.POSITIVE_INFINITY)),
  passed: fc.oneof(fc.constant(undefined), fc.record({ value })),
  replaces: fc.array(fc.record({ startMs: timeMs, endMs: timeMs, newestMs: timeMs, value }), {
    maxLength: 3,
  }),
})

async function codec() {
  const opened = await earlyRowSerde(serdes.string).open({ registry: new MemoryRegistry(), subject: 's' })
  return {
    encode: (one: EarlyRow<string>): Buffer => {
      const writer = new ByteWriter(16)
      opened.encode(one, writer)
      return writer.copy(0, writer.position)
    },
    decode: (bytes: Buffer) => opened.decode(bytes, 0, bytes.length),
  }
}

describe('rows of early results', () => {
  it('should be read as they were written', async () => {
    const { encode, decode } = await codec()
    fc.assert(
      fc.property(row, (one) => {
        expect(decode(encode(one))).toEqual(one)
      }),
    )
  })

  it('should stay readable, byte for byte', async () => {
    const { encode, decode } = await codec()
    const one: EarlyRow<string> = {
      dueMs: 60_000,
      passed: { value: 'ab' },
      replaces: [
        { startMs: 1, endMs: 2, newestMs: 2, value: 'c' },
        { startMs: 3, endMs: 4, newestMs: 4, value: null },
      ],
    }
    const bytes =
      '01 40ed4c0000000000 02 00000002 6162 00000002' +
      ' 3ff0000000000000 4000000000000000 4000000000000000 02 00000001 63' +
      ' 4008000000000000 4010000000000000 4010000000000000 01'
    expect(encode(one).toString('hex')).toBe(bytes.replaceAll(' ', ''))
    expect(decode(Buffer.from(bytes.replaceAll(' ', ''), 'hex'))).toEqual(one)
  })

  it('should be refused in another format', async () => {
    const { decode } = await codec()
    expect(() => decode(Buffer.from('09', 'hex'))).toThrow('format 9')
  })
})
