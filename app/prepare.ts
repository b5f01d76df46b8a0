/** Everything that has to be there before topologies run: topics, tables, schemas. Each can be done again, and by several at a time. */
import { topics } from '../schemas/topics.ts'
import { type Database, migrate, pendingMigrations } from '../sql/index.ts'
import {
  type Log,
  registerSchemas,
  requiredTopics,
  type SchemaRegistry,
  type TopicSettings,
  type Topology,
} from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import { CommandFailed } from './failure.ts'
import type { Platform } from './platform.ts'

/** Told of each thing once it is there, and whether it was made now. */
export type OnPrepared = (kind: 'topic' | 'table' | 'schema', name: string, isNew: boolean) => void

const unheard: OnPrepared = () => {}

/** Whether commands make what is missing by themselves, or leave that to `migrate`. */
export function makesWhatIsMissing({ brokers, registerSchemas: when }: Config): boolean {
  return brokers === '' || when === 'at-start'
}

/**
 * Creates the order topics that are missing, and those of the given topologies; those that exist keep their partitions.
 * @throws TOPIC_MISMATCH naming all that is wrong
 */
export async function prepareTopics(
  log: Log,
  config: Config,
  topologies: readonly Topology[],
  onPrepared = unheard,
): Promise<void> {
  const wanted = wantedTopics(config, topologies, await log.describeTopics())
  const outcomes = await log.createTopics(wanted)
  for (const [index, { name }] of wanted.entries()) onPrepared('topic', name, outcomes[index] === 'created')
}

/** @throws SINK_FAILED, SINK_UNAVAILABLE, STORAGE_FULL */
export async function prepareTables(database: Database, onPrepared = unheard): Promise<void> {
  const applied = await migrate(database)
  if (applied.length === 0) onPrepared('table', database.label, false)
  for (const { version, name } of applied) onPrepared('table', `${version} ${name}`, true)
}

/** @throws SCHEMA_INCOMPATIBLE, REGISTRY_UNAVAILABLE */
export async function prepareSchemas(
  registry: SchemaRegistry,
  topologies: readonly Topology[],
  onPrepared: OnPrepared,
): Promise<void> {
  const told = new Set<string>()
  const watched: SchemaRegistry = {
    register: async (subject, schema) => {
      const before = await registry.versions(subject)
      const id = await registry.register(subject, schema)
      // Topologies have topics in common.
      if (!told.has(subject)) onPrepared('schema', subject, !before.some((version) => version.id === id))
      told.add(subject)
      return id
    },
    schemaById: (id) => registry.schemaById(id),
    latest: (subject) => registry.latest(subject),
    versions: (subject) => registry.versions(subject),
    subjects: () => registry.subjects(),
  }
  for (const { name, key, value } of Object.values(topics)) {
    await key.open({ registry: watched, subject: `${name}-key` })
    await value.open({ registry: watched, subject: `${name}-value` })
  }
  for (const topology of topologies) await registerSchemas(topology, watched)
}

/** Of an instance that makes nothing itself. @throws CommandFailed naming what is missing, all of it */
export async function expectPrepared(
  { log, label }: Pick<Platform, 'log' | 'label'>,
  config: Config,
  topologies: readonly Topology[],
  database?: Database,
): Promise<void> {
  const existing = await log.describeTopics()
  const names = new Set(existing.map(({ name }) => name))
  const missing = wantedTopics(config, topologies, existing)
    .filter(({ name }) => !names.has(name))
    .map(({ name }) => `topic ${name} in ${label}`)
  const pending = database === undefined ? [] : await pendingMigrations(database)
  for (const { version, name } of pending) missing.push(`migration ${version} ${name} of ${database?.label}`)
  if (missing.length === 0) return
  const list = missing.map((what) => `  ${what}`).join('\n')
  throw new CommandFailed(
    `with registerSchemas=migrate-only nothing is made here; run \`order-streams migrate\` first. Missing:\n${list}`,
  )
}

function wantedTopics(
  config: Config,
  topologies: readonly Topology[],
  existing: readonly TopicSettings[],
): TopicSettings[] {
  const known = new Map(existing.map((topic) => [topic.name, topic]))
  const wanted = new Map<string, TopicSettings>()
  for (const { name, settings } of Object.values(topics)) {
    const partitions = known.get(name)?.partitions ?? settings.partitions ?? config.partitions
    wanted.set(name, { name, ...settings, partitions })
  }
  for (const topology of topologies) {
    for (const topic of requiredTopics(topology, new Map([...known, ...wanted]), config.partitions)) {
      if (!wanted.has(topic.name)) wanted.set(topic.name, topic)
    }
  }
  return [...wanted.values()]
}
