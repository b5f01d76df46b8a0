/** What a topology needs to be there before it runs, for programs that make it ahead. */
import type { TopicSettings } from '../ports/log.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import type { Topology } from '../topology/topology.ts'
import { OpenCodecs } from './codecs.ts'
import { topicsOf } from './internal-topics.ts'

/**
 * Every topic that a topology reads, writes or keeps for itself, with its settings.
 * @param existing by name: those keep their number of partitions.
 * @throws PARTITIONS_NOT_ALIKE
 */
export function requiredTopics(
  topology: Topology,
  existing: ReadonlyMap<string, TopicSettings>,
  defaultPartitions: number,
): TopicSettings[] {
  return topicsOf(topology, existing, defaultPartitions)
}

/** Registers the schemas of all its topics and stores. @throws SCHEMA_INCOMPATIBLE, REGISTRY_UNAVAILABLE */
export async function registerSchemas(topology: Topology, registry: SchemaRegistry): Promise<void> {
  await OpenCodecs.open(registry, topology)
}
