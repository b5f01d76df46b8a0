/**
 * Bytes that were once written must be read for ever. Each folder here holds what a release wrote: never change a file
 * in it. When a schema changes, its test below prints what to add to the folder of the release in work.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../streams/records/byte-writer.ts'
import { avro } from '../../../streams/serde/avro.ts'
import { parseAvroSchema } from '../../../streams/serde/avro-parser.ts'
import { type AvroSchema, canonicalText } from '../../../streams/serde/avro-schema.ts'
import type { Codec, Serde } from '../../../streams/serde/serde.ts'
import { serdes } from '../../../streams/serde/serdes.ts'
import { MemoryRegistry } from '../../../streams/testing/memory-registry.ts'
import { samples } from './samples.ts'

interface GoldenRecord {
  readonly record: string
  readonly schema: AvroSchema<unknown>
  readonly value: unknown
  /** With the wire format's header, written under schema id 1. */
  readonly bytes: string
}

interface GoldenPlain {
  readonly serde: string
  readonly value: unknown
  readonly bytes: string
}

const plainSerdes: Readonly<Record<string, Serde<unknown>>> = {
  string: serdes.string,
  bytes: serdes.bytes,
  boolean: serdes.boolean,
  integer: serdes.integer,
  long: serdes.long,
  double: serdes.double,
  json: serdes.json<unknown>(),
}

const folder = import.meta.dirname
const releases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const files = releases.flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => join(name, file)))
const plains = files
  .filter((file) => file.endsWith('plain.json'))
  .flatMap((file) => read<GoldenPlain[]>(file))
const records = files.filter((file) => !file.endsWith('plain.json')).map((file) => read<GoldenRecord>(file))

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'), (_key, value) => {
    return typeof value?.hex === 'string' ? Buffer.from(value.hex, 'hex') : value
  })
}

/** Bytes in values are written as `{ "hex": … }`. */
function print(golden: GoldenRecord): string {
  const hex = (_key: string, value: unknown) =>
    isJsonBuffer(value) ? { hex: Buffer.from(value.data).toString('hex') } : value
  return JSON.stringify(golden, hex, 2)
}

function isJsonBuffer(value: unknown): value is { data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer'
}

function hexOf<T>(codec: Codec<T>, value: T): string {
  const writer = new ByteWriter()
  codec.encode(value, writer)
  return writer.copy(0, writer.position).toString('hex')
}

function valueOfHex<T>(codec: Codec<T>, hex: string): T {
  const bytes = Buffer.from(hex, 'hex')
  return codec.decode(bytes, 0, bytes.length)
}

describe('golden bytes of plain serdes', () => {
  it.each(plains)('should read and write $serde $bytes', async ({ serde, value, bytes }) => {
    const codec = await plainSerdes[serde]!.open({ registry: new MemoryRegistry(), subject: 'golden' })
    expect(valueOfHex<unknown>(codec, bytes)).toEqual(value)
    expect(hexOf<unknown>(codec, value)).toBe(bytes)
  })

  it('should be there for every serde', () => {
    expect(new Set(plains.map(({ serde }) => serde))).toEqual(new Set(Object.keys(plainSerdes)))
  })
})

describe('golden bytes of records', () => {
  it.each(records)(
    'should be read with the schema of now: $record',
    async ({ record, schema, value, bytes }) => {
      const registry = new MemoryRegistry()
      await registry.register('golden', JSON.stringify(schema))
      const codec = await avro(samples[record]!.schema).open({ registry, subject: 'golden' })
      await codec.loadSchema?.(1)
      expect(valueOfHex<unknown>(codec, bytes)).toMatchObject(value as object)
    },
  )

  it.each(records)(
    'should be written again by the schema of then: $record',
    async ({ schema, value, bytes }) => {
      const codec = await avro(schema).open({ registry: new MemoryRegistry(), subject: 'golden' })
      expect(hexOf<unknown>(codec, value)).toBe(bytes)
    },
  )

  it.each(Object.entries(samples))('should be there for the schema of now: %s', async (record, sample) => {
    const text = canonicalText(parseAvroSchema(sample.schema))
    const known = records.some(({ schema }) => canonicalText(parseAvroSchema(schema)) === text)
    const codec = await avro(sample.schema).open({ registry: new MemoryRegistry(), subject: 'golden' })
    const golden = {
      record,
      schema: sample.schema,
      value: sample.value,
      bytes: hexOf<unknown>(codec, sample.value),
    }
    expect(known, `the schema of ${record} is new; add a file with:\n${print(golden)}`).toBe(true)
  })
})
