/** What has become of dead letters and rejections, by their names. It is written by whoever replays or discards them. */
export function deadLetterStatusTopic(topologyName: string): Topic<string, DeadLetterStatus> {
  return topic(
    internalTopics.deadLetterStatus(topologyName),
    { key: serdes.string, value: avro(deadLetterStatusSchema) },
    { cleanup: 'compact', partitions: 1 },
  )
}

/** The topics that the engine keeps for a topology, typed, and their settings. */
import { StreamsError } from '../errors.ts'
import type { TopicSettings } from '../ports/log.ts'
import {
  type Checkpoint,
  checkpointSchema,
  type DeadLetter,
  type DeadLetterStatus,
  deadLetterSchema,
  deadLetterStatusSchema,
  type StageCommand,
  stageCommandSchema,
} from '../schemas/generated/records.ts'
import { avro } from '../serde/avro.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { type Topic, topic } from '../serde/topic.ts'
import type { TopologyData } from '../topology/describe.ts'
import type { AnyTopic } from '../topology/graph.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { internalTopics, type SubTopology, type Topology } from '../topology/topology.ts'

/** As it lies in the log. */
export interface TopologyRecord extends TopologyData {
  readonly format: 1
}

const dayMs = 24 * 60 * 60 * 1000

export function checkpointTopic(topologyName: string): Topic<string, Checkpoint> {
  return topic(
    internalTopics.checkpoint(topologyName),
    { key: serdes.string, value: avro(checkpointSchema) },
    { cleanup: 'compact', partitions: 1 },
  )
}

/** The subject of the schema that checkpoints are written by. */
export function checkpointSubject(topologyName: string): string {
  return `${checkpointTopic(topologyName).name}-value`
}

/** What was started last: the shape of the topology, for comparing a release with what is deployed. */
export function recordTopic(topologyName: string): Topic<string, TopologyRecord> {
  return topic(
    internalTopics.record(topologyName),
    { key: serdes.string, value: serdes.json<TopologyRecord>() },
    { cleanup: 'compact', partitions: 1 },
  )
}

/** Commands for the stages of a topology: the newest one for the flow and for the rate of each. */
export function controlTopic(topologyName: string): Topic<string, StageCommand> {
  return topic(
    internalTopics.control(topologyName),
    { key: serdes.string, value: avro(stageCommandSchema) },
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

/** The topics that the engine keeps for a topology beside its changelogs. */
export function keptTopics(topologyName: string): AnyTopic[] {
  return [
    checkpointTopic(topologyName),
    recordTopic(topologyName),
    controlTopic(topologyName),
    deadLetterTopic(topologyName),
    deadLetterStatusTopic(topologyName),
  ]
}

/** Settings of every topic that a topology uses, with partitions; those that exist keep theirs. */
export function topicsOf(
  topology: Topology,
  existing: ReadonlyMap<string, TopicSettings>,
  defaultPartitions: number,
): TopicSettings[] {
  const isRepartition = (wanted: AnyTopic) => topology.repartitionTopics.includes(wanted)
  const fixed = (wanted: AnyTopic) => existing.get(wanted.name)?.partitions ?? wanted.settings.partitions
  const partitionsOf = (wanted: AnyTopic): number => fixed(wanted) ?? ofPartners(wanted) ?? defaultPartitions
  /** A repartition topic that is to meet other topics in a join gets as many partitions as they have. */
  const ofPartners = (wanted: AnyTopic): number | undefined => {
    if (!isRepartition(wanted)) return undefined
    const reader = topology.subTopologies.find(({ sources }) => sources.some(({ topic }) => topic === wanted))
    if (reader === undefined || joinOf(reader) === undefined) return undefined
    const settled = reader.sources
      .map(({ topic }) => topic)
      .filter((topic) => !isRepartition(topic) || fixed(topic) !== undefined)
    return settled.length === 0 ? undefined : Math.max(...settled.map(partitionsOf))
  }
  const settled = [...topology.topics, ...topology.repartitionTopics, ...keptTopics(topology.name)].map(
    (wanted) => ({ name: wanted.name, ...wanted.settings, partitions: partitionsOf(wanted) }),
  )
  const counts = new Map(settled.map(({ name, partitions }) => [name, partitions]))
  const changelogs = topology.subTopologies.flatMap((sub) =>
    sub.stores.map((store) => ({
      name: internalTopics.changelog(topology.name, store.name),
      partitions: taskCount(sub, counts),
      ...changelogCleanup(store),
      timestampType: 'append' as const,
    })),
  )
  return [...settled, ...changelogs]
}

/** Windows are forgotten without tombstones: a while after nobody needs them any more, counted from when they were written. */
function changelogCleanup({ windows }: StoreSpec): Pick<TopicSettings, 'cleanup' | 'retentionMs'> {
  if (windows === undefined) return { cleanup: 'compact' }
  return { cleanup: 'compact-delete', retentionMs: windows.sizeMs + windows.retentionMs + dayMs }
}

/** A node that needs equal keys of all its inputs in one partition. */
function joinOf({ nodes }: SubTopology) {
  return nodes.find(({ role }) => role.kind === 'operator' && role.coPartitioned === true)
}

/** How many tasks a sub-topology has. @throws PARTITIONS_NOT_ALIKE when topics that are joined differ */
export function taskCount(sub: SubTopology, partitionCounts: ReadonlyMap<string, number>): number {
  const counts = sub.sources.map(({ topic: { name } }) => ({
    name,
    partitions: partitionCounts.get(name) ?? 0,
  }))
  const most = Math.max(...counts.map(({ partitions }) => partitions))
  const joins = joinOf(sub)
  const other = counts.find(({ partitions }) => partitions !== most)
  if (joins !== undefined && other !== undefined) {
    const list = counts.map(({ name, partitions }) => `${name} ${partitions}`).join(', ')
    throw new StreamsError(
      'PARTITIONS_NOT_ALIKE',
      `"${joins.name}" brings keys of topics with different partition counts together (${list}); repartition one of them`,
    )
  }
  return most
}
