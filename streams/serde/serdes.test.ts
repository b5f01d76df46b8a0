import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../records/byte-writer.ts'
import { MemoryRegistry } from '../testing/memory-registry.ts'
import type { Serde } from './serde.ts'
import { serdes } from './serdes.ts'

const context = { registry: new MemoryRegistry(), subject: 'numbers-value' }

async function encoded<T>(serde: Serde<T>, value: Exclude<T, null>): Promise<Buffer> {
  const codec = await serde.open(context)
  const writer = new ByteWriter(1)
  writer.byte(7)
  codec.encode(value, writer)
  return writer.copy(1, writer.position)
}

async function decoded<T>(serde: Serde<T>, bytes: Buffer): Promise<T> {
  const codec = await serde.open(context)
  return codec.decode(Buffer.concat([Buffer.from([7]), bytes, Buffer.from([7])]), 1, 1 + bytes.length)
}

async function expectRoundTrip<T>(serde: Serde<T>, arbitrary: fc.Arbitrary<Exclude<T, null>>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, async (value) => {
      expect(await decoded(serde, await encoded(serde, value))).toEqual(value)
    }),
  )
}

const notDecodable = expect.objectContaining({ code: 'RECORD_NOT_DECODABLE' })
const notEncodable = expect.objectContaining({ code: 'RECORD_NOT_ENCODABLE' })

describe('serdes', () => {
  it('should give back every value', async () => {
    await expectRoundTrip(serdes.string, fc.string({ unit: 'binary', maxLength: 100 }))
    await expectRoundTrip(
      serdes.bytes,
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    )
    await expectRoundTrip(serdes.boolean, fc.boolean())
    await expectRoundTrip(serdes.integer, fc.integer())
    await expectRoundTrip(serdes.long, fc.maxSafeInteger())
    await expectRoundTrip(serdes.double, fc.double())
    await expectRoundTrip(
      serdes.json<unknown>(),
      fc.jsonValue().filter((value) => value !== null && !hasMinusZero(value)),
    )
  })

  it.each([
    [0, '0000000000000000'],
    [1, '0000000000000001'],
    [-1, 'ffffffffffffffff'],
    [-(2 ** 32), 'ffffffff00000000'],
    [2 ** 31, '0000000080000000'],
    [Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
    [Number.MIN_SAFE_INTEGER, 'ffe0000000000001'],
  ])('should write the long %d as a big-endian int64', async (value, hex) => {
    expect((await encoded(serdes.long, value)).toString('hex')).toBe(hex)
  })

  it('should refuse longs that a number does not hold exactly, both ways', async () => {
    await expect(encoded(serdes.long, 2 ** 53)).rejects.toThrow('9007199254740992 is not a safe integer')
    await expect(encoded(serdes.long, 0.5)).rejects.toThrow(notEncodable)
    await expect(decoded(serdes.long, Buffer.from('7fffffffffffffff', 'hex'))).rejects.toThrow(notDecodable)
    await expect(decoded(serdes.long, Buffer.from('0020000000000000', 'hex'))).rejects.toThrow(notDecodable)
  })

  it('should refuse bytes of another length', async () => {
    for (const serde of [serdes.long, serdes.double, serdes.integer, serdes.boolean]) {
      for (const length of [0, 3, 9]) {
        await expect(decoded<unknown>(serde, Buffer.alloc(length))).rejects.toThrow(notDecodable)
      }
    }
    await expect(decoded(serdes.integer, Buffer.alloc(5))).rejects.toThrow(
      'a value of integer has 4 bytes, not 5',
    )
  })

  it('should refuse values of another type', async () => {
    const wrong = JSON.parse('"x"')
    await expect(encoded(serdes.integer, wrong)).rejects.toThrow('"x" is not a 32-bit integer')
    await expect(encoded(serdes.integer, 2 ** 31)).rejects.toThrow(notEncodable)
    await expect(encoded(serdes.boolean, wrong)).rejects.toThrow(notEncodable)
    await expect(encoded(serdes.bytes, wrong)).rejects.toThrow(notEncodable)
    await expect(encoded(serdes.double, wrong)).rejects.toThrow(notEncodable)
    await expect(encoded(serdes.string, JSON.parse('7'))).rejects.toThrow(notEncodable)
    await expect(encoded(serdes.json<unknown>(), undefined)).rejects.toThrow(notEncodable)
    await expect(encoded(serdes.json<unknown>(), 1n)).rejects.toThrow(notEncodable)
  })

  it('should refuse text that is not UTF-8, short and long', async () => {
    for (const text of ['', 'a longer text than the short ones that are decoded by hand']) {
      const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xff])])
      await expect(decoded(serdes.string, bytes)).rejects.toThrow(notDecodable)
    }
  })

  it('should take the replacement character for what it is when it was written', async () => {
    expect(await decoded(serdes.string, Buffer.from('a\ufffd'))).toBe('a\ufffd')
  })

  it('should refuse what is not JSON', async () => {
    await expect(decoded(serdes.json(), Buffer.from('{"a":'))).rejects.toThrow(notDecodable)
    await expect(decoded(serdes.json(), Buffer.from([0x22, 0xff, 0x22]))).rejects.toThrow(notDecodable)
  })

  it('should mark a serde as nullable without changing its bytes', async () => {
    const serde = serdes.nullable(serdes.string)
    expect(serde).toMatchObject({ name: 'nullable(string)', nullable: true })
    expect((await encoded(serde, 'x')).toString()).toBe('x')
  })
})

/** JSON text has no -0. */
function hasMinusZero(value: unknown): boolean {
  if (Object.is(value, -0)) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(hasMinusZero)
}
