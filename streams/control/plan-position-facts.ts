/** Reads where tasks of a topology would go on, and what the log still has there. It changes nothing. */
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionOffset, TopicPartition, TopicSettings } from '../ports/log.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import { internalTopics, type Topology } from '../topology/topology.ts'
import { Checkpoints } from './checkpoints.ts'
import type { KnownPosition, PlanPositions } from './plan-positions.ts'

export interface PositionPorts {
  readonly log: Log
  readonly clock: Clock
  readonly registry: SchemaRegistry
}

export interface PositionOptions {
  /** All topics that there are, by name. */
  readonly topics: ReadonlyMap<string, TopicSettings>
  readonly isRunning: boolean
  /** Whether tasks take positions that the group does not have from their checkpoints. */
  readonly isExactlyOnce: boolean
}

/** Of a topology whose checkpoints cannot be read. */
export const noPositions: PlanPositions = { inputs: [], changelogs: [], groupHasAny: false, hasState: false }

/** @throws LOG_UNAVAILABLE, LOG_REFUSED, REGISTRY_UNAVAILABLE */
export async function readPositions(
  ports: PositionPorts,
  topology: Topology,
  { topics, isRunning, isExactlyOnce }: PositionOptions,
): Promise<PlanPositions> {
  const { log } = ports
  const checkpointOf = await checkpointsOf(ports, topology.name)
  const existing = (topic: string): TopicPartition[] => partitionsOf(topics.get(topic))
  const sources = topology.subTopologies.flatMap(({ sources: own }) => own.map(({ topic }) => topic.name))
  const inputs = [...new Set(sources)].flatMap(existing)
  const stores = topology.subTopologies.flatMap((part) => part.stores)
  const changelogs = stores.flatMap(({ name }) => existing(internalTopics.changelog(topology.name, name)))
  // Where tasks read and commit meanwhile, starts only seem earlier than they are now, and ends only later.
  const starts = await log.offsetRanges(inputs)
  const committed = await log.committedOffsets(topology.name, inputs)
  const checkpointed: PartitionOffset[] = []
  const written: PartitionOffset[] = []
  for (const [task, { input_offsets, changelog_offsets }] of checkpointOf) {
    const part = topology.subTopologies.find(({ name }) => name === task.slice(0, task.lastIndexOf('_')))
    const reads = (topic: string) => part?.sources.some((source) => source.topic.name === topic) === true
    if (isExactlyOnce) checkpointed.push(...input_offsets.filter(({ topic }) => reads(topic)))
    if (part !== undefined && !isRunning) written.push(...changelog_offsets)
  }
  const ends = new Map(
    (await log.offsetRanges([...inputs, ...changelogs])).map((range) => [idOf(range), range]),
  )
  const startOf = new Map(starts.map((range) => [idOf(range), range.start]))
  const known = (position: PartitionOffset): KnownPosition => {
    const range = ends.get(idOf(position))
    if (range === undefined) return { ...position, range: null }
    return { ...position, range: { start: startOf.get(idOf(position)) ?? range.start, end: range.end } }
  }
  const ofGroup = inputs.flatMap((input, index) => {
    const offset = committed[index] ?? null
    return offset === null ? [] : [{ ...input, offset }]
  })
  const isOfGroup = new Set(ofGroup.map(idOf))
  return {
    inputs: [...ofGroup, ...checkpointed.filter((position) => !isOfGroup.has(idOf(position)))].map(known),
    changelogs: written.map(known),
    groupHasAny: ofGroup.length > 0,
    hasState: changelogs.some((partition) => (ends.get(idOf(partition))?.end ?? 0) > 0),
  }
}

/** The newest checkpoint of each task that has one. */
async function checkpointsOf(
  ports: PositionPorts,
  topologyName: string,
): Promise<ReadonlyMap<string, Checkpoint>> {
  const { registry } = ports
  const readOnly: SchemaRegistry = {
    register: async () => 0,
    schemaById: (id) => registry.schemaById(id),
    latest: (subject) => registry.latest(subject),
    versions: (subject) => registry.versions(subject),
    subjects: () => registry.subjects(),
  }
  const checkpoints = await Checkpoints.open({ ...ports, registry: readOnly }, topologyName)
  const newest = (await checkpoints?.newest()) ?? []
  // One that is being put back is not where the task goes on.
  return new Map(newest.filter(({ restoring }) => restoring === null).map((one) => [one.task, one]))
}

function partitionsOf(settings: TopicSettings | undefined): TopicPartition[] {
  const count = settings?.partitions ?? 0
  return Array.from({ length: count }, (_, partition) => ({ topic: settings!.name, partition }))
}

function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
