/**
 * Compiles a schema to a function that writes its values. The function is generated as source, so that a record is
 * written by straight code that names its fields; nothing of a schema but checked names goes into that source.
 */
import type { ByteWriter } from '../records/byte-writer.ts'
import { branchOf } from './avro-misfit.ts'
import type { AvroEnum, AvroRecord, AvroType, AvroUnion } from './avro-schema.ts'
import * as primitives from './avro-writer.ts'

/** Appends a value. @throws notOfType, leaving behind what was written before the value that is at fault */
export type WriteValue = (writer: ByteWriter, value: unknown) => void

export function compileWriter(type: AvroType): WriteValue {
  const source = new WriterSource()
  const statement = source.write(type, 'value')
  const body = `${source.functions.join('\n')}\nreturn (w, value) => { ${statement} }`
  const make = new Function('p', 'k', `'use strict'\n${body}`)
  return make({ ...primitives, branchOf, isMap }, source.constants) as WriteValue
}

const primitiveWriters = {
  null: 'writeNull',
  boolean: 'writeBoolean',
  int: 'writeInt',
  long: 'writeLong',
  float: 'writeFloat',
  double: 'writeDouble',
  bytes: 'writeBytes',
  string: 'writeString',
} as const

class WriterSource {
  readonly functions: string[] = []
  readonly constants: unknown[] = []
  private readonly names = new Map<AvroType, string>()

  /** A statement that writes what the expression `value` gives. */
  write(type: AvroType, value: string): string {
    switch (type.kind) {
      case 'enum':
        return `p.writeSymbol(w, ${value}, ${this.constant(indexes(type))})`
      case 'fixed':
        return `p.writeFixed(w, ${value}, ${type.sizeBytes})`
      case 'record':
        return `${this.named(type, () => this.record(type))}(w, ${value})`
      case 'array':
        return `${this.named(type, () => this.array(type.items))}(w, ${value})`
      case 'map':
        return `${this.named(type, () => this.map(type.values))}(w, ${value})`
      case 'union':
        return `${this.named(type, () => this.union(type))}(w, ${value})`
      default:
        return `p.${primitiveWriters[type.kind]}(w, ${value})`
    }
  }

  /** The function that writes a type, which may be recursive: it is named before its body is made. */
  private named(type: AvroType, body: () => string): string {
    const known = this.names.get(type)
    if (known !== undefined) return known
    const name = `write${this.names.size}`
    this.names.set(type, name)
    this.functions.push(`function ${name}(w, v) { ${body()} }`)
    return name
  }

  private record(type: AvroRecord): string {
    const fields = type.fields.map((field) => this.write(field.type, `v.${field.name}`))
    return ["if (typeof v !== 'object' || v === null) throw p.notOfType", ...fields].join('\n')
  }

  private array(items: AvroType): string {
    return `if (!Array.isArray(v)) throw p.notOfType
      if (v.length > 0) {
        p.writeVarint(w, v.length)
        for (let i = 0; i < v.length; i++) ${this.write(items, 'v[i]')}
      }
      w.byte(0)`
  }

  private map(values: AvroType): string {
    return `if (!p.isMap(v)) throw p.notOfType
      const keys = Object.keys(v)
      if (keys.length > 0) {
        p.writeVarint(w, keys.length)
        for (const key of keys) { p.writeString(w, key); ${this.write(values, 'v[key]')} }
      }
      w.byte(0)`
  }

  private union(type: AvroUnion): string {
    const { branches } = type
    const nullable = branches.length === 2 ? branches.findIndex((branch) => branch.kind === 'null') : -1
    if (nullable >= 0) {
      const other = 1 - nullable
      return `if (v === null) w.byte(${nullable * 2})
        else { w.byte(${other * 2}); ${this.write(branches[other]!, 'v')} }`
    }
    const cases = branches.map((branch, index) => `case ${index}: ${this.write(branch, 'v')}; return`)
    return `const index = p.branchOf(${this.constant(type)}, v)
      if (index < 0) throw p.notOfType
      p.writeVarint(w, index)
      switch (index) { ${cases.join('\n')} }`
  }

  private constant(value: unknown): string {
    this.constants.push(value)
    return `k[${this.constants.length - 1}]`
  }
}

function indexes(type: AvroEnum): ReadonlyMap<string, number> {
  return new Map(type.symbols.map((symbol, index) => [symbol, index]))
}

function isMap(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}
