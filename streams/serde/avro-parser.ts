/** Parses Avro schemas from JSON, by the rules of the Avro 1.11 specification. */
import { StreamsError } from '../errors.ts'
import { defaultValue } from './avro-default.ts'
import {
  type AvroEnum,
  type AvroField,
  type AvroFixed,
  type AvroNamed,
  type AvroRecord,
  type AvroType,
  describeType,
  isNamed,
  type PrimitiveKind,
  primitiveKinds,
} from './avro-schema.ts'

type Attributes = Readonly<Record<string, unknown>>

interface Scope {
  readonly names: Map<string, AvroNamed>
  readonly fieldsWithDefault: { readonly field: AvroField; readonly path: string }[]
}

interface Place {
  readonly namespace: string
  /** For messages: `OrderParsed.lines[]`. */
  readonly path: string
}

/** Parses a schema given as JSON text. @throws SCHEMA_INVALID naming the place. */
export function parseAvroText(text: string): AvroType {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    const shown = JSON.stringify(text.slice(0, 100))
    throw new StreamsError('SCHEMA_INVALID', `Avro schema: ${shown} is not JSON`, { cause })
  }
  return parseAvroSchema(json)
}

/** Parses a schema given as JSON. @throws SCHEMA_INVALID naming the place. */
export function parseAvroSchema(schema: unknown): AvroType {
  const scope: Scope = { names: new Map(), fieldsWithDefault: [] }
  const type = parseType(schema, scope, { namespace: '', path: '' })
  // Defaults come last: only now is every type that a default may be of complete.
  for (const { field, path } of scope.fieldsWithDefault) {
    try {
      defaultValue(field.type, field.default)
    } catch {
      const expected = describeType(field.type.kind === 'union' ? field.type.branches[0]! : field.type)
      throw invalid(path, `the default ${JSON.stringify(field.default)} is not of type ${expected}`)
    }
  }
  return type
}

function parseType(schema: unknown, scope: Scope, place: Place): AvroType {
  if (typeof schema === 'string') return parseReference(schema, scope, place)
  if (Array.isArray(schema)) return parseUnion(schema, scope, place)
  if (!isAttributes(schema)) throw invalid(place.path, `${JSON.stringify(schema)} is not a schema`)
  const { type } = schema
  switch (type) {
    case 'record':
      return parseRecord(schema, scope, place)
    case 'enum':
      return parseEnum(schema, scope, place)
    case 'fixed':
      return parseFixed(schema, scope, place)
    case 'array':
      return { kind: 'array', items: parseType(schema['items'], scope, inside(place, '[]')) }
    case 'map':
      return { kind: 'map', values: parseType(schema['values'], scope, inside(place, '{}')) }
  }
  if (type === undefined) throw invalid(place.path, `the schema ${JSON.stringify(schema)} has no type`)
  if (typeof type === 'string' && isPrimitive(type)) return { kind: type, ...logicalType(schema) }
  return parseType(type, scope, place)
}

function parseReference(name: string, scope: Scope, place: Place): AvroType {
  if (isPrimitive(name)) return { kind: name }
  const found = scope.names.get(qualified(name, place.namespace))
  if (found === undefined) throw invalid(place.path, `unknown type ${JSON.stringify(name)}`)
  return found
}

function parseUnion(branches: readonly unknown[], scope: Scope, place: Place): AvroType {
  if (branches.length === 0) throw invalid(place.path, 'a union needs at least one type')
  const types = branches.map((branch) => parseType(branch, scope, place))
  const seen = new Set<string>()
  for (const type of types) {
    if (type.kind === 'union') throw invalid(place.path, 'a union may not hold another union directly')
    const key = isNamed(type) ? type.name : type.kind
    if (seen.has(key)) throw invalid(place.path, `the union holds ${key} twice`)
    seen.add(key)
  }
  return { kind: 'union', branches: types }
}

function parseRecord(schema: Attributes, scope: Scope, place: Place): AvroRecord {
  const { named, namespace } = parseNamed(schema, scope, place)
  const fields: AvroField[] = []
  const record: AvroRecord = { kind: 'record', ...named, fields }
  scope.names.set(record.name, record)
  const path = place.path === '' ? describeType(record) : place.path
  const list = schema['fields']
  if (!Array.isArray(list)) throw invalid(path, 'the record has no list of fields')
  const seen = new Set<string>()
  for (const item of list) {
    if (!isAttributes(item)) throw invalid(path, `${JSON.stringify(item)} is not a field`)
    const name = checkedName(item['name'], path)
    // As a property name it would set an object's prototype instead of a property.
    if (name === '__proto__') throw invalid(path, 'a field may not be named __proto__')
    if (seen.has(name)) throw invalid(path, `the record has two fields ${name}`)
    seen.add(name)
    const fieldPath = `${path}.${name}`
    const field: AvroField = {
      name,
      aliases: aliasesOf(item, fieldPath),
      doc: docOf(item),
      type: parseType(item['type'], scope, { namespace, path: fieldPath }),
      default: item['default'],
    }
    if (field.default !== undefined) scope.fieldsWithDefault.push({ field, path: fieldPath })
    fields.push(field)
  }
  return record
}

