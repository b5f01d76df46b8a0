/** Topics and their settings, created where they are missing and compared where they exist. */
import type { TopicOutcome, TopicSettings } from '../../ports/log.ts'
import { topicMismatchError } from '../topic-mismatches.ts'
import { kafkaError } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import {
  createTopics,
  describeConfigurations,
  describeTopicLayouts,
  type TopicLayout,
} from './protocol/cluster-calls.ts'
import { code, describeCode } from './protocol/error-codes.ts'
import { Backoff, isPassing } from './retrying.ts'
import {
  type DescribedTopic,
  mismatchesOf,
  newTopicOf,
  settingNames,
  topicSettingsOf,
} from './topic-settings.ts'

export class Topics {
  private readonly leaders: Leaders

  constructor(leaders: Leaders) {
    this.leaders = leaders
  }

  /** @throws TOPIC_MISMATCH, LOG_REFUSED, CONFIGURATION_INVALID */
  async create(topics: readonly TopicSettings[]): Promise<TopicOutcome[]> {
    const names = topics.map(({ name }) => name)
    const layouts = await this.untilPassed(() => this.leaders.refresh(names))
    const missing = new Set(
      layouts.filter(({ errorCode }) => errorCode === code.unknownTopicOrPartition).map(({ name }) => name),
    )
    await this.verify(topics.filter(({ name }) => !missing.has(name)))
    if (missing.size === 0) return topics.map(() => 'exists')
    const created = await this.createMissing(topics.filter(({ name }) => missing.has(name)))
    await this.untilLed(names)
    await this.verify(topics.filter(({ name }) => missing.has(name) && !created.has(name)))
    return names.map((name) => (created.has(name) ? 'created' : 'exists'))
  }

  /** @throws TOPIC_UNKNOWN */
  async describe(names?: readonly string[]): Promise<TopicSettings[]> {
    return (await this.described(names)).map(topicSettingsOf)
  }

  private async described(names: readonly string[] | undefined): Promise<DescribedTopic[]> {
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
      return { layout, configuration }
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

  /** Answers the names of those that it created: another may have been faster with the others. */
  private async createMissing(topics: readonly TopicSettings[]): Promise<ReadonlySet<string>> {
    const { requestTimeoutMs, replicationFactor } = this.leaders.settings
    const created = new Set<string>()
    let open = topics
    await this.untilPassed(async () => {
      const answers = await this.leaders.connections.callController(
        createTopics(
          open.map((topic) => newTopicOf(topic, replicationFactor)),
          requestTimeoutMs,
        ),
      )
      const failures = answers.filter(
        ({ errorCode }) => errorCode !== code.none && errorCode !== code.topicAlreadyExists,
      )
      for (const { name, errorCode } of answers) if (errorCode === code.none) created.add(name)
      open = open.filter(({ name }) => failures.some((failure) => failure.name === name))
      const failure =
        failures.find(({ errorCode }) => describeCode(errorCode).reaction === 'fail') ?? failures[0]
      if (failure === undefined) return
      const { name, errorCode, errorMessage } = failure
      throw kafkaError(`creating topic "${name}"`, errorCode, undefined, errorMessage)
    })
    return created
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
    if (topics.length === 0) return
    const { replicationFactor, brokers } = this.leaders.settings
    const described = await this.described(topics.map(({ name }) => name))
    const mismatches = topics.flatMap((wanted, index) =>
      mismatchesOf(wanted, described[index]!, { replicationFactor, broker: brokers[0]! }),
    )
    if (mismatches.length > 0) throw topicMismatchError(mismatches)
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
