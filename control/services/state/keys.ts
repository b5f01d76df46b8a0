/** Keys of requests: from JSON by the store's schema to what is looked for, and where. */
import { ByteWriter, messageOf, partitionForKey, StreamsError } from '../../../streams/index.ts'
import { type ControlError, invalidField } from '../../errors.ts'
import { exampleOf, fromJson, JsonMisfit, shortJson } from '../../json-values.ts'
import type { NamedStore } from './named-store.ts'

/** A key of a store. */
export interface AskedKey {
  /** As it was given. */
  readonly json: unknown
  readonly typed: unknown
  /** What tells its rows from those of other keys. */
  readonly bytes: Buffer
}

/** A row that is asked for by its key: one row, or all elements of a list or map together. */
export interface AskedRow extends AskedKey {
  /** Undefined: all elements. */
  readonly rowBytes: Buffer | undefined
}

/** @throws ControlError REQUEST_INVALID naming the field, the value, the schema, and a key that would be right */
export function askedKey(store: NamedStore, json: unknown, field: string): AskedKey {
  if (json === undefined) throw invalidField(field, `is missing; ${expectation(store)}`)
  try {
    const typed = fromJson(json, store.view.key)
    return { json, typed, bytes: store.codec.keyBytes(typed) }
  } catch (error) {
    throw wrongKey(store, json, field, error)
  }
}

/** The same for a row: of lists and maps also `{ "key": …, "position": … }` and `{ "key": …, "field": … }`, for one element. */
export function askedRow(store: NamedStore, json: unknown, field: string): AskedRow {
  const { layout, field: fields } = store.view
  const part = layout === 'list' ? 'position' : layout === 'map' ? 'field' : undefined
  if (part === undefined) {
    const key = askedKey(store, json, field)
    return { ...key, rowBytes: key.bytes }
  }
  if (!isElement(json, part)) return { ...askedKey(store, json, field), rowBytes: undefined }
  const key = askedKey(store, json.key, `${field}.key`)
  try {
    const at = json[part]
    const element =
      part === 'field' && fields !== undefined
        ? { key: key.typed, field: fromJson(at, fields) }
        : { key: key.typed, position: fromJson(at, { name: 'long', schema: 'long' }) as number }
    return { ...key, json, rowBytes: store.codec.elementBytes(element) }
  } catch (error) {
    throw wrongKey(store, json[part], `${field}.${part}`, error)
  }
}

/** Partitions in which a key may have rows: the one that its bytes say where rows are placed by them, else all. */
export function partitionsOf({ placing, partitionCount, codecs }: NamedStore, { typed }: AskedKey): number[] {
  if (placing === undefined) return Array.from({ length: partitionCount }, (_, partition) => partition)
  const writer = new ByteWriter(64)
  // The topic's keys are of the same serde as the store's, and a key that is asked for is never null.
  codecs.of(placing.topic).key.encode(typed as NonNullable<unknown>, writer)
  return [partitionForKey(writer.buffer, 0, writer.position, placing.partitionCount)]
}

function isElement<P extends string>(
  json: unknown,
  part: P,
): json is { readonly key: unknown } & Readonly<Record<P, unknown>> {
  return typeof json === 'object' && json !== null && 'key' in json && part in json
}

function wrongKey(store: NamedStore, json: unknown, field: string, error: unknown): ControlError {
  if (error instanceof JsonMisfit) {
    const { path, message } = error
    const place = path === '' ? field : path.startsWith('[') ? `${field}${path}` : `${field}.${path}`
    return invalidField(place, `${message}; ${expectation(store)}`)
  }
  if (error instanceof StreamsError && error.code === 'RECORD_NOT_ENCODABLE')
    return invalidField(field, `${shortJson(json)}: ${messageOf(error)}; ${expectation(store)}`)
  throw error
}

function expectation({ spec, view }: NamedStore): string {
  const example = exampleOf(view.key)
  const schema = view.key.schema === undefined ? '' : `, whose schema is ${shortJson(view.key.schema)}`
  const shown = example === undefined ? '' : `, such as ${shortJson(example)}`
  return `keys of store ${spec.name} are of type ${view.key.name}${schema}${shown}`
}
