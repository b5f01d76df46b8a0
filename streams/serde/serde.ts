/**
 * A serde says how values of a type become bytes. It is a plain description, made once where a topic is declared; the
 * runtime opens it, which may ask the schema registry, and works with the synchronous codec that it gets.
 */
import type { SchemaRegistry } from '../ports/registry.ts'
import type { ByteWriter } from '../records/byte-writer.ts'
import type { AvroJson } from './avro-schema.ts'

export interface Codec<T> {
  /** Appends the encoded value. @throws any error when the value does not fit: the record is at fault. */
  encode(value: T, writer: ByteWriter): void
  /**
   * Decodes `bytes[start .. end)`. The result must not keep a view of `bytes`.
   * @throws SchemaNotLoaded when the writer's schema must be fetched first; any other error: the record is at fault.
   */
  decode(bytes: Buffer, start: number, end: number): T
  /** Fetches a schema that `decode` asked for. @throws SCHEMA_UNKNOWN, REGISTRY_UNAVAILABLE */
  loadSchema?(id: number): Promise<void>
}

export interface SerdeContext {
  readonly registry: SchemaRegistry
  /** The subject to register under: topic name and `-key` or `-value`. */
  readonly subject: string
}

export interface Serde<T> {
  /** For people, as `describe` shows it: `string`, `avro(OrderProcessed)`. */
  readonly name: string
  /** Whether null is a value of the type. It is never given to the codec: null has no bytes. */
  readonly nullable: boolean
  /** What its values look like, for whoever shows them or is given them as JSON; undefined when no schema says that. */
  readonly schema?: AvroJson
  /** @throws SCHEMA_INCOMPATIBLE, REGISTRY_UNAVAILABLE */
  open(context: SerdeContext): Promise<Codec<Exclude<T, null>>>
}

/** The type a serde is for. */
export type TypeOf<S> = S extends Serde<infer T> ? T : never

/** Control flow of `Codec.decode`: fetch this schema, then decode again. */
export class SchemaNotLoaded extends Error {
  readonly schemaId: number

  constructor(schemaId: number) {
    super(`schema ${schemaId} is not loaded yet`)
    this.name = 'SchemaNotLoaded'
    this.schemaId = schemaId
  }
}

/** The same serde for values that may be null: tombstones, records without a key. */
export function nullable<T>(serde: Serde<T>): Serde<T | null> {
  if (serde.nullable) return serde
  return { ...serde, name: `nullable(${serde.name})`, nullable: true, open: (context) => serde.open(context) }
}
