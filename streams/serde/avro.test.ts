import { describe, expect, it } from 'vitest'
import { StreamsError } from '../errors.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { MemoryRegistry } from '../testing/memory-registry.ts'
import { avro } from './avro.ts'
import type { AvroSchema } from './avro-schema.ts'
import { type Codec, SchemaNotLoaded } from './serde.ts'

interface Line {
  readonly product: string
  readonly quantity: number
}

interface Order {
  readonly id: string
  readonly status: 'NEW' | 'PAID'
  readonly store: string | null
  readonly amount: number
  readonly lines: readonly Line[]
  readonly signature: Uint8Array
  readonly labels: Readonly<Record<string, number>>
}

const orderSchema: AvroSchema<Order> = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'status', type: { type: 'enum', name: 'Status', symbols: ['NEW', 'PAID'] } },
    { name: 'store', type: ['null', 'string'] },
    { name: 'amount', type: 'long' },
    {
      name: 'lines',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Line',
          fields: [
            { name: 'product', type: 'string' },
            { name: 'quantity', type: 'int' },
          ],
        },
      },
    },
    { name: 'signature', type: 'bytes' },
    { name: 'labels', type: { type: 'map', values: 'double' } },
  ],
}

const order: Order = {
  id: 'ø-17',
  status: 'PAID',
  store: null,
  amount: 123_456_789_012,
  lines: [
    { product: 'tea', quantity: 2 },
    { product: 'a product with a name longer than the short strings that are copied by hand', quantity: -1 },
  ],
  signature: Buffer.from([0, 255, 7]),
  labels: { weight: 0.5, __proto__x: 1 },
}

async function openOrders(registry = new MemoryRegistry(), subject = 'orders-value') {
  return avro(orderSchema).open({ registry, subject })
}

function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new ByteWriter(1)
  codec.encode(value, writer)
  return writer.copy(0, writer.position)
}

function decoded<T>(codec: Codec<T>, bytes: Buffer): T {
  return codec.decode(bytes, 0, bytes.length)
}

/** A codec for one field `value` of a type. */
async function openField(type: AvroSchema<unknown>['type'], registry = new MemoryRegistry()) {
  const schema: AvroSchema<{ readonly value: unknown }> = {
    type: 'record',
    name: 'Field',
    fields: [{ name: 'value', type }],
  }
  return avro(schema).open({ registry, subject: 'field' })
}

describe('avro', () => {
  it('should be named after its record', () => {
    expect(avro(orderSchema).name).toBe('avro(Order)')
  })

  it('should refuse a schema that is not valid when it is declared', () => {
    expect(() => avro({ type: 'record', name: 'X', fields: [{ name: 'a', type: 'no' }] })).toThrow(
      'Avro schema at X.a: unknown type "no"',
    )
  })

  it('should give back what it encoded, as plain objects', async () => {
    const codec = await openOrders()
    expect(decoded(codec, encoded(codec, order))).toStrictEqual(order)
  })

  it('should begin with a zero byte and the id of the schema', async () => {
    const registry = new MemoryRegistry()
    await registry.register('other', '"string"')
    const codec = await openOrders(registry)
    expect([...encoded(codec, order).subarray(0, 5)]).toEqual([0, 0, 0, 0, 2])
    expect(await registry.subjects()).toEqual(['orders-value', 'other'])
  })

  it('should append after what is already written, and read from the middle of a buffer', async () => {
    const codec = await openOrders()
    const writer = new ByteWriter(1)
    writer.utf8('before')
    codec.encode(order, writer)
    const end = writer.position
    writer.utf8('after')
    expect(codec.decode(writer.buffer, 6, end)).toEqual(order)
  })

  it('should not keep a view of the bytes', async () => {
    const codec = await openOrders()
    const bytes = encoded(codec, order)
    const value = decoded(codec, bytes)
    bytes.fill(0)
    expect(value).toEqual(order)
  })
})

