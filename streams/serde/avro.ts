/**
 * Avro in Confluent's wire format: a zero byte, the id of the writer's schema as four bytes, then Avro's binary encoding.
 *
 * 1. Writing uses the serde's own schema, under the id that the registry gave it when the codec was opened.
 * 2. Reading resolves the writer's schema to the serde's own: values always have the shape of the serde's schema.
 * 3. Every schema that the subject had when the codec was opened can be read at once: state that an earlier release
 *    wrote is read without waiting. Only a schema registered later has to be fetched.
 * 4. Whatever schema wrote it, a value is decoded by a function compiled once for that pair of schemas.
 */
import { messageOf, StreamsError } from '../errors.ts'
import type { ByteWriter } from '../records/byte-writer.ts'
import { incompatibilities } from './avro-compatibility.ts'
import { compileReader, type ReadValue } from './avro-compile-reader.ts'
import { compileWriter, type WriteValue } from './avro-compile-writer.ts'
import { misfit } from './avro-misfit.ts'
import { parseAvroSchema, parseAvroText } from './avro-parser.ts'
import { AvroReader } from './avro-reader.ts'
import { type AvroSchema, type AvroType, describeType } from './avro-schema.ts'
import { notOfType } from './avro-writer.ts'
import { type Codec, SchemaNotLoaded, type Serde, type SerdeContext } from './serde.ts'

const headerBytes = 5

/**
 * Values of an Avro schema. Longs are numbers and must be safe integers, bytes are `Uint8Array`s, records plain objects;
 * of a union with several branches that a value fits, the first is written.
 * @throws SCHEMA_INVALID naming the place
 */
export function avro<T>(schema: AvroSchema<T>): Serde<T> {
  const type = parseAvroSchema(schema)
  const text = JSON.stringify(schema)
  const compiled = new CompiledSchema(type)
  return {
    name: `avro(${describeType(type)})`,
    nullable: false,
    schema,
    async open(context: SerdeContext) {
      const id = await context.registry.register(context.subject, text)
      const codec = new AvroCodec<Exclude<T, null>>(compiled, id, text, context)
      for (const version of await context.registry.versions(context.subject))
        codec.add(version.id, version.schema)
      return codec
    },
  }
}

/** The id of the schema that a value was written by; null when it is not in the wire format. */
export function schemaIdOf(value: Buffer): number | null {
  return value.length < headerBytes || value[0] !== 0 ? null : value.readInt32BE(1)
}

/** What was compiled for a serde, shared by all its codecs. */
class CompiledSchema {
  readonly type: AvroType
  private writeValue: WriteValue | undefined
  /** By the text of the writer's schema. */
  private readonly readers = new Map<string, ReadValue>()

  constructor(type: AvroType) {
    this.type = type
  }

  get write(): WriteValue {
    this.writeValue ??= compileWriter(this.type)
    return this.writeValue
  }

  /** Reads what a schema wrote. When that is not possible, each read throws why. */
  readerFor(writerText: string): ReadValue {
    const known = this.readers.get(writerText)
    if (known !== undefined) return known
    const writer = parseAvroText(writerText)
    const [problem] = incompatibilities(this.type, writer)
    const read =
      problem === undefined
        ? compileReader(this.type, writer)
        : () => {
            throw new TypeError(`its schema cannot be read as this one: ${problem.path}: ${problem.message}`)
          }
    this.readers.set(writerText, read)
    return read
  }
}

class AvroCodec<T> implements Codec<T> {
  private readonly compiled: CompiledSchema
  private readonly id: number
  private readonly context: SerdeContext
  private readonly write: WriteValue
  private readonly reader = new AvroReader()
  private readonly readers = new Map<number, ReadValue>()
  /** The newest of `readers`, as most records in a row have the same schema. */
  private readId: number
  private read: ReadValue

  constructor(compiled: CompiledSchema, id: number, text: string, context: SerdeContext) {
    this.compiled = compiled
    this.id = id
    this.context = context
    this.write = compiled.write
    this.readId = id
    this.read = compiled.readerFor(text)
    this.readers.set(id, this.read)
  }

  encode(value: T, writer: ByteWriter): void {
    const start = writer.position
    try {
      writer.byte(0)
      writer.int32(this.id)
      this.write(writer, value)
    } catch (cause) {
      writer.position = start
      throw this.notEncodable(value, cause)
    }
  }

  decode(bytes: Buffer, start: number, end: number): T {
    if (end - start < headerBytes || bytes[start] !== 0) throw this.notFramed(bytes, start, end)
    const id = bytes.readInt32BE(start + 1)
    if (id !== this.readId) this.select(id)
    try {
      // The compiled function makes what the schema says, which is what the schema's type says.
      return this.reader.readWhole(this.read, bytes, start + headerBytes, end) as T
    } catch (cause) {
      const message = `${this.subject} does not fit its schema ${id}: ${messageOf(cause)}`
      throw new StreamsError('RECORD_NOT_DECODABLE', message, { cause, details: { schemaId: id } })
    }
  }

  /** Makes a writer's schema known. */
  add(id: number, text: string): void {
    if (!this.readers.has(id)) this.readers.set(id, this.compiled.readerFor(text))
  }

  async loadSchema(id: number): Promise<void> {
    if (this.readers.has(id)) return
    this.add(id, await this.context.registry.schemaById(id))
  }

  private select(id: number): void {
    const read = this.readers.get(id)
    if (read === undefined) throw new SchemaNotLoaded(id)
    this.read = read
    this.readId = id
  }

  private notEncodable(value: T, cause: unknown): StreamsError {
    const { type } = this.compiled
    const problem = cause === notOfType ? misfit(type, value, describeType(type)) : null
    const message = problem ?? `${describeType(type)}: ${messageOf(cause)}`
    return new StreamsError('RECORD_NOT_ENCODABLE', message, { cause, details: { subject: this.subject } })
  }

  private notFramed(bytes: Buffer, start: number, end: number): StreamsError {
    const shown = bytes.toString('hex', start, Math.min(end, start + 8))
    const message =
      `${this.subject} is not Avro in Confluent's wire format, which begins with a zero byte and a schema id: ` +
      `${end - start} bytes, ${shown === '' ? 'empty' : `beginning with ${shown}`}`
    return new StreamsError('RECORD_NOT_DECODABLE', message)
  }

  private get subject(): string {
    return this.context.subject
  }
}
