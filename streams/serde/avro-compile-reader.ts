/**
 * Compiles a pair of schemas to a function that reads what one wrote as values of the other. The function is generated
 * as source, so that records of a type are all made by one literal and share their shape; nothing of a schema but
 * checked names goes into that source. Records are plain objects. Data of fields that the reader lacks is dropped.
 */
import { canRead, sourceField, targetBranch } from './avro-compatibility.ts'
import { defaultValue } from './avro-default.ts'
import type { AvroReader } from './avro-reader.ts'
import type { AvroEnum, AvroField, AvroRecord, AvroType, AvroUnion } from './avro-schema.ts'

/** Reads a value. @throws RangeError when the bytes are not of the writer's schema */
export type ReadValue = (reader: AvroReader) => unknown

/** The schemas must be compatible. */
export function compileReader(reader: AvroType, writer: AvroType = reader): ReadValue {
  const source = new ReaderSource()
  const expression = source.read(reader, writer)
  const body = `${source.functions.join('\n')}\nreturn (r) => ${expression}`
  const make = new Function('k', 'defaultValue', 'set', `'use strict'\n${body}`)
  return make(source.constants, defaultValue, setProperty) as ReadValue
}

class ReaderSource {
  readonly functions: string[] = []
  readonly constants: unknown[] = []
  private readonly names = new Map<AvroType, Map<AvroType, string>>()
  private count = 0

  /** An expression that reads a value. */
  read(reader: AvroType, writer: AvroType): string {
    if (writer.kind === 'union') return this.named(reader, writer, () => this.union(reader, writer))
    if (reader.kind === 'union') return this.read(targetBranch(reader, writer) ?? reader, writer)
    if (reader.kind === 'record' && writer.kind === 'record') {
      return this.named(reader, writer, () => this.record(reader, writer))
    }
    if (reader.kind === 'array' && writer.kind === 'array') {
      return this.named(reader, writer, () => this.array(reader.items, writer.items))
    }
    if (reader.kind === 'map' && writer.kind === 'map') {
      return this.named(reader, writer, () => this.map(reader.values, writer.values))
    }
    if (reader.kind === 'enum' && writer.kind === 'enum') {
      return `r.symbol(${this.constant(symbols(reader, writer))})`
    }
    if (reader.kind === 'fixed') return `r.fixed(${reader.sizeBytes})`
    return primitive(reader, writer)
  }

  /** A call of the function that reads a pair of types, which may be recursive: it is named before its body is made. */
  private named(reader: AvroType, writer: AvroType, body: () => string): string {
    const known = this.names.get(reader)?.get(writer)
    if (known !== undefined) return `${known}(r)`
    const name = `read${this.count++}`
    const ofReader = this.names.get(reader) ?? new Map<AvroType, string>()
    this.names.set(reader, ofReader.set(writer, name))
    this.functions.push(`function ${name}(r) { ${body()} }`)
    return `${name}(r)`
  }

  private record(reader: AvroRecord, writer: AvroRecord): string {
    const sources = new Map(reader.fields.map((field) => [field, sourceField(field, writer)]))
    const statements = writer.fields.map((field, index) => {
      const taken = reader.fields.filter((candidate) => sources.get(candidate) === field)
      if (taken.length === 0) return this.skip(field.type)
      // Two fields may be made of one, through an alias: then its bytes are read twice.
      const [last, ...others] = taken.map((candidate) => ({
        name: `v${index}_${reader.fields.indexOf(candidate)}`,
        read: this.read(candidate.type, field.type),
      }))
      const again = others.map(({ name, read }) => `const ${name} = r.peek(() => ${read})`)
      return [...again, `const ${last!.name} = ${last!.read}`].join('\n')
    })
    const properties = reader.fields.map((field, index) => {
      const source = sources.get(field)
      const value = source === undefined ? this.default(field) : `v${writer.fields.indexOf(source)}_${index}`
      return `${field.name}: ${value}`
    })
    return `${statements.join('\n')}\nreturn { ${properties.join(', ')} }`
  }

  private skip(type: AvroType): string {
    return type.kind === 'string' || type.kind === 'bytes' ? 'r.skipByteString()' : this.read(type, type)
  }

  /** Made anew each time where it could be changed. */
  private default(field: AvroField): string {
    const value = defaultValue(field.type, field.default)
    if (typeof value !== 'object' || value === null) return this.constant(value)
    return `defaultValue(${this.constant(field.type)}, ${this.constant(field.default)})`
  }

  private array(reader: AvroType, writer: AvroType): string {
    return `const items = []
      for (let n = r.blockItems(); n > 0; n = r.blockItems()) {
        for (; n > 0; n--) { r.expectMore(); items.push(${this.read(reader, writer)}) }
      }
      return items`
  }

  private map(reader: AvroType, writer: AvroType): string {
    return `const map = {}
      for (let n = r.blockItems(); n > 0; n = r.blockItems()) {
        for (; n > 0; n--) { const key = r.string(); set(map, key, ${this.read(reader, writer)}) }
      }
      return map`
  }

  private union(reader: AvroType, writer: AvroUnion): string {
    const cases = writer.branches.map((branch, index) => `case ${index}: return ${this.read(reader, branch)}`)
    return `const index = r.long()
      switch (index) { ${cases.join('\n')}\ndefault: return r.unknownBranch(index) }`
  }

  private constant(value: unknown): string {
    this.constants.push(value)
    return `k[${this.constants.length - 1}]`
  }
}

/** The reader's symbol for each symbol of the writer. */
function symbols(reader: AvroEnum, writer: AvroEnum): (string | undefined)[] {
  return writer.symbols.map((symbol) => (reader.symbols.includes(symbol) ? symbol : reader.default))
}

const primitiveReaders = {
  null: 'null',
  boolean: 'r.boolean()',
  int: 'r.int()',
  long: 'r.long()',
  float: 'r.float()',
  double: 'r.double()',
  string: 'r.string()',
  bytes: 'r.byteString()',
} as const

/** Numbers are read as they were written; text and bytes, which are encoded alike, as the reader has them. */
function primitive(reader: AvroType, writer: AvroType): string {
  if (reader.kind === 'string' || reader.kind === 'bytes') return primitiveReaders[reader.kind]
  if (!(writer.kind in primitiveReaders) || !canRead(reader, writer)) {
    throw new TypeError(`${reader.kind} cannot read ${writer.kind}`)
  }
  const read = primitiveReaders[writer.kind as keyof typeof primitiveReaders]
  return reader.kind === 'float' && writer.kind !== 'float' ? `Math.fround(${read})` : read
}

/** Assigning to `__proto__` would set the prototype. */
function setProperty(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') map[key] = value
  else Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true })
}