describe('avro refusing values', () => {
  it.each([
    [{ ...order, lines: [{ product: 'tea', quantity: '3' }] }, 'Order.lines[0].quantity: "3" is not an int'],
    [
      { ...order, amount: 2 ** 53 },
      'Order.amount: 9007199254740992 is not a long that a number holds exactly',
    ],
    [{ ...order, amount: 1.5 }, 'Order.amount: 1.5 is not a long'],
    [{ ...order, amount: Number.NaN }, 'Order.amount: NaN is not a long'],
    [{ ...order, status: 'constructor' }, 'Order.status: "constructor" is not a Status'],
    [{ ...order, store: 7 }, 'Order.store: 7 is not null or string'],
    [{ ...order, store: undefined }, 'Order.store: missing, should be null or string'],
    [{ ...order, signature: 'x' }, 'Order.signature: "x" is not bytes'],
    [{ ...order, labels: { weight: 'heavy' } }, 'Order.labels["weight"]: "heavy" is not a double'],
    [{ ...order, id: { big: 1n } }, 'Order.id: an object is not a string'],
    [null, 'Order: null is not an Order'],
  ])('should name the field and the value: %#', async (value, message) => {
    const codec = await openOrders()
    const writer = new ByteWriter()
    writer.utf8('kept')
    const refused = () => codec.encode(value as Order, writer)
    expect(refused).toThrow(message)
    expect(refused).toThrow(expect.objectContaining({ code: 'RECORD_NOT_ENCODABLE' }))
    expect(writer.copy(0, writer.position).toString()).toBe('kept')
  })

  it('should write the first branch of a union that takes the value', async () => {
    const record = { type: 'record', name: 'Named', fields: [{ name: 'name', type: 'string' }] } as const
    const codec = await openField(['int', 'double', record, { type: 'map', values: 'long' }, 'null'])
    for (const value of [1, 1.5, { name: 'x' }, { x: 1 }, null]) {
      expect(decoded(codec, encoded(codec, { value }))).toEqual({ value })
    }
    expect(() => encoded(codec, { value: { x: 'y' } })).toThrow(
      'Field.value: {"x":"y"} is not int or double or Named or map of long or null',
    )
  })
})

describe('avro refusing bytes', () => {
  it('should refuse a record cut anywhere and a record with bytes behind it', async () => {
    const codec = await openOrders()
    const bytes = encoded(codec, order)
    const refusal = expect.objectContaining({ code: 'RECORD_NOT_DECODABLE' })
    for (let length = 0; length < bytes.length; length++) {
      expect(() => codec.decode(bytes, 0, length)).toThrow(refusal)
    }
    const longer = Buffer.concat([bytes, Buffer.from([0])])
    expect(() => decoded(codec, longer)).toThrow('1 bytes follow the end of the value')
  })

  it('should say what bytes that are not framed begin with', async () => {
    const codec = await openOrders()
    expect(() => decoded(codec, Buffer.from('{"id":1}'))).toThrow('8 bytes, beginning with 7b226964223a317d')
    expect(() => decoded(codec, Buffer.alloc(0))).toThrow('0 bytes, empty')
  })

  it.each([
    ['a count of items far beyond the bytes', ['fefffffff7', 'ff'], { type: 'array', items: 'null' }],
    ['a string longer than the bytes', ['7e', '61'], 'string'],
    ['a string of negative length', ['01', '61'], 'string'],
    ['a string that is not UTF-8', ['04', 'ff', '61'], 'string'],
    ['a boolean of 2', ['02'], 'boolean'],
    ['an int beyond 32 bits', ['feffffff7f'], 'int'],
    ['a long beyond the safe integers', ['ffffffffffffffffff01'], 'long'],
    ['a number of eleven bytes', ['ffffffffffffffffffff01'], 'long'],
    ['a branch that the union lacks', ['04'], ['null', 'string']],
    ['a symbol that the enum lacks', ['02'], { type: 'enum', name: 'E', symbols: ['A'] }],
  ] as const)('should refuse %s', async (_title, hex, type) => {
    const codec = await openField(type)
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from(hex.join(''), 'hex')])
    expect(() => decoded(codec, bytes)).toThrow(expect.objectContaining({ code: 'RECORD_NOT_DECODABLE' }))
  })

  it('should keep the key __proto__ of a map without touching the prototype', async () => {
    const codec = await openField({ type: 'map', values: 'int' })
    const value = JSON.parse('{"__proto__": 1}')
    const result = decoded(codec, encoded(codec, { value }))
    expect(JSON.stringify(result)).toBe('{"value":{"__proto__":1}}')
  })
})

