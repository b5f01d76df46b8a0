/**
 * Writes TypeScript from Avro schemas: an interface for each record, a union of literals for each enum, and for each
 * schema a constant that carries its type, for `avro(…)`.
 */
import { StreamsError } from '../errors.ts'
import { parseAvroText } from './avro-parser.ts'
import {
  type AvroEnum,
  type AvroRecord,
  type AvroType,
  canonicalText,
  isNamed,
  shortName,
} from './avro-schema.ts'

export interface SchemaFile {
  /** For messages. */
  readonly name: string
  readonly text: string
}

/**
 * The TypeScript source for some schemas, each a record. The same schemas give the same text in whatever order they
 * come. A type may be defined in several files if all define it alike.
 * @param runtimeImport where the source imports the type `AvroSchema` from
 * @throws SCHEMA_INVALID naming the file
 */
export function generateRecordTypes(files: readonly SchemaFile[], runtimeImport: string): string {
  const definitions = new Map<string, { readonly canonical: string; readonly file: string }>()
  const declarations: string[] = []
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const root = parseFile(file)
    for (const type of namedTypes(root)) {
      const name = shortName(type.name)
      const canonical = canonicalText(type)
      const known = definitions.get(name)
      if (known === undefined) declarations.push(type.kind === 'record' ? recordType(type) : enumType(type))
      else if (known.canonical !== canonical) {
        throw new StreamsError(
          'SCHEMA_INVALID',
          `${file.name}: ${name} is defined otherwise in ${known.file}`,
        )
      }
      definitions.set(name, { canonical, file: file.name })
    }
    declarations.push(schemaConstant(root, JSON.parse(file.text)))
  }
  const head = '// Generated from the .avsc files by `npm run codegen`. Do not edit.\n'
  return `${head}import type { AvroSchema } from '${runtimeImport}'\n\n${declarations.join('\n')}`
}

function parseFile(file: SchemaFile): AvroRecord {
  try {
    const type = parseAvroText(file.text)
    if (type.kind === 'record') return type
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new StreamsError('SCHEMA_INVALID', `${file.name}: ${message}`, { cause })
  }
  throw new StreamsError('SCHEMA_INVALID', `${file.name}: the schema of a file must be a record`)
}

/** The records and enums in a type, in the order of their definition, inner ones first. */
function namedTypes(type: AvroType, found: (AvroRecord | AvroEnum)[] = [], seen = new Set<AvroType>()) {
  if (seen.has(type)) return found
  if (isNamed(type)) seen.add(type)
  if (type.kind === 'record') for (const field of type.fields) namedTypes(field.type, found, seen)
  if (type.kind === 'array') namedTypes(type.items, found, seen)
  if (type.kind === 'map') namedTypes(type.values, found, seen)
  if (type.kind === 'union') for (const branch of type.branches) namedTypes(branch, found, seen)
  if (type.kind === 'record' || type.kind === 'enum') found.push(type)
  return found
}

function recordType(record: AvroRecord): string {
  const fields = record.fields.map(
    (field) => `${comment(field.doc, '  ')}  readonly ${field.name}: ${typeText(field.type)}\n`,
  )
  return `${comment(record.doc, '')}export interface ${shortName(record.name)} {\n${fields.join('')}}\n`
}

function enumType(type: AvroEnum): string {
  const name = shortName(type.name)
  const symbols = type.symbols.map((symbol) => `  '${symbol}',\n`).join('')
  const list = `${lowerFirst(name)}Symbols`
  return (
    `/** The symbols of {@link ${name}}, in the order of the schema. */\n` +
    `export const ${list} = [\n${symbols}] as const\n\n` +
    `${comment(type.doc, '')}export type ${name} = (typeof ${list})[number]\n`
  )
}

function schemaConstant(record: AvroRecord, json: unknown): string {
  const name = shortName(record.name)
  const literal = JSON.stringify(json, null, 2)
  return `/** The Avro schema of {@link ${name}}. */\nexport const ${lowerFirst(name)}Schema: AvroSchema<${name}> = ${literal}\n`
}

/** The TypeScript type of an Avro type's values. */
function typeText(type: AvroType): string {
  switch (type.kind) {
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return 'number'
    case 'bytes':
    case 'fixed':
      return 'Uint8Array'
    case 'record':
    case 'enum':
      return shortName(type.name)
    case 'array': {
      const items = typeText(type.items)
      return items.includes(' ') ? `readonly (${items})[]` : `readonly ${items}[]`
    }
    case 'map':
      return `Readonly<Record<string, ${typeText(type.values)}>>`
    case 'union':
      return unionText(type.branches)
    default:
      return type.kind
  }
}

/** Null goes last, as people write it; types that look alike in TypeScript are named once. */
function unionText(branches: readonly AvroType[]): string {
  const texts = branches.filter((branch) => branch.kind !== 'null').map(typeText)
  if (texts.length < branches.length) texts.push('null')
  return [...new Set(texts)].join(' | ')
}

function comment(doc: string | undefined, indent: string): string {
  return doc === undefined ? '' : `${indent}/** ${doc.replaceAll('*/', '*\\/').replaceAll('\n', ' ')} */\n`
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}
