/** Reads what is deployed of topologies: topics, checkpoints, groups, schemas, recorded shapes. It changes nothing. */
import { StreamsError } from '../errors.ts'
import type { TopicSettings } from '../ports/log.ts'
import type { RegisteredSchema, SchemaRegistry } from '../ports/registry.ts'
import { keyAt, valueAt } from '../records/record-batch.ts'
import { decodeMemberData } from '../runtime/assignment/member-data.ts'
import { OpenCodecs } from '../runtime/codecs.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import { checkpointSubject, topicsOf } from '../runtime/internal-topics.ts'
import type { ProcessingGuarantee } from '../runtime/settings.ts'
import { readTopologyRecord } from '../runtime/topology-record.ts'
import { schemaIdOf } from '../serde/avro.ts'
import { internalTopics, type Topology } from '../topology/topology.ts'
import type { ForeignTopology, PlanFacts } from './plan.ts'
import { noPositions, type PositionPorts, readPositions } from './plan-position-facts.ts'

export type PlanPorts = PositionPorts

/**
 * @param known all topologies of the code, so that what belongs to one is not taken for another's
 * @throws LOG_UNAVAILABLE, LOG_REFUSED, REGISTRY_UNAVAILABLE
 */
export async function readPlanFacts(
  ports: PlanPorts,
  topology: Topology,
  known: readonly Topology[],
  defaultPartitions: number,
  guarantee: ProcessingGuarantee = 'exactly-once',
): Promise<PlanFacts> {
  const { log, registry } = ports
  const { name } = topology
  const all = await log.describeTopics()
  const topics = new Map(all.map((topic) => [topic.name, topic]))
  const owned = ownedBy(
    name,
    [...topics.keys()],
    known.map((one) => one.name),
  )
  const schemas = await schemasOf(topology)
  const registered = new Map<string, readonly RegisteredSchema[]>()
  for (const subject of schemas.keys()) registered.set(subject, await registry.versions(subject))
  const { members } = await log.describeGroup(name)
  const checkpoints = await checkpointsOf(ports, name, topics)
  const checkpointSchema = await checkpointSchemaOf(registry, name, checkpoints)
  return {
    topology,
    topics,
    wanted: wantedTopics(topology, topics, defaultPartitions),
    record: topics.has(internalTopics.record(name)) ? await readTopologyRecord(ports, name) : null,
    checkpointed: checkpoints.subTopologies,
    checkpointSchema,
    running: members.flatMap(({ userData }) => {
      const data = decodeMemberData(userData)
      return data === undefined ? [] : [data.topology]
    }),
    schemas,
    registered,
    deployedStores: storesAmong(name, owned),
    deployedRepartitions: owned.filter((topic) => topic.endsWith(repartitionSuffix)),
    foreign: await foreignTopologies(ports, topics, known),
    positions:
      checkpointSchema === 'known'
        ? await readPositions(ports, topology, {
            topics,
            isRunning: members.length > 0,
            isExactlyOnce: guarantee === 'exactly-once',
          })
        : noPositions,
  }
}

const changelogSuffix = '-changelog'
const repartitionSuffix = '-repartition'

/** The topics that the engine keeps for a topology; one whose name begins like another's has none of that one's. */
function ownedBy(name: string, topics: readonly string[], known: readonly string[]): string[] {
  const longer = known.filter((other) => other !== name && other.startsWith(`${name}-`))
  return topics
    .filter((topic) => topic.startsWith(`${name}-`) && !longer.some((other) => topic.startsWith(`${other}-`)))
    .sort()
}

function storesAmong(name: string, topics: readonly string[]): string[] {
  return topics
    .filter((topic) => topic.endsWith(changelogSuffix))
    .map((topic) => topic.slice(name.length + 1, -changelogSuffix.length))
}

function wantedTopics(
  topology: Topology,
  existing: ReadonlyMap<string, TopicSettings>,
  defaultPartitions: number,
): PlanFacts['wanted'] {
  try {
    return topicsOf(topology, existing, defaultPartitions)
  } catch (error) {
    if (error instanceof StreamsError && error.code === 'PARTITIONS_NOT_ALIKE')
      return { problem: error.message }
    throw error
  }
}

/** By subject: what starting the topology would register. */
async function schemasOf(topology: Topology): Promise<ReadonlyMap<string, string>> {
  const schemas = new Map<string, string>()
  const noted: SchemaRegistry = {
    register: async (subject, schema) => schemas.set(subject, schema).size,
    schemaById: async () => '"null"',
    latest: async () => null,
    versions: async () => [],
    subjects: async () => [],
  }
  await OpenCodecs.open(noted, topology)
  return schemas
}

interface CheckpointsInLog {
  readonly subTopologies: ReadonlySet<string>
  /** By which the newest one was written; null when there is none. */
  readonly schemaId: number | null
}

/** The keys of checkpoints are the names of tasks: their sub-topologies. */
async function checkpointsOf(
  ports: PlanPorts,
  name: string,
  topics: ReadonlyMap<string, TopicSettings>,
): Promise<CheckpointsInLog> {
  const topic = internalTopics.checkpoint(name)
  const subTopologies = new Set<string>()
  let schemaId: number | null = null
  if (!topics.has(topic)) return { subTopologies, schemaId }
  const [range] = await ports.log.offsetRanges([{ topic, partition: 0 }])
  await followToEnd(ports, [{ topic, partition: 0, offset: range?.start ?? 0 }], (batch) => {
    for (let index = 0; index < batch.length; index++) {
      const key = keyAt(batch, index)
      if (key === null) continue
      const task = Buffer.from(key).toString()
      const subTopology = task.slice(0, task.lastIndexOf('_'))
      const value = valueAt(batch, index)
      if (value === null) {
        subTopologies.delete(subTopology)
        continue
      }
      subTopologies.add(subTopology)
      schemaId = schemaIdOf(value)
    }
  })
  return { subTopologies, schemaId }
}

/** Whether it is the registry that checkpoints were written with: ids are given out anew by one that has lost what it had. */
async function checkpointSchemaOf(
  registry: SchemaRegistry,
  name: string,
  { schemaId }: CheckpointsInLog,
): Promise<PlanFacts['checkpointSchema']> {
  if (schemaId === null) return 'known'
  const versions = await registry.versions(checkpointSubject(name))
  if (versions.length === 0) return 'missing'
  return versions.some(({ id }) => id === schemaId) ? 'known' : 'another'
}

/** Topologies that have committed, and are not in the code. */
async function foreignTopologies(
  ports: PlanPorts,
  topics: ReadonlyMap<string, TopicSettings>,
  known: readonly Topology[],
): Promise<ForeignTopology[]> {
  const suffix = internalTopics.checkpoint('')
  const names = [...topics.keys()]
    .filter((topic) => topic.endsWith(suffix))
    .map((topic) => topic.slice(0, -suffix.length))
  const foreign: ForeignTopology[] = []
  for (const name of names.filter((one) => !known.some((topology) => topology.name === one)).sort()) {
    const stores = storesAmong(name, ownedBy(name, [...topics.keys()], names))
    const { subTopologies } = await checkpointsOf(ports, name, topics)
    foreign.push({ name, stores, subTopologies: [...subTopologies] })
  }
  return foreign
}
