import { describe, expect, it } from 'vitest'
import { parseAvroSchema, parseAvroText } from './avro-parser.ts'
import { canonicalText } from './avro-schema.ts'

function field(type: unknown, more: object = {}) {
  return { type: 'record', name: 'R', fields: [{ name: 'f', type, ...more }] }
}

describe('parseAvroSchema', () => {
  it.each([
    [7, '7 is not a schema'],
    [undefined, 'undefined is not a schema'],
    [{ items: 'int' }, 'the schema {"items":"int"} has no type'],
    [field('text'), 'Avro schema at R.f: unknown type "text"'],
    [field({ type: 'array' }), 'Avro schema at R.f[]: undefined is not a schema'],
    [field([]), 'Avro schema at R.f: a union needs at least one type'],
    [field(['int', 'int']), 'Avro schema at R.f: the union holds int twice'],
    [field(['int', ['null']]), 'Avro schema at R.f: a union may not hold another union directly'],
    [field('int', { default: 'x' }), 'Avro schema at R.f: the default "x" is not of type int'],
    [field(['null', 'int'], { default: 1 }), 'Avro schema at R.f: the default 1 is not of type null'],
    [field('bytes', { default: '€' }), 'Avro schema at R.f: the default "€" is not of type bytes'],
    [field('long', { default: 2 ** 53 }), 'is not of type long'],
    [field({ type: 'enum', name: 'E', symbols: [] }), 'Avro schema at R.f: the enum E has no symbols'],
    [field({ type: 'enum', name: 'E', symbols: ['A', 'A'] }), 'the enum E has a symbol twice'],
    [field({ type: 'enum', name: 'E', symbols: ['A-B'] }), '"A-B" is not a name'],
    [field({ type: 'enum', name: 'E', symbols: ['A'], default: 'B' }), 'the default "B" is no symbol of E'],
    [field({ type: 'fixed', name: 'F', size: -1 }), 'the size -1 of F is not a number of bytes'],
    [field({ type: 'record', name: 'R', fields: [] }), 'Avro schema at R.f: R is defined twice'],
    [field({ type: 'record', name: 'int', fields: [] }), 'int is the name of a primitive type'],
    [field({ type: 'record', fields: [] }), 'Avro schema at R.f: a record needs a name'],
    [field('int', { name: 'a b' }), '"a b" is not a name'],
    [field('int', { name: '__proto__' }), 'a field may not be named __proto__'],
    [{ type: 'record', name: 'R' }, 'Avro schema at R: the record has no list of fields'],
    [
      {
        type: 'record',
        name: 'R',
        fields: [
          { name: 'f', type: 'int' },
          { name: 'f', type: 'int' },
        ],
      },
      'the record has two fields f',
    ],
  ])('should refuse what is not valid, saying where: %#', (schema, message) => {
    const refused = () => parseAvroSchema(schema)
    expect(refused).toThrow(message)
    expect(refused).toThrow(expect.objectContaining({ code: 'SCHEMA_INVALID' }))
  })

  it('should refuse text that is not JSON', () => {
    expect(() => parseAvroText('{"type":')).toThrow('Avro schema: "{\\"type\\":" is not JSON')
  })

  it('should find names in the namespace of the record around them', () => {
    const inner = { type: 'record', name: 'Inner', fields: [{ name: 'up', type: ['null', 'Outer'] }] }
    const outer = { type: 'record', name: 'shop.Outer', fields: [{ name: 'inner', type: inner }] }
    expect(canonicalText(parseAvroSchema(outer))).toContain('"name":"shop.Inner"')
    expect(() => parseAvroSchema({ ...outer, fields: [{ name: 'x', type: 'other.Outer' }] })).toThrow(
      'other.Outer',
    )
  })

  it('should allow a field to be named like a property of every object', () => {
    expect(() => parseAvroSchema(field('int', { name: 'constructor' }))).not.toThrow()
  })
})

describe('canonicalText', () => {
  it('should not tell apart documentation, order of attributes and notation', () => {
    const one = { type: 'record', name: 'R', namespace: 'n', doc: 'x', fields: [{ name: 'f', type: 'int' }] }
    const other = { fields: [{ doc: 'y', type: { type: 'int' }, name: 'f' }], name: 'n.R', type: 'record' }
    expect(canonicalText(parseAvroSchema(one))).toBe(canonicalText(parseAvroSchema(other)))
  })

  it('should tell apart defaults, aliases and logical types', () => {
    const texts = [
      field('long'),
      field('long', { default: 1 }),
      field('long', { aliases: ['g'] }),
      field({ type: 'long', logicalType: 'timestamp-millis' }),
    ].map((schema) => canonicalText(parseAvroSchema(schema)))
    expect(new Set(texts).size).toBe(4)
  })
})
