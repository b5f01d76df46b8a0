import { describe, expect, it } from 'vitest'
import { generateRecordTypes, type SchemaFile } from './avro-codegen.ts'

function file(name: string, schema: unknown): SchemaFile {
  return { name, text: JSON.stringify(schema) }
}

const color = { type: 'enum', name: 'Color', symbols: ['RED', 'BLUE'], doc: 'A color.' }
const box = {
  type: 'record',
  name: 'shop.Box',
  doc: 'A box.',
  fields: [
    { name: 'color', type: color, doc: 'Its color.' },
    { name: 'weight', type: ['null', 'long'], default: null, doc: 'In grams.' },
    { name: 'labels', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'parts', type: { type: 'map', values: 'Box' } },
    { name: 'seal', type: { type: 'fixed', name: 'Seal', size: 4 } },
  ],
}

describe('generateRecordTypes', () => {
  it('should write an interface, the enums and the schema, with the documentation', () => {
    const text = generateRecordTypes([file('box.avsc', box)], '../avro.ts')
    expect(text).toContain("import type { AvroSchema } from '../avro.ts'")
    expect(text).toContain("export const colorSymbols = [\n  'RED',\n  'BLUE',\n] as const")
    expect(text).toContain('/** A color. */\nexport type Color = (typeof colorSymbols)[number]')
    expect(text).toContain(
      [
        '/** A box. */',
        'export interface Box {',
        '  /** Its color. */',
        '  readonly color: Color',
        '  /** In grams. */',
        '  readonly weight: number | null',
        '  readonly labels: readonly (string | null)[]',
        '  readonly parts: Readonly<Record<string, Box>>',
        '  readonly seal: Uint8Array',
        '}',
      ].join('\n'),
    )
    expect(text).toContain('export const boxSchema: AvroSchema<Box> = {')
  })

  it('should give the same text in whatever order the files come', () => {
    const files = [file('a.avsc', box), file('b.avsc', { ...box, name: 'Other', fields: [] })]
    expect(generateRecordTypes(files, 'x')).toBe(generateRecordTypes(files.toReversed(), 'x'))
  })

  it('should write a type once that several files define alike', () => {
    const other = {
      type: 'record',
      name: 'shop.Lid',
      fields: [{ name: 'color', type: { ...color, doc: 'x' } }],
    }
    const text = generateRecordTypes([file('a.avsc', box), file('b.avsc', other)], 'x')
    expect(text.match(/export type Color/g)).toHaveLength(1)
  })

  it('should refuse a type that two files define differently, naming both', () => {
    const other = {
      type: 'record',
      name: 'shop.Lid',
      fields: [{ name: 'color', type: { ...color, symbols: ['GREEN'] } }],
    }
    expect(() => generateRecordTypes([file('a.avsc', box), file('b.avsc', other)], 'x')).toThrow(
      'b.avsc: Color is defined otherwise in a.avsc',
    )
  })

  it('should name the file and the place of a mistake', () => {
    const broken = { ...box, fields: [{ name: 'color', type: 'colour' }] }
    expect(() => generateRecordTypes([file('box.avsc', broken)], 'x')).toThrow(
      'box.avsc: Avro schema at Box.color: unknown type "colour"',
    )
  })
})
