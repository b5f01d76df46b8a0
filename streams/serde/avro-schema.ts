/**
 * Avro schemas: as JSON, typed by what they describe; and parsed, with names resolved and defaults checked.
 *
 * Logical types are kept but change no value: a timestamp-millis is the plain number that its long holds.
 */
export type AvroJson = string | AvroObject | readonly AvroJson[]

export interface AvroObject {
  readonly type: AvroJson
  readonly [attribute: string]: unknown
}

declare const describes: unique symbol

/** An Avro schema as JSON that describes values of type `T`. The code generator writes these from `.avsc` files. */
export interface AvroSchema<T> extends AvroObject {
  readonly [describes]?: T
}

export const primitiveKinds = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
] as const

export type PrimitiveKind = (typeof primitiveKinds)[number]

export interface AvroPrimitive {
  readonly kind: PrimitiveKind
  readonly logicalType?: string
}

interface Named {
  /** With its namespace. */
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc: string | undefined
  readonly logicalType?: string
}

export interface AvroRecord extends Named {
  readonly kind: 'record'
  readonly fields: readonly AvroField[]
}

export interface AvroField {
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc: string | undefined
  readonly type: AvroType
  /** As JSON; undefined when there is none. */
  readonly default: unknown
}

export interface AvroEnum extends Named {
  readonly kind: 'enum'
  readonly symbols: readonly string[]
  /** What a reader makes of a symbol that it does not know. */
  readonly default: string | undefined
}

export interface AvroFixed extends Named {
  readonly kind: 'fixed'
  readonly sizeBytes: number
}

export interface AvroArray {
  readonly kind: 'array'
  readonly items: AvroType
}

export interface AvroMap {
  readonly kind: 'map'
  readonly values: AvroType
}

export interface AvroUnion {
  readonly kind: 'union'
  readonly branches: readonly AvroType[]
}

/** A parsed schema. Recursive schemas make cyclic objects. */
export type AvroType = AvroPrimitive | AvroRecord | AvroEnum | AvroFixed | AvroArray | AvroMap | AvroUnion

export type AvroNamed = AvroRecord | AvroEnum | AvroFixed

export function isNamed(type: AvroType): type is AvroNamed {
  return type.kind === 'record' || type.kind === 'enum' || type.kind === 'fixed'
}

/** A name without its namespace. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** What a type is called in messages: `OrderProcessed`, `long`, `array of long`. */
export function describeType(type: AvroType): string {
  switch (type.kind) {
    case 'record':
    case 'enum':
    case 'fixed':
      return shortName(type.name)
    case 'array':
      return `array of ${describeType(type.items)}`
    case 'map':
      return `map of ${describeType(type.values)}`
    case 'union':
      return type.branches.map(describeType).join(' or ')
    default:
      return type.kind
  }
}

/**
 * A text that two schemas share exactly when they describe the same data in the same way: order of attributes, white
 * space, documentation and ways to write a name do not count; defaults, aliases and logical types do.
 */
export function canonicalText(type: AvroType): string {
  return JSON.stringify(canonical(type, new Set()))
}

function canonical(type: AvroType, written: Set<string>): unknown {
  if (type.kind === 'array') return { type: 'array', items: canonical(type.items, written) }
  if (type.kind === 'map') return { type: 'map', values: canonical(type.values, written) }
  if (type.kind === 'union') return type.branches.map((branch) => canonical(branch, written))
  const logical = type.logicalType === undefined ? {} : { logicalType: type.logicalType }
  if (!isNamed(type)) return type.logicalType === undefined ? type.kind : { type: type.kind, ...logical }
  if (written.has(type.name)) return type.name
  written.add(type.name)
  const head = { name: type.name, type: type.kind, ...logical, ...someAliases(type.aliases) }
  if (type.kind === 'fixed') return { ...head, size: type.sizeBytes }
  if (type.kind === 'enum') {
    return {
      ...head,
      symbols: type.symbols,
      ...(type.default === undefined ? {} : { default: type.default }),
    }
  }
  const fields = type.fields.map((field) => ({
    name: field.name,
    type: canonical(field.type, written),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...someAliases(field.aliases),
  }))
  return { ...head, fields }
}

function someAliases(aliases: readonly string[]): { aliases?: readonly string[] } {
  return aliases.length === 0 ? {} : { aliases }
}