describe('avro reading what another schema wrote', () => {
  const older: AvroSchema<unknown> = {
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'note', type: 'string' },
      { name: 'amount', type: 'int' },
      { name: 'customer', type: 'string' },
    ],
  }
  const newer: AvroSchema<unknown> = {
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'user', type: 'string', aliases: ['customer'] },
      { name: 'amount', type: 'long' },
      { name: 'lines', type: { type: 'array', items: 'string' }, default: ['none'] },
      { name: 'status', type: ['null', 'string'], default: null },
    ],
  }

  it('should read at once what any earlier schema of its subject wrote', async () => {
    const registry = new MemoryRegistry()
    const writer = await avro(older).open({ registry, subject: 'orders' })
    const bytes = encoded(writer, { note: 'x', amount: 5, customer: 'ann' })
    const reader = await avro(newer).open({ registry, subject: 'orders' })
    expect(decoded(reader, bytes)).toMatchObject({ user: 'ann', amount: 5 })
  })

  it('should ask once for a schema of another subject, then resolve it', async () => {
    const registry = new MemoryRegistry()
    const writer = await avro(older).open({ registry, subject: 'elsewhere' })
    const reader = await avro(newer).open({ registry, subject: 'orders' })
    const bytes = encoded(writer, { note: 'x', amount: 5, customer: 'ann' })
    expect(() => decoded(reader, bytes)).toThrow(new SchemaNotLoaded(1))
    await reader.loadSchema?.(1)
    const expected = { user: 'ann', amount: 5, lines: ['none'], status: null }
    expect(decoded(reader, bytes)).toStrictEqual(expected)
    expect(Object.keys(decoded(reader, bytes) as object)).toEqual(['user', 'amount', 'lines', 'status'])
  })

  it('should make a default anew for each record', async () => {
    const registry = new MemoryRegistry()
    const writer = await avro(older).open({ registry, subject: 'orders' })
    const reader = await avro(newer).open({ registry, subject: 'orders' })
    await reader.loadSchema?.(1)
    const bytes = encoded(writer, { note: 'x', amount: 5, customer: 'ann' })
    const [first, second] = [decoded(reader, bytes), decoded(reader, bytes)] as [Order, Order]
    expect(first.lines).not.toBe(second.lines)
  })

  it('should go on reading its own schema after another', async () => {
    const registry = new MemoryRegistry()
    const writer = await avro(older).open({ registry, subject: 'orders' })
    const reader = await avro(newer).open({ registry, subject: 'orders' })
    await reader.loadSchema?.(1)
    const own = { user: 'bob', amount: 2 ** 40, lines: [], status: 'PAID' }
    const old = encoded(writer, { note: '', amount: 1, customer: 'ann' })
    for (let i = 0; i < 3; i++) {
      expect(decoded(reader, encoded(reader, own))).toEqual(own)
      expect(decoded(reader, old)).toMatchObject({ user: 'ann' })
    }
  })

  it('should make two fields of one that both were renamed from', async () => {
    const registry = new MemoryRegistry()
    const writer = await avro(older).open({ registry, subject: 'orders' })
    const both: AvroSchema<unknown> = {
      type: 'record',
      name: 'Order',
      fields: [
        { name: 'customer', type: 'string' },
        { name: 'payer', type: 'bytes', aliases: ['customer'] },
        { name: 'amount', type: 'float' },
      ],
    }
    const reader = await avro(both).open({ registry, subject: 'orders' })
    await reader.loadSchema?.(1)
    const bytes = encoded(writer, { note: 'x', amount: 5, customer: 'ann' })
    expect(decoded(reader, bytes)).toEqual({ customer: 'ann', payer: Buffer.from('ann'), amount: 5 })
  })

  it('should read arrays and maps in blocks that tell their size, as other writers make them', async () => {
    const array = await openField({ type: 'array', items: 'int' })
    const header = '0000000001'
    expect(decoded(array, Buffer.from(`${header}03040204020600`, 'hex'))).toEqual({ value: [1, 2, 3] })
    const map = await openField({ type: 'map', values: 'int' })
    expect(decoded(map, Buffer.from(`${header}010602610200`, 'hex'))).toEqual({ value: { a: 1 } })
  })

  it('should refuse each record of a schema that it cannot read, saying why', async () => {
    const registry = new MemoryRegistry()
    const writer = await avro(older).open({ registry, subject: 'others' })
    const reader = await openOrders(registry)
    const bytes = encoded(writer, { note: 'x', amount: 5, customer: 'ann' })
    await reader.loadSchema?.(1)
    expect(() => decoded(reader, bytes)).toThrow('cannot be read as this one: Order.id: the field is new')
  })

  it('should pass on that the registry does not know a schema', async () => {
    const reader = await openOrders()
    await expect(reader.loadSchema?.(99)).rejects.toThrow(StreamsError)
    await expect(reader.loadSchema?.(99)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' })
  })
})
