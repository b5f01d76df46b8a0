/**
 * Bytes of keys and values, for people: by what this program knows of a topic, else by what the bytes say of themselves.
 * Avro is read with the schema that wrote it, so nothing that was written is left out. Nothing is ever registered.
 */
import { bytesAsText, toJson } from '../control/json-values.ts'
import { topics } from '../schemas/topics.ts'
import {
  type AvroSchema,
  avro,
  type Codec,
  checkpointTopic,
  deadLetterTopic,
  internalTopics,
  messageOf,
  type SchemaRegistry,
  type Serde,
  StreamsError,
  type Topology,
} from '../streams/index.ts'

interface Side {
  readonly serde: Serde<unknown>
  /** A changelog's value begins with the row's timestamp. */
  readonly skipBytes: number
}

interface KnownTopic {
  readonly key: Side
  readonly value: Side
}

const rowTimestampBytes = 8
const avroHeaderBytes = 5

export class RecordDecoder {
  private readonly registry: SchemaRegistry
  private readonly known: ReadonlyMap<string, KnownTopic>
  private readonly byId = new Map<number, Codec<unknown> | null>()

  constructor(registry: SchemaRegistry, topologies: readonly Topology[]) {
    this.registry = registry
    this.known = knownTopics(topologies)
  }

  /** A value that JSON can hold. */
  async decode(topic: string, side: 'key' | 'value', bytes: Buffer | null): Promise<unknown> {
    if (bytes === null) return null
    const known = this.known.get(topic)?.[side]
    const data = bytes.subarray(known?.skipBytes ?? 0)
    try {
      const plain = known !== undefined && !known.serde.name.includes('avro(') ? known.serde : undefined
      if (plain !== undefined) return toJson(await this.decodePlain(plain, data))
      const codec = data[0] === 0 && data.length >= avroHeaderBytes ? await this.avroCodec(data) : null
      if (codec !== null) return toJson(codec.decode(data, 0, data.length))
      // Of a topic that nobody knows the bytes may be anything.
      if (known === undefined) return bytesAsText(data)
      throw new TypeError('it does not begin with a zero byte and the id of a schema that the registry has')
    } catch (error) {
      return { undecodable: messageOf(error), bytes: bytesAsText(data) }
    }
  }

  private async decodePlain(serde: Serde<unknown>, data: Buffer): Promise<unknown> {
    const codec = await serde.open({ registry: this.registry, subject: '' })
    return codec.decode(data, 0, data.length)
  }

  /** By the schema that the bytes name; null when there is none of that number. */
  private async avroCodec(data: Buffer): Promise<Codec<unknown> | null> {
    const id = data.readInt32BE(1)
    const opened = this.byId.get(id)
    if (opened !== undefined) return opened
    let codec: Codec<unknown> | null = null
    try {
      const schema = await this.registry.schemaById(id)
      // Whatever the schema describes; its values are only shown.
      const parsed: AvroSchema<unknown> = JSON.parse(schema)
      codec = await avro(parsed).open({ registry: onlySchema(id, schema), subject: '' })
    } catch {}
    this.byId.set(id, codec)
    return codec
  }
}

/** For who has none: Avro is shown as bytes. */
export const noRegistry: SchemaRegistry = {
  register: noSchema,
  schemaById: noSchema,
  latest: noSchema,
  versions: noSchema,
  subjects: noSchema,
}

async function noSchema(): Promise<never> {
  throw new StreamsError('SCHEMA_UNKNOWN', 'there is no registry to ask')
}

/** A registry that holds nothing else, so that the codec reads what this schema wrote, as it wrote it. */
function onlySchema(id: number, schema: string): SchemaRegistry {
  const registered = { id, version: 1, schema }
  return {
    register: async () => id,
    schemaById: async () => schema,
    latest: async () => registered,
    versions: async () => [registered],
    subjects: async () => [],
  }
}

function knownTopics(topologies: readonly Topology[]): Map<string, KnownTopic> {
  const known = new Map<string, KnownTopic>()
  const add = (name: string, key: Serde<unknown>, value: Serde<unknown>, skipBytes = 0) =>
    known.set(name, { key: { serde: key, skipBytes: 0 }, value: { serde: value, skipBytes } })
  for (const { name, key, value } of Object.values(topics)) add(name, key, value)
  for (const topology of topologies) {
    const own = [checkpointTopic(topology.name), deadLetterTopic(topology.name)]
    for (const { name, key, value } of [...topology.topics, ...topology.repartitionTopics, ...own])
      add(name, key, value)
    for (const { stores } of topology.subTopologies) {
      for (const { name, key, value } of stores)
        add(internalTopics.changelog(topology.name, name), key, value, rowTimestampBytes)
    }
  }
  return known
}
