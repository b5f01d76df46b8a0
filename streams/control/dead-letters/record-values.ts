/** What records of a topology's topics hold, for people: as the topic's serde reads it, and else as bytes. */
import { recoveryOf } from '../../errors.ts'
import type { SchemaRegistry } from '../../ports/registry.ts'
import type { Serde } from '../../serde/serde.ts'
import { internalTopics, type Topology } from '../../topology/topology.ts'
import type { RecordContent } from './letter.ts'
import { decodeLoading } from './reading.ts'

interface KnownTopic {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** A changelog's value begins with the row's timestamp. */
  readonly skipBytes: number
}

const rowTimestampBytes = 8

export class RecordValues {
  private readonly registry: SchemaRegistry
  private readonly known: ReadonlyMap<string, KnownTopic>

  constructor(registry: SchemaRegistry, topology: Topology) {
    this.registry = registry
    this.known = knownTopics(topology)
  }

  /** @throws REGISTRY_UNAVAILABLE */
  async read(
    topic: string,
    { key, value }: RecordContent,
  ): Promise<{ readonly key: unknown; readonly value: unknown }> {
    const known = this.known.get(topic)
    return {
      key: await this.decode(known?.key, `${topic}-key`, key, 0),
      value: await this.decode(known?.value, `${topic}-value`, value, known?.skipBytes ?? 0),
    }
  }

  private async decode(
    serde: Serde<unknown> | undefined,
    subject: string,
    bytes: Buffer | null,
    skipBytes: number,
  ): Promise<unknown> {
    if (bytes === null) return null
    if (serde === undefined) return bytes
    try {
      const codec = await serde.open({ registry: this.registry, subject })
      return await decodeLoading(codec, bytes.subarray(skipBytes))
    } catch (error) {
      if (recoveryOf(error) === 'retry') throw error
      return bytes
    }
  }
}

function knownTopics(topology: Topology): Map<string, KnownTopic> {
  const known = new Map<string, KnownTopic>()
  for (const { name, key, value } of [...topology.topics, ...topology.repartitionTopics])
    known.set(name, { key, value, skipBytes: 0 })
  for (const { stores } of topology.subTopologies) {
    for (const { name, key, value } of stores)
      known.set(internalTopics.changelog(topology.name, name), { key, value, skipBytes: rowTimestampBytes })
  }
  return known
}
