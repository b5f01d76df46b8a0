/**
 * Schema resolution, by the rules of the Avro specification: whether data written with one schema can be read with
 * another, and which part of the reader takes which part of the writer.
 */
import {
  type AvroEnum,
  type AvroField,
  type AvroFixed,
  type AvroNamed,
  type AvroRecord,
  type AvroType,
  type AvroUnion,
  describeType,
  isNamed,
  type PrimitiveKind,
  shortName,
} from './avro-schema.ts'

export interface Incompatibility {
  /** Where in the reader's schema: `OrderProcessed.lines[].quantity`. */
  readonly path: string
  /** What is wrong there and what would mend it. */
  readonly message: string
}

/** The kinds besides its own that a primitive can read. */
const promotedFrom: Readonly<Record<PrimitiveKind, readonly AvroType['kind'][]>> = {
  null: [],
  boolean: [],
  int: [],
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  bytes: ['string'],
  string: ['bytes'],
}

/** Why `reader` cannot read everything that `writer` writes; empty when it can. */
export function incompatibilities(reader: AvroType, writer: AvroType): Incompatibility[] {
  const root = reader.kind === 'record' ? describeType(reader) : ''
  return compare(reader, writer, root, new Map())
}

export function canRead(reader: AvroType, writer: AvroType): boolean {
  return incompatibilities(reader, writer).length === 0
}

/** The writer's field that a reader's field takes its value from: of the same name, else of one of its aliases. */
export function sourceField(field: AvroField, writer: AvroRecord): AvroField | undefined {
  for (const name of [field.name, ...field.aliases]) {
    const found = writer.fields.find((candidate) => candidate.name === name)
    if (found !== undefined) return found
  }
  return undefined
}

/** The branch of a reader's union that takes the writer's type: its like if there is one, else the first that can. */
export function targetBranch(reader: AvroUnion, writer: AvroType): AvroType | undefined {
  return chooseBranch(reader, writer, new Map())
}

/** Pairs being compared further up, which a recursive schema comes back to: taken to fit, as they are judged there. */
type Pending = Map<AvroType, Set<AvroType>>

function compare(reader: AvroType, writer: AvroType, path: string, pending: Pending): Incompatibility[] {
  if (writer.kind === 'union') {
    return writer.branches.flatMap((branch) => compare(reader, branch, path, pending))
  }
  if (reader.kind === 'union') return compareUnion(reader, writer, path, pending)
  if (reader.kind === 'array' && writer.kind === 'array') {
    return compare(reader.items, writer.items, `${path}[]`, pending)
  }
  if (reader.kind === 'map' && writer.kind === 'map') {
    return compare(reader.values, writer.values, `${path}{}`, pending)
  }
  if (reader.kind === 'record' && writer.kind === 'record') {
    return compareRecord(reader, writer, path, pending)
  }
  if (reader.kind === 'enum' && writer.kind === 'enum') return compareEnum(reader, writer, path)
  if (reader.kind === 'fixed' && writer.kind === 'fixed') return compareFixed(reader, writer, path)
  if (reader.kind === writer.kind) return []
  if (Object.hasOwn(promotedFrom, reader.kind)) {
    if (promotedFrom[reader.kind as PrimitiveKind].includes(writer.kind)) return []
  }
  const [to, from] = [describeType(reader), describeType(writer)]
  return [{ path, message: `${to} cannot read ${from}: keep ${from}, or a type that reads it` }]
}

function compareUnion(
  reader: AvroUnion,
  writer: AvroType,
  path: string,
  pending: Pending,
): Incompatibility[] {
  if (chooseBranch(reader, writer, pending) !== undefined) return []
  const like = reader.branches.find((branch) => isAlike(branch, writer))
  if (like !== undefined) return compare(like, writer, path, pending)
  const [to, from] = [describeType(reader), describeType(writer)]
  return [{ path, message: `none of ${to} can read ${from}: add ${from} to the union` }]
}

function chooseBranch(reader: AvroUnion, writer: AvroType, pending: Pending): AvroType | undefined {
  const fits = (branch: AvroType) => compare(branch, writer, '', pending).length === 0
  return (
    reader.branches.find((branch) => isSame(branch, writer) && fits(branch)) ??
    reader.branches.find((branch) => fits(branch))
  )
}

function compareRecord(
  reader: AvroRecord,
  writer: AvroRecord,
  path: string,
  pending: Pending,
): Incompatibility[] {
  if (!namesMatch(reader, writer)) return [renamed(reader, writer, path)]
  const writers = pending.get(reader) ?? new Set()
  if (writers.has(writer)) return []
  pending.set(reader, writers.add(writer))
  const found = reader.fields.flatMap((field) => {
    const fieldPath = path === '' ? field.name : `${path}.${field.name}`
    const source = sourceField(field, writer)
    if (source !== undefined) return compare(field.type, source.type, fieldPath, pending)
    if (field.default !== undefined) return []
    const message = 'the field is new and has no default: give it a default, or an alias if it was renamed'
    return [{ path: fieldPath, message }]
  })
  writers.delete(writer)
  return found
}

function compareEnum(reader: AvroEnum, writer: AvroEnum, path: string): Incompatibility[] {
  if (!namesMatch(reader, writer)) return [renamed(reader, writer, path)]
  if (reader.default !== undefined) return []
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol))
  if (missing.length === 0) return []
  const message = `the enum lacks ${missing.join(', ')}: keep the symbols, or give the enum a default`
  return [{ path, message }]
}

function compareFixed(reader: AvroFixed, writer: AvroFixed, path: string): Incompatibility[] {
  if (!namesMatch(reader, writer)) return [renamed(reader, writer, path)]
  if (reader.sizeBytes === writer.sizeBytes) return []
  const message = `a fixed of ${reader.sizeBytes} bytes cannot read one of ${writer.sizeBytes}: keep its size`
  return [{ path, message }]
}

function renamed(reader: AvroNamed, writer: AvroNamed, path: string): Incompatibility {
  const message = `${writer.name} has become ${reader.name}: keep the name, or add the old one as an alias`
  return { path, message }
}

/** Names match without their namespaces, as the specification has it; aliases of the reader count. */
function namesMatch(reader: AvroNamed, writer: AvroNamed): boolean {
  const name = shortName(writer.name)
  return shortName(reader.name) === name || reader.aliases.some((alias) => shortName(alias) === name)
}

function isSame(reader: AvroType, writer: AvroType): boolean {
  if (isNamed(reader) && isNamed(writer) && reader.name !== writer.name) return false
  return reader.kind === writer.kind
}

function isAlike(reader: AvroType, writer: AvroType): boolean {
  if (isNamed(reader) && isNamed(writer) && !namesMatch(reader, writer)) return false
  return reader.kind === writer.kind
}
