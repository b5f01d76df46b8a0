/** The topics of the embedded log: their settings, kept in the store, and their partitions. */
import { StreamsError } from '../../errors.ts'
import type { TopicOutcome, TopicPartition, TopicSettings } from '../../ports/log.ts'
import type { Store } from '../../ports/store.ts'
import { type TopicMismatch, topicMismatchError } from '../topic-mismatches.ts'
import { topicKey, topicOfKey, topicRows } from './log-keys.ts'
import { Partition, type TopicIdentity } from './partition.ts'
import type { RowCache } from './row-cache.ts'
import type { WriteQueue } from './write-queue.ts'

export interface Topic extends TopicIdentity {
  readonly partitions: readonly Partition[]
}

const comparedSettings = ['partitions', 'cleanup', 'retentionMs', 'timestampType'] as const

export class Topics {
  private readonly store: Store
  private readonly cache: RowCache
  private readonly byName = new Map<string, Topic>()
  private nextId = 1

  constructor(store: Store, cache: RowCache) {
    this.store = store
    this.cache = cache
    for (const { key, value } of store.range(topicRows)) {
      const { id, ...settings }: { id: number } & Omit<TopicSettings, 'name'> = JSON.parse(
        value.toString('utf8'),
      )
      this.add(id, { name: topicOfKey(key), ...settings })
    }
  }

  /** In the order of their names. */
  all(): Topic[] {
    return [...this.byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  get(name: string): Topic {
    const topic = this.byName.get(name)
    if (topic !== undefined) return topic
    throw new StreamsError('TOPIC_UNKNOWN', `topic "${name}" does not exist: create it first`, {
      details: { topic: name },
    })
  }

  partition({ topic: name, partition }: TopicPartition): Partition {
    const topic = this.get(name)
    const found = topic.partitions[partition]
    if (found !== undefined) return found
    throw new StreamsError(
      'TOPIC_UNKNOWN',
      `topic "${name}" has no partition ${partition}, it has ${topic.partitions.length} from 0`,
      { details: { topic: name, partition } },
    )
  }

  /** Creates all that are missing, or none when one of them cannot be. @throws TOPIC_MISMATCH, CONFIGURATION_INVALID */
  create(wanted: readonly TopicSettings[], queue: WriteQueue): TopicOutcome[] {
    const missing = new Map<string, TopicSettings>()
    const mismatches: TopicMismatch[] = []
    const outcomes = wanted.map((settings): TopicOutcome => {
      checkSettings(settings)
      const existing = this.byName.get(settings.name)?.settings ?? missing.get(settings.name)
      if (existing === undefined) missing.set(settings.name, onlySettings(settings))
      else mismatches.push(...mismatchesOf(existing, settings))
      return existing === undefined ? 'created' : 'exists'
    })
    if (mismatches.length > 0) throw topicMismatchError(mismatches)
    if (missing.size === 0) return outcomes
    const firstId = this.nextId
    queue.writeNow((batch) => {
      let id = firstId
      for (const { name, ...settings } of missing.values()) {
        batch.put(topicKey(name), Buffer.from(JSON.stringify({ id: id++, ...settings })))
      }
    })
    let id = firstId
    for (const settings of missing.values()) this.add(id++, settings)
    return outcomes
  }

  private add(id: number, settings: TopicSettings): void {
    const partitions: Partition[] = []
    const topic: Topic = { id, name: settings.name, settings, partitions }
    for (let number = 0; number < settings.partitions; number++) {
      partitions.push(new Partition(topic, number, this.store, this.cache))
    }
    this.byName.set(settings.name, topic)
    this.nextId = Math.max(this.nextId, id + 1)
  }
}

/** Without what else the caller's object may hold: it is stored. */
function onlySettings({
  name,
  partitions,
  cleanup,
  retentionMs,
  timestampType,
}: TopicSettings): TopicSettings {
  return { name, partitions, cleanup, ...(retentionMs === undefined ? {} : { retentionMs }), timestampType }
}

function checkSettings({ name, partitions, retentionMs }: TopicSettings): void {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..') {
    throw invalid(`topic name "${name}" must be 1 to 249 letters, digits, ".", "_" or "-"`)
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 10_000) {
    throw invalid(`topic "${name}": partitions is ${partitions}, it must be a whole number from 1 to 10000`)
  }
  if (retentionMs !== undefined && !(retentionMs > 0)) {
    throw invalid(
      `topic "${name}": retentionMs is ${retentionMs}, it must be above 0, or left out to keep records for ever`,
    )
  }
}

function invalid(message: string): StreamsError {
  return new StreamsError('CONFIGURATION_INVALID', message)
}

function mismatchesOf(existing: TopicSettings, wanted: TopicSettings): TopicMismatch[] {
  const remedy = 'use a topic of another name, or change the declaration to what exists'
  return comparedSettings
    .filter((setting) => existing[setting] !== wanted[setting])
    .map((setting) => ({
      topic: wanted.name,
      setting,
      is: existing[setting] ?? 'not limited',
      should: wanted[setting] ?? 'not limited',
      remedy,
    }))
}
