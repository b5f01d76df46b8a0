/** Topics and their settings, created where they are missing and compared where they exist. */
import { StreamsError } from '../../errors.ts'
import type { TopicSettings } from '../../ports/log.ts'
import { kafkaError } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import {
  createTopics,
  type DescribedConfiguration,
  describeConfigurations,
  describeTopicLayouts,
  type NewTopic,
  type TopicLayout,
} from './protocol/cluster-calls.ts'
import { code } from './protocol/error-codes.ts'
import { Backoff, isPassing } from './retrying.ts'

const cleanupPolicies = { delete: 'delete', compact: 'compact', 'compact-delete': 'compact,delete' } as const
const timestampTypes = { create: 'CreateTime', append: 'LogAppendTime' } as const
const settingNames = {
  cleanup: 'cleanup.policy',
  retentionMs: 'retention.ms',
  timestampType: 'message.timestamp.type',
}

export class Topics {
  private readonly leaders: Leaders

  constructor(leaders: Leaders) {
    this.leaders = leaders
  }

  /** @throws TOPIC_MISMATCH, LOG_REFUSED, CONFIGURATION_INVALID */
  async create(topics: readonly TopicSettings[]): Promise<void> {
    const names = topics.map(({ name }) => name)
    const layouts = await this.untilPassed(() => this.leaders.refresh(names))
    const missing = new Set(
      layouts.filter(({ errorCode }) => errorCode === code.unknownTopicOrPartition).map(({ name }) => name),
    )
    const existing = topics.filter(({ name }) => !missing.has(name))
    if (existing.length > 0) await this.verify(existing)
    if (missing.size === 0) return
    const raced = await this.createMissing(topics.filter(({ name }) => missing.has(name)))
    await this.untilLed(names)
    if (raced.length > 0) await this.verify(raced)
  }

  /** @throws TOPIC_UNKNOWN */
  async describe(names?: readonly string[]): Promise<TopicSettings[]> {
    const layouts = await this.untilPassed(() => this.layouts(names))
    if (layouts.length === 0) return []
    const configurations = await this.untilPassed(() =>
      this.leaders.connections.callAny(
        describeConfigurations(
          layouts.map(({ name }) => name),
          Object.values(settingNames),
        ),
      ),
    )
    return layouts.map((layout) => {
      const configuration = configurations.find(({ name }) => name === layout.name)
      if (configuration === undefined || configuration.errorCode !== code.none) {
        throw kafkaError(
          `describing topic "${layout.name}"`,
          configuration?.errorCode ?? code.unknownTopicOrPartition,
          undefined,
          configuration?.errorMessage,
        )
      }
      return settingsOf(layout, configuration)
    })
  }

  private async layouts(names: readonly string[] | undefined): Promise<readonly TopicLayout[]> {
    if (names === undefined) {
      const all = await this.leaders.connections.callAny(describeTopicLayouts(undefined))
      return all.filter(({ internal, errorCode }) => !internal && errorCode === code.none)
    }
    if (names.length === 0) return []
    const layouts = await this.leaders.refresh(names)
    for (const { name, errorCode } of layouts) {
      if (errorCode !== code.none && errorCode !== code.leaderNotAvailable) {
        throw kafkaError(`describing topic "${name}"`, errorCode)
      }
    }
    return names.map((name) => layouts.find((layout) => layout.name === name)!)
  }

  /** Answers the topics that another created meanwhile. */
  private async createMissing(topics: readonly TopicSettings[]): Promise<TopicSettings[]> {
    const { requestTimeoutMs, replicationFactor } = this.leaders.settings
    return this.untilPassed(async () => {
      const answers = await this.leaders.connections.callAny(
        createTopics(
          topics.map((topic) => newTopic(topic, replicationFactor)),
          requestTimeoutMs,
        ),
      )
      for (const { name, errorCode, errorMessage } of answers) {
        if (errorCode === code.none || errorCode === code.topicAlreadyExists) continue
        throw kafkaError(`creating topic "${name}"`, errorCode, undefined, errorMessage)
      }
      const raced = new Set(
        answers.filter(({ errorCode }) => errorCode === code.topicAlreadyExists).map(({ name }) => name),
      )
      return topics.filter(({ name }) => raced.has(name))
    })
  }

  /** Brokers learn of a new topic one after the other. */
  private async untilLed(names: readonly string[]): Promise<void> {
    const backoff = new Backoff(this.leaders.clock, this.leaders.settings.retryBudgetMs)
    for (;;) {
      const layouts = await this.untilPassed(() => this.leaders.refresh(names))
      const waiting = layouts.find(
        ({ errorCode, leaders }) => errorCode !== code.none || leaders.some((leader) => leader < 0),
      )
      if (waiting === undefined) return
      if (backoff.exhausted) {
        throw kafkaError(`waiting for leaders of topic "${waiting.name}"`, code.leaderNotAvailable)
      }
      await backoff.pause()
    }
  }

  private async verify(topics: readonly TopicSettings[]): Promise<void> {
    const described = await this.describe(topics.map(({ name }) => name))
    topics.forEach((wanted, index) => {
      const actual = described[index]!
      const retention = wanted.cleanup === 'compact' ? [] : (['retentionMs'] as const)
      for (const setting of ['partitions', 'cleanup', 'timestampType', ...retention] as const) {
        if (actual[setting] !== wanted[setting]) throw mismatch(wanted, setting, actual[setting])
      }
    })
  }

  private async untilPassed<T>(action: () => Promise<T>): Promise<T> {
    const backoff = new Backoff(this.leaders.clock, this.leaders.settings.retryBudgetMs)
    for (;;) {
      try {
        return await action()
      } catch (error) {
        if (!isPassing(error) || backoff.exhausted) throw error
      }
      await backoff.pause()
    }
  }
}

function newTopic(topic: TopicSettings, replicationFactor: number): NewTopic {
  const { name, partitions, cleanup, retentionMs, timestampType } = topic
  return {
    name,
    partitions,
    replicationFactor,
    configuration: {
      [settingNames.cleanup]: cleanupPolicies[cleanup],
      [settingNames.timestampType]: timestampTypes[timestampType],
      ...(cleanup === 'compact' ? {} : { [settingNames.retentionMs]: `${retentionMs ?? -1}` }),
    },
  }
}

function settingsOf({ name, leaders }: TopicLayout, { settings }: DescribedConfiguration): TopicSettings {
  const policies = new Set(
    (settings.get(settingNames.cleanup) ?? 'delete').split(',').map((one) => one.trim()),
  )
  const cleanup = !policies.has('compact') ? 'delete' : policies.has('delete') ? 'compact-delete' : 'compact'
  const retentionMs = Number(settings.get(settingNames.retentionMs) ?? -1)
  const appended = settings.get(settingNames.timestampType) === timestampTypes.append
  return {
    name,
    partitions: leaders.length,
    cleanup,
    ...(retentionMs < 0 || cleanup === 'compact' ? {} : { retentionMs }),
    timestampType: appended ? 'append' : 'create',
  }
}

function mismatch(
  wanted: TopicSettings,
  setting: 'partitions' | 'cleanup' | 'timestampType' | 'retentionMs',
  actual: string | number | undefined,
): StreamsError {
  const is = actual ?? 'not limited'
  const should = wanted[setting] ?? 'not limited'
  const kafkaName = setting === 'partitions' ? 'its partition count' : settingNames[setting]
  return new StreamsError(
    'TOPIC_MISMATCH',
    `topic "${wanted.name}" exists with ${setting} ${is}, but ${should} is needed; change ${kafkaName} or use another topic`,
    { details: { topic: wanted.name, setting, is, should } },
  )
}
