import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AvroJson, avro, ByteWriter, serdes } from '../streams/index.ts'
import { MemoryRegistry } from '../streams/testing/index.ts'
import { exampleOf, fromJson, JsonMisfit, toJson } from './json-values.ts'

const schema = {
  type: 'record',
  name: 'All',
  fields: [
    { name: 'flag', type: 'boolean' },
    { name: 'small', type: 'int' },
    { name: 'large', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'ratio', type: 'double' },
    { name: 'raw', type: 'bytes' },
    { name: 'mark', type: { type: 'fixed', name: 'Mark', size: 2 } },
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['ON', 'OFF'] } },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    {
      name: 'note',
      type: ['null', 'string', { type: 'record', name: 'Note', fields: [{ name: 'by', type: 'string' }] }],
      default: null,
    },
  ],
} as const satisfies AvroJson

const bytes = (size: { minLength?: number; maxLength: number }) =>
  fc.uint8Array(size).map((array) => Buffer.from(array))

const values = fc.record(
  {
    flag: fc.boolean(),
    small: fc.integer(),
    large: fc.maxSafeInteger(),
    ratio: fc.double(),
    raw: fc.oneof(
      bytes({ maxLength: 5 }),
      fc.string().map((text) => Buffer.from(`base64:${text}`)),
    ),
    mark: bytes({ minLength: 2, maxLength: 2 }),
    state: fc.constantFrom('ON', 'OFF'),
    tags: fc.array(fc.string({ unit: 'grapheme' })),
    counts: fc.dictionary(fc.string(), fc.maxSafeInteger(), { noNullPrototype: true }),
    note: fc.oneof(fc.constant(null), fc.string(), fc.record({ by: fc.string() }, { noNullPrototype: true })),
  },
  { noNullPrototype: true },
)

const serde = avro<unknown>(schema)

function misfitOf(json: unknown, of: AvroJson = schema): { path: string; message: string } {
  try {
    fromJson(json, { name: 'avro', schema: of })
  } catch (error) {
    if (error instanceof JsonMisfit) return { path: error.path, message: error.message }
    throw error
  }
  throw new Error('it fits')
}

describe('values as JSON', () => {
  it('should give back what is shown as the bytes that it was', async () => {
    const codec = await serde.open({ registry: new MemoryRegistry(), subject: 'values' })
    const encoded = (value: unknown): Buffer => {
      const writer = new ByteWriter()
      // Of the schema, as its arbitrary says.
      codec.encode(value as NonNullable<unknown>, writer)
      return writer.copy(0, writer.position)
    }
    fc.assert(
      fc.property(values, (value) => {
        const json: unknown = JSON.parse(JSON.stringify(toJson(value)))
        const before = encoded(value)
        // JSON has one zero.
        const after = encoded(fromJson(json, serde))
        if (!Object.is(value.ratio, -0)) expect(after.equals(before)).toBe(true)
      }),
    )
  })

  it('should take an example for what it is an example of', () => {
    const example = exampleOf(serde)
    expect(toJson(fromJson(example, serde))).toEqual(example)
    for (const plain of [
      serdes.string,
      serdes.long,
      serdes.integer,
      serdes.boolean,
      serdes.double,
      serdes.bytes,
    ])
      expect(toJson(fromJson(exampleOf(plain), plain))).toEqual(exampleOf(plain))
  })

  it('should name the place and the type of what does not fit', () => {
    const good = exampleOf(serde) as object
    expect(misfitOf('x', 'long')).toEqual({ path: '', message: 'is "x", which is not of type long' })
    expect(misfitOf(2 ** 53, 'long').message).toBe('is 9007199254740992, which is not of type long')
    expect(misfitOf(1.5, 'int').message).toBe('is 1.5, which is not of type int')
    expect(misfitOf({ ...good, state: 'HALF' })).toEqual({
      path: 'state',
      message: 'is "HALF", which is not one of ON, OFF',
    })
    expect(misfitOf({ ...good, tags: ['a', 1] }).path).toBe('tags[1]')
    expect(misfitOf({ ...good, counts: { a: 'b' } }).path).toBe('counts.a')
    expect(misfitOf({ ...good, note: { by: 3 } }).path).toBe('note.by')
    expect(misfitOf({ ...good, mark: 'abc' }).message).toBe('has 3 bytes; Mark has 2')
    expect(misfitOf({ ...good, extra: 1 })).toMatchObject({
      path: 'extra',
      message: expect.stringContaining('All has no such field; it has flag, small'),
    })
    const { flag: _, ...without } = good as { flag: boolean }
    expect(misfitOf(without)).toMatchObject({ path: 'flag', message: expect.stringContaining('is missing') })
  })

  it('should take a field with a default that is left out', () => {
    const { note: _, ...without } = exampleOf(serde) as { note: unknown }
    expect(fromJson(without, serde)).toMatchObject({ note: null })
  })
})
