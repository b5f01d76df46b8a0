import { describe, expect, it } from 'vitest'
import { incompatibilities } from './avro-compatibility.ts'
import { parseAvroSchema } from './avro-parser.ts'

function record(fields: readonly unknown[], name = 'Order') {
  return { type: 'record', name, fields }
}

function problems(newer: unknown, older: unknown): string[] {
  const found = incompatibilities(parseAvroSchema(newer), parseAvroSchema(older))
  return found.map(({ path, message }) => `${path}: ${message}`)
}

const status = (symbols: string[]) => ({ type: 'enum', name: 'Status', symbols })
const id = { name: 'id', type: 'string' }

describe('incompatibilities', () => {
  it.each([
    ['the same schema', record([id]), record([id])],
    ['a field less', record([]), record([id])],
    ['a new field with a default', record([id, { name: 'n', type: 'int', default: 0 }]), record([id])],
    [
      'a renamed field with an alias',
      record([{ name: 'key', aliases: ['id'], type: 'string' }]),
      record([id]),
    ],
    ['a wider number', record([{ name: 'n', type: 'double' }]), record([{ name: 'n', type: 'int' }])],
    ['a union that takes the old type', ['null', 'long'], 'int'],
    ['a type that takes each branch', 'double', ['int', 'float']],
    ['a record of the same name in another namespace', record([id], 'new.Order'), record([id], 'old.Order')],
    ['a logical type', { type: 'long', logicalType: 'timestamp-millis' }, 'long'],
    ['a symbol more', status(['A', 'B']), status(['A'])],
    ['a symbol less, with a default', { ...status(['A']), default: 'A' }, status(['A', 'B'])],
    [
      'a recursive record',
      record([{ name: 'next', type: ['null', 'Order'] }]),
      record([{ name: 'next', type: ['null', 'Order'] }]),
    ],
  ])('should find none in %s', (_title, newer, older) => {
    expect(problems(newer, older)).toEqual([])
  })

  it.each([
    [
      'a new field without a default',
      record([id, { name: 'n', type: 'int' }]),
      record([id]),
      'Order.n: the field is new and has no default: give it a default, or an alias if it was renamed',
    ],
    [
      'a narrower number deep inside',
      record([
        { name: 'lines', type: { type: 'array', items: record([{ name: 'q', type: 'int' }], 'Line') } },
      ]),
      record([
        { name: 'lines', type: { type: 'array', items: record([{ name: 'q', type: 'long' }], 'Line') } },
      ]),
      'Order.lines[].q: int cannot read long: keep long, or a type that reads it',
    ],
    [
      'null no longer allowed',
      record([{ name: 'store', type: 'string' }]),
      record([{ name: 'store', type: ['null', 'string'] }]),
      'Order.store: string cannot read null: keep null, or a type that reads it',
    ],
    [
      'a branch less',
      record([{ name: 'v', type: ['null', 'string'] }]),
      record([{ name: 'v', type: ['null', 'string', 'boolean'] }]),
      'Order.v: none of null or string can read boolean: add boolean to the union',
    ],
    [
      'a symbol less',
      record([{ name: 's', type: status(['A']) }]),
      record([{ name: 's', type: status(['A', 'B', 'C']) }]),
      'Order.s: the enum lacks B, C: keep the symbols, or give the enum a default',
    ],
    [
      'another name',
      record([id], 'Bill'),
      record([id]),
      'Bill: Order has become Bill: keep the name, or add the old one as an alias',
    ],
    [
      'another size',
      { type: 'map', values: { type: 'fixed', name: 'F', size: 2 } },
      { type: 'map', values: { type: 'fixed', name: 'F', size: 3 } },
      '{}: a fixed of 2 bytes cannot read one of 3: keep its size',
    ],
    [
      'a problem inside the branch that is meant',
      record([{ name: 'v', type: ['null', record([{ name: 'n', type: 'int' }], 'V')] }]),
      record([{ name: 'v', type: ['null', record([{ name: 'n', type: 'string' }], 'V')] }]),
      'Order.v.n: int cannot read string: keep string, or a type that reads it',
    ],
  ])('should name the field and the remedy: %s', (_title, newer, older, expected) => {
    expect(problems(newer, older)).toEqual([expected])
  })

  it('should tell all of them', () => {
    const newer = record([
      { name: 'a', type: 'int' },
      { name: 'b', type: 'int' },
    ])
    expect(problems(newer, record([]))).toHaveLength(2)
  })
})
