/** The codecs of a topology, opened once and shared by its tasks. */
import { StreamsError } from '../errors.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import type { Codec, Serde } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { AnyTopic } from '../topology/graph.ts'
import type { Codecs } from '../topology/source.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { internalTopics, type Topology } from '../topology/topology.ts'
import { keptTopics } from './internal-topics.ts'

export class OpenCodecs implements Codecs {
  private readonly registry: SchemaRegistry
  private readonly topologyName: string
  private readonly bySubject = new Map<string, Codec<unknown>>()

  private constructor(registry: SchemaRegistry, topologyName: string) {
    this.registry = registry
    this.topologyName = topologyName
  }

  /** Registers the schemas of all topics and stores of a topology, the engine's own included. @throws SCHEMA_INCOMPATIBLE, REGISTRY_UNAVAILABLE */
  static async open(registry: SchemaRegistry, topology: Topology): Promise<OpenCodecs> {
    const codecs = new OpenCodecs(registry, topology.name)
    const kept = keptTopics(topology.name)
    for (const topic of [...topology.topics, ...topology.repartitionTopics, ...kept])
      await codecs.openTopic(topic)
    for (const { stores } of topology.subTopologies) for (const store of stores) await codecs.openStore(store)
    for (const { store } of topology.globalTables) await codecs.openStore(store)
    return codecs
  }

  of<K, V>(topic: Topic<K, V>): { key: Codec<Exclude<K, null>>; value: Codec<Exclude<V, null>> } {
    return {
      key: this.get(topic.key, `${topic.name}-key`),
      value: this.get(topic.value, `${topic.name}-value`),
    }
  }

  ofStore<K, V>(store: StoreSpec<K, V>): { key: Codec<K>; value: Codec<V> } {
    const changelog = internalTopics.changelog(this.topologyName, store.name)
    // A store never holds a null key or value, so the narrower codec does.
    return {
      key: this.get(store.key, `${changelog}-key`) as Codec<K>,
      value: this.get(store.value, `${changelog}-value`) as Codec<V>,
    }
  }

  /** Makes a writer's schema known to all: which of them met it is not known. @throws SCHEMA_UNKNOWN, REGISTRY_UNAVAILABLE */
  async loadSchema(id: number): Promise<void> {
    for (const codec of this.bySubject.values()) await codec.loadSchema?.(id)
  }

  private async openTopic(topic: AnyTopic): Promise<void> {
    await this.openSerde(topic.key, `${topic.name}-key`)
    await this.openSerde(topic.value, `${topic.name}-value`)
  }

  private async openStore(store: StoreSpec): Promise<void> {
    const changelog = internalTopics.changelog(this.topologyName, store.name)
    await this.openSerde(store.key, `${changelog}-key`)
    await this.openSerde(store.value, `${changelog}-value`)
  }

  private async openSerde(serde: Serde<unknown>, subject: string): Promise<void> {
    if (this.bySubject.has(subject)) return
    this.bySubject.set(subject, await serde.open({ registry: this.registry, subject }))
  }

  private get<T>(_serde: Serde<T>, subject: string): Codec<Exclude<T, null>> {
    const codec = this.bySubject.get(subject)
    if (codec === undefined)
      throw new StreamsError('INVARIANT_VIOLATED', `no codec was opened for ${subject}`)
    // Opened from the serde that the same topic or store holds.
    return codec as Codec<Exclude<T, null>>
  }
}
