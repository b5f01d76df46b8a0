/**
 * Keys and values as JSON, by their Avro schemas: numbers, texts and truth values as they are, bytes as text where they are UTF-8 and
 * as `base64:…` else, a value of a union plain, without the name of its branch. What is shown is understood when it is given back.
 */
import { isUtf8 } from 'node:buffer'
import { type AvroType, describeType, parseAvroSchema, type Serde } from '../streams/index.ts'

const base64Mark = 'base64:'

/** What JSON can hold of a value, at any depth. */
export function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return bytesAsText(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return String(value)
  if (value === undefined) return null
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof Map) return [...value].map(([key, held]) => [toJson(key), toJson(held)])
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, toJson(field)]))
}

/** Why a JSON value is none of a schema: `path` is where in it, and empty for all of it. */
export class JsonMisfit extends Error {
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.name = 'JsonMisfit'
    this.path = path
  }
}

/** A value that a serde takes. @throws JsonMisfit */
export function fromJson(json: unknown, serde: Pick<Serde<unknown>, 'name' | 'schema'>): unknown {
  if (serde.schema !== undefined) return read(json, parseAvroSchema(serde.schema), '')
  if (/^(nullable\()?json\)?$/.test(serde.name)) return json
  throw new JsonMisfit('', `values of ${serde.name} have no schema by which JSON could be read`)
}

/** A JSON value that fits a serde, to show what one looks like; undefined when it has no schema. */
export function exampleOf({ schema }: Pick<Serde<unknown>, 'schema'>): unknown {
  return schema === undefined ? undefined : example(parseAvroSchema(schema), 0)
}

function read(json: unknown, type: AvroType, path: string): unknown {
  switch (type.kind) {
    case 'null':
      return expect(json === null, json, type, path)
    case 'boolean':
      return expect(typeof json === 'boolean', json, type, path)
    case 'string':
      return expect(typeof json === 'string', json, type, path)
    case 'int':
      return expect(typeof json === 'number' && json === (json | 0), json, type, path)
    case 'long':
      return expect(Number.isSafeInteger(json), json, type, path)
    case 'float':
    case 'double':
      return readFloat(json, type, path)
    case 'enum':
      return expect(typeof json === 'string' && type.symbols.includes(json), json, type, path)
    case 'bytes':
    case 'fixed':
      return readBytes(json, type, path)
    case 'array':
      if (!Array.isArray(json)) throw misfit(json, type, path)
      return json.map((item: unknown, index) => read(item, type.items, `${path}[${index}]`))
    case 'map':
      return Object.fromEntries(
        fieldsOf(json, type, path).map(([name, held]) => [name, read(held, type.values, inside(path, name))]),
      )
    case 'record':
      return readRecord(json, type, path)
    case 'union':
      return readUnion(json, type, path)
  }
}

function readRecord(json: unknown, type: Extract<AvroType, { kind: 'record' }>, path: string): unknown {
  const given = new Map(fieldsOf(json, type, path))
  const unknown = [...given.keys()].find((name) => !type.fields.some((field) => field.name === name))
  const names = type.fields.map(({ name }) => name).join(', ')
  if (unknown !== undefined)
    throw new JsonMisfit(inside(path, unknown), `${describeType(type)} has no such field; it has ${names}`)
  const record: Record<string, unknown> = {}
  for (const { name, type: fieldType, default: fallback } of type.fields) {
    if (given.has(name)) record[name] = read(given.get(name), fieldType, inside(path, name))
    else if (fallback !== undefined) record[name] = read(fallback, fieldType, inside(path, name))
    else throw new JsonMisfit(inside(path, name), `is missing; ${describeType(type)} has the fields ${names}`)
  }
  return record
}

function readUnion(json: unknown, type: Extract<AvroType, { kind: 'union' }>, path: string): unknown {
  let closest: unknown
  for (const branch of type.branches) {
    try {
      return read(json, branch, path)
    } catch (error) {
      // A misfit inside of a branch says more than that it is none of them.
      if (error instanceof JsonMisfit && error.path !== path) closest = error
    }
  }
  throw closest ?? misfit(json, type, path)
}

function readFloat(json: unknown, type: AvroType, path: string): number {
  if (typeof json === 'number') return json
  const named = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY }
  const found = Object.entries(named).find(([name]) => name === json)
  if (found === undefined) throw misfit(json, type, path)
  return found[1]
}

function readBytes(json: unknown, type: AvroType, path: string): Buffer {
  if (typeof json !== 'string') throw misfit(json, type, path)
  const bytes = json.startsWith(base64Mark)
    ? Buffer.from(json.slice(base64Mark.length), 'base64')
    : Buffer.from(json, 'utf8')
  if (type.kind === 'fixed' && bytes.length !== type.sizeBytes)
    throw new JsonMisfit(path, `has ${bytes.length} bytes; ${describeType(type)} has ${type.sizeBytes}`)
  return bytes
}

function fieldsOf(json: unknown, type: AvroType, path: string): [string, unknown][] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw misfit(json, type, path)
  return Object.entries(json)
}

function expect(fits: boolean, json: unknown, type: AvroType, path: string): unknown {
  if (fits) return json
  throw misfit(json, type, path)
}

function misfit(json: unknown, type: AvroType, path: string): JsonMisfit {
  const wanted = type.kind === 'enum' ? `one of ${type.symbols.join(', ')}` : described(type)
  return new JsonMisfit(path, `is ${shortJson(json)}, which is not ${wanted}`)
}

function described(type: AvroType): string {
  return type.kind === 'record' || type.kind === 'map' || type.kind === 'array'
    ? `${describeType(type)} as JSON`
    : `of type ${describeType(type)}`
}

/** For messages. */
export function shortJson(json: unknown): string {
  const text = JSON.stringify(json) ?? 'missing'
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** Schemas may hold themselves: so deep is as far as an example goes. */
const exampleMaxDepth = 5

function example(type: AvroType, depth: number): unknown {
  if (depth > exampleMaxDepth) return null
  switch (type.kind) {
    case 'null':
      return null
    case 'boolean':
      return true
    case 'int':
    case 'long':
      return type.logicalType?.startsWith('timestamp') === true ? Date.UTC(2026, 0, 1) : 42
    case 'float':
    case 'double':
      return 0.5
    case 'string':
      return 'text'
    case 'bytes':
      return 'text'
    case 'fixed':
      return 'x'.repeat(type.sizeBytes)
    case 'enum':
      return type.symbols[0]
    case 'array':
      return [example(type.items, depth + 1)]
    case 'map':
      return { name: example(type.values, depth + 1) }
    case 'record':
      return Object.fromEntries(type.fields.map((field) => [field.name, example(field.type, depth + 1)]))
    case 'union':
      return example(type.branches.find(({ kind }) => kind !== 'null') ?? type.branches[0]!, depth + 1)
  }
}

/** Text where the bytes are that, else Base64. */
export function bytesAsText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = isUtf8(buffer) ? buffer.toString('utf8') : undefined
  // A text that looks like the other form is not given as one.
  return text?.startsWith(base64Mark) === false ? text : `${base64Mark}${buffer.toString('base64')}`
}
