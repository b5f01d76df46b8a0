/** The topics that the engine keeps for a topology, typed, and their settings. */
import { StreamsError } from '../errors.ts'
import type { TopicSettings } from '../ports/log.ts'
import {
  type Checkpoint,
  checkpointSchema,
  type DeadLetter,
  deadLetterSchema,
} from '../schemas/generated/records.ts'
import { avro } from '../serde/avro.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { type Topic, topic } from '../serde/topic.ts'
import type { AnyTopic } from '../topology/graph.ts'
import { internalTopics, type SubTopology, type Topology } from '../topology/topology.ts'

const dayMs = 24 * 60 * 60 * 1000

export function checkpointTopic(topologyName: string): Topic<string, Checkpoint> {
  return topic(
    internalTopics.checkpoint(topologyName),
    { key: serdes.string, value: avro(checkpointSchema) },
    { cleanup: 'compact', partitions: 1 },
  )
}

/** Dead letters keep the key of the record that they are for, so that a replay keeps the order per key. */
export function deadLetterTopic(topologyName: string): Topic<Uint8Array | null, DeadLetter> {
  return topic(
    internalTopics.deadLetter(topologyName),
    { key: nullable(serdes.bytes), value: avro(deadLetterSchema) },
    { cleanup: 'delete', retentionMs: 90 * dayMs, timestampType: 'append' },
  )
}

/** Settings of every topic that a topology uses, with partitions; those that exist keep theirs. */
export function topicsOf(
  topology: Topology,
  existing: ReadonlyMap<string, TopicSettings>,
  defaultPartitions: number,
): TopicSettings[] {
  const partitionsOf = (wanted: AnyTopic): number =>
    existing.get(wanted.name)?.partitions ?? wanted.settings.partitions ?? defaultPartitions
  const settled = [
    ...topology.topics,
    ...topology.repartitionTopics,
    checkpointTopic(topology.name),
    deadLetterTopic(topology.name),
  ].map((wanted) => ({ name: wanted.name, ...wanted.settings, partitions: partitionsOf(wanted) }))
  const counts = new Map(settled.map(({ name, partitions }) => [name, partitions]))
  const changelogs = topology.subTopologies.flatMap((sub) =>
    sub.stores.map((store) => ({
      name: internalTopics.changelog(topology.name, store.name),
      partitions: taskCount(sub, counts),
      cleanup: 'compact' as const,
      timestampType: 'append' as const,
    })),
  )
  return [...settled, ...changelogs]
}

/** How many tasks a sub-topology has. @throws PARTITIONS_NOT_ALIKE when topics that are joined differ */
export function taskCount(sub: SubTopology, partitionCounts: ReadonlyMap<string, number>): number {
  const counts = sub.sources.map(({ topic: { name } }) => ({
    name,
    partitions: partitionCounts.get(name) ?? 0,
  }))
  const most = Math.max(...counts.map(({ partitions }) => partitions))
  const joins = sub.nodes.find((node) => node.role.kind === 'operator' && node.role.coPartitioned === true)
  const other = counts.find(({ partitions }) => partitions !== most)
  if (joins !== undefined && other !== undefined) {
    const list = counts.map(({ name, partitions }) => `${name} ${partitions}`).join(', ')
    throw new StreamsError(
      'PARTITIONS_NOT_ALIKE',
      `"${joins.name}" joins topics with different partition counts (${list}); repartition one of them`,
    )
  }
  return most
}
