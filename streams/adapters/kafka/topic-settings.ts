/** A topic's settings in Kafka's words: to create it, to tell the engine of it, and to find what is not as it should be. */
import type { TopicSettings } from '../../ports/log.ts'
import type { TopicMismatch } from '../topic-mismatches.ts'
import { zstdAvailable } from './codec/compression.ts'
import type { DescribedConfiguration, NewTopic, TopicLayout } from './protocol/cluster-calls.ts'

const cleanupPolicies = { delete: 'delete', compact: 'compact', 'compact-delete': 'compact,delete' } as const
const timestampTypes = { create: 'CreateTime', append: 'LogAppendTime' } as const

export const settingNames = {
  cleanup: 'cleanup.policy',
  retentionMs: 'retention.ms',
  retentionBytes: 'retention.bytes',
  timestampType: 'message.timestamp.type',
  compression: 'compression.type',
} as const

/** What a topic is, in the broker's own words. */
export interface DescribedTopic {
  readonly layout: TopicLayout
  readonly configuration: DescribedConfiguration
}

/** Records are kept as they were compressed: whoever reads them all can read the topic. */
export function newTopicOf(topic: TopicSettings, replicationFactor: number): NewTopic {
  const { name, partitions, cleanup, retentionMs, timestampType } = topic
  return {
    name,
    partitions,
    replicationFactor,
    configuration: {
      [settingNames.cleanup]: cleanupPolicies[cleanup],
      [settingNames.timestampType]: timestampTypes[timestampType],
      [settingNames.compression]: 'producer',
      ...(cleanup === 'compact'
        ? {}
        : { [settingNames.retentionMs]: `${retentionMs ?? -1}`, [settingNames.retentionBytes]: '-1' }),
    },
  }
}

export function topicSettingsOf({ layout, configuration: { settings } }: DescribedTopic): TopicSettings {
  const cleanup = cleanupOf(settings.get(settingNames.cleanup)?.value ?? 'delete')
  const retentionMs = Number(settings.get(settingNames.retentionMs)?.value ?? -1)
  const appended = settings.get(settingNames.timestampType)?.value === timestampTypes.append
  return {
    name: layout.name,
    partitions: layout.leaders.length,
    cleanup,
    ...(retentionMs < 0 || cleanup === 'compact' ? {} : { retentionMs }),
    timestampType: appended ? 'append' : 'create',
  }
}

/** What is not as wanted. The factor of -1 wants none in particular. */
export function mismatchesOf(
  wanted: TopicSettings,
  described: DescribedTopic,
  { replicationFactor, broker }: { readonly replicationFactor: number; readonly broker: string },
): TopicMismatch[] {
  const { layout, configuration } = described
  const actual = topicSettingsOf(described)
  const found: TopicMismatch[] = []
  const add = (setting: string, is: string | number, should: string | number, remedy: string): void => {
    found.push({ topic: wanted.name, setting, is, should, remedy })
  }
  const alter = (setting: string, value: string): string =>
    `kafka-configs.sh --bootstrap-server ${broker} --alter --entity-type topics --entity-name ${wanted.name} --add-config ${setting}=${value}`

  if (actual.partitions !== wanted.partitions) {
    const remedy =
      'keys would move to other partitions, so it cannot be changed; if nothing in the topic is needed, ' +
      `kafka-topics.sh --bootstrap-server ${broker} --delete --topic ${wanted.name}`
    add('partitions', actual.partitions, wanted.partitions, remedy)
  }
  if (replicationFactor !== -1 && layout.replicationFactor !== replicationFactor) {
    const remedy = `kafka-reassign-partitions.sh --bootstrap-server ${broker} with ${replicationFactor} replicas for each partition`
    add('replicationFactor', layout.replicationFactor, replicationFactor, remedy)
  }
  if (actual.cleanup !== wanted.cleanup) {
    const policy = cleanupPolicies[wanted.cleanup]
    const value = policy.includes(',') ? `[${policy}]` : policy
    add('cleanup', actual.cleanup, wanted.cleanup, alter(settingNames.cleanup, value))
  }
  if (actual.timestampType !== wanted.timestampType) {
    const value = timestampTypes[wanted.timestampType]
    add('timestampType', actual.timestampType, wanted.timestampType, alter(settingNames.timestampType, value))
  }
  if (wanted.cleanup !== 'compact') {
    const limits = [
      { setting: 'retentionMs', kafkaName: settingNames.retentionMs, should: wanted.retentionMs ?? -1 },
      { setting: 'retentionBytes', kafkaName: settingNames.retentionBytes, should: -1 },
    ]
    for (const { setting, kafkaName, should } of limits) {
      const entry = configuration.settings.get(kafkaName)
      const is = Number(entry?.value ?? -1)
      if (is === should || (is < 0 && should < 0)) continue
      const named = entry?.isOwn === false ? `${limit(is)} by the broker's default` : limit(is)
      add(setting, named, limit(should), alter(kafkaName, `${should}`))
    }
  }
  if (configuration.settings.get(settingNames.compression)?.value === 'zstd' && !zstdAvailable) {
    const remedy = `${alter(settingNames.compression, 'producer')}, or run Node.js 22.15 or newer`
    add('compression', 'zstd', 'one that this Node.js reads', remedy)
  }
  return found
}

function cleanupOf(policy: string): TopicSettings['cleanup'] {
  const policies = new Set(policy.split(',').map((one) => one.trim()))
  if (!policies.has('compact')) return 'delete'
  return policies.has('delete') ? 'compact-delete' : 'compact'
}

function limit(value: number): string | number {
  return value < 0 ? 'not limited' : value
}