function parseEnum(schema: Attributes, scope: Scope, place: Place): AvroEnum {
  const { named } = parseNamed(schema, scope, place)
  const symbols = schema['symbols']
  if (!Array.isArray(symbols) || symbols.length === 0) {
    throw invalid(place.path, `the enum ${named.name} has no symbols`)
  }
  const checked = symbols.map((symbol) => checkedName(symbol, `${place.path} ${named.name}`))
  if (new Set(checked).size < checked.length) {
    throw invalid(place.path, `the enum ${named.name} has a symbol twice`)
  }
  const fallback = schema['default']
  if (fallback !== undefined && !(typeof fallback === 'string' && checked.includes(fallback))) {
    throw invalid(place.path, `the default ${JSON.stringify(fallback)} is no symbol of ${named.name}`)
  }
  const type: AvroEnum = { kind: 'enum', ...named, symbols: checked, default: fallback }
  scope.names.set(type.name, type)
  return type
}

function parseFixed(schema: Attributes, scope: Scope, place: Place): AvroFixed {
  const { named } = parseNamed(schema, scope, place)
  const size = schema['size']
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
    throw invalid(place.path, `the size ${JSON.stringify(size)} of ${named.name} is not a number of bytes`)
  }
  const type: AvroFixed = { kind: 'fixed', ...named, sizeBytes: size }
  scope.names.set(type.name, type)
  return type
}

function parseNamed(schema: Attributes, scope: Scope, place: Place) {
  const given = schema['name']
  if (typeof given !== 'string') throw invalid(place.path, `a ${schema['type']} needs a name`)
  const dot = given.lastIndexOf('.')
  const explicit = schema['namespace']
  if (explicit !== undefined && typeof explicit !== 'string') {
    throw invalid(place.path, `the namespace ${JSON.stringify(explicit)} is not a string`)
  }
  const namespace = dot >= 0 ? given.slice(0, dot) : (explicit ?? place.namespace)
  const short = checkedName(given.slice(dot + 1), place.path)
  if (namespace !== '') for (const part of namespace.split('.')) checkedName(part, place.path)
  if (isPrimitive(short)) throw invalid(place.path, `${short} is the name of a primitive type`)
  const name = qualified(short, namespace)
  if (scope.names.has(name)) throw invalid(place.path, `${name} is defined twice`)
  const aliases = aliasesOf(schema, place.path, true).map((alias) => qualified(alias, namespace))
  return { named: { name, aliases, doc: docOf(schema), ...logicalType(schema) }, namespace }
}

function aliasesOf(attributes: Attributes, path: string, dotted = false): string[] {
  const aliases = attributes['aliases']
  if (aliases === undefined) return []
  if (!Array.isArray(aliases)) throw invalid(path, 'aliases are not a list')
  return aliases.map((alias) => {
    if (dotted && typeof alias === 'string') for (const part of alias.split('.')) checkedName(part, path)
    else checkedName(alias, path)
    return String(alias)
  })
}

function docOf(attributes: Attributes): string | undefined {
  const doc = attributes['doc']
  return typeof doc === 'string' ? doc : undefined
}

function logicalType(attributes: Attributes): { logicalType?: string } {
  const logical = attributes['logicalType']
  return typeof logical === 'string' ? { logicalType: logical } : {}
}

function checkedName(name: unknown, path: string): string {
  if (typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name
  throw invalid(path, `${JSON.stringify(name)} is not a name: letters, digits and _, no digit first`)
}

function qualified(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function inside(place: Place, suffix: string): Place {
  return { namespace: place.namespace, path: place.path + suffix }
}

function isPrimitive(name: string): name is PrimitiveKind {
  return (primitiveKinds as readonly string[]).includes(name)
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(path: string, problem: string): StreamsError {
  const where = path === '' ? 'Avro schema' : `Avro schema at ${path}`
  return new StreamsError('SCHEMA_INVALID', `${where}: ${problem}`, { details: { path } })
}
