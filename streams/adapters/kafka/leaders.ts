/**
 * Who leads which partition and who coordinates which group or transaction, and calls to them that are tried again until
 * each partition has an answer that stands.
 *
 * Invariants:
 * 1. A call to leaders answers for every item, in the order asked, with a value or the error that stands.
 * 2. Only what is safe to repeat may be called here: reads, and batches that carry their producer's sequence number.
 */
import { StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TopicPartition } from '../../ports/log.ts'
import type { Connections } from './connections.ts'
import { kafkaError } from './kafka-error.ts'
import type { KafkaSettings } from './kafka-options.ts'
import type { Call, PartitionAnswer } from './protocol/call.ts'
import {
  type CoordinatorOf,
  describeTopicLayouts,
  findCoordinator,
  type TopicLayout,
} from './protocol/cluster-calls.ts'
import { code, describeCode } from './protocol/error-codes.ts'
import { Backoff, isPassing } from './retrying.ts'

/** The coordinator may have done what it was asked, or may do it yet. */
const unsureCodes = new Set<number>([
  code.unknownServerError,
  code.requestTimedOut,
  code.coordinatorNotAvailable,
])

const keyNames: Readonly<Record<CoordinatorOf, string>> = { group: 'group', transaction: 'transactional id' }

export class Leaders {
  readonly connections: Connections
  readonly settings: KafkaSettings
  private readonly layouts = new Map<string, TopicLayout>()
  private readonly staleTopics = new Set<string>()
  private readonly coordinators = new Map<string, number>()

  constructor(connections: Connections, settings: KafkaSettings) {
    this.connections = connections
    this.settings = settings
  }

  get clock(): Clock {
    return this.settings.clock
  }

  /** The leader as last heard; undefined when the topic or partition is not known to exist, or has no leader now. */
  leaderOf({ topic, partition }: TopicPartition): number | undefined {
    const leader = this.layouts.get(topic)?.leaders[partition]
    return leader === undefined || leader < 0 ? undefined : leader
  }

  isKnown({ topic, partition }: TopicPartition): boolean {
    return this.layouts.get(topic)?.leaders[partition] !== undefined
  }

  /** Asks anew about topics. */
  async refresh(topics: Iterable<string>): Promise<readonly TopicLayout[]> {
    const layouts = await this.connections.callAny(describeTopicLayouts([...new Set(topics)]))
    for (const layout of layouts) {
      this.staleTopics.delete(layout.name)
      if (layout.errorCode === code.unknownTopicOrPartition) this.layouts.delete(layout.name)
      else this.layouts.set(layout.name, layout)
    }
    return layouts
  }

  /** What is known of a topic may have changed: it is asked about before the next call to its leaders. */
  markStale(topic: string): void {
    this.staleTopics.add(topic)
  }

  /** Asks about the topics of partitions whose leader is not known, or no longer. @throws LOG_UNAVAILABLE, LOG_REFUSED */
  async refreshStale(partitions: readonly TopicPartition[]): Promise<void> {
    const stale = partitions.filter(
      (partition) => this.leaderOf(partition) === undefined || this.staleTopics.has(partition.topic),
    )
    if (stale.length > 0) await this.refresh(stale.map(({ topic }) => topic))
  }

  /**
   * Calls the leaders of the items, again for those whose answer passes, until the budget is used up.
   * @param what the call does, for messages
   */
  async callLeaders<Item extends TopicPartition, T>(
    what: string,
    items: readonly Item[],
    makeCall: (items: readonly Item[]) => Call<readonly PartitionAnswer<T>[]>,
    budgetMs = this.settings.retryBudgetMs,
  ): Promise<(T | StreamsError)[]> {
    const standing = new Map<Item, T | StreamsError>()
    const backoff = new Backoff(this.clock, budgetMs)
    const unknownUntil = this.clock.now() + this.settings.unknownTopicGraceMs
    let open = [...items]
    while (open.length > 0) {
      const failures = await this.callOnce(what, open, makeCall, standing)
      open = open.filter((item) => !standing.has(item))
      if (open.length === 0) break
      for (const item of open) {
        const failure = failures.get(item) ?? this.missing(what, item)
        const maybeNew = failure.code === 'TOPIC_UNKNOWN' && this.clock.now() < unknownUntil
        const passes = maybeNew || isPassing(failure)
        if (backoff.exhausted || !passes) standing.set(item, failure)
      }
      open = open.filter((item) => !standing.has(item))
      if (open.length > 0) await backoff.pause()
    }
    return items.map((item) => standing.get(item)!)
  }

  /** Puts what stands into `standing`; answers the failures that may pass. */
  private async callOnce<Item extends TopicPartition, T>(
    what: string,
    items: readonly Item[],
    makeCall: (items: readonly Item[]) => Call<readonly PartitionAnswer<T>[]>,
    standing: Map<Item, T | StreamsError>,
  ): Promise<Map<Item, StreamsError>> {
    const failures = new Map<Item, StreamsError>()
    try {
      await this.refreshStale(items)
    } catch (error) {
      for (const item of items) settle(item, error, standing, failures)
      return failures
    }
    const calls = [...this.byLeader(items)].map(async ([leader, own]) => {
      try {
        const answers = await this.connections.call(leader, makeCall(own))
        for (const answer of answers) {
          const item = own.find(
            ({ topic, partition }) => topic === answer.topic && partition === answer.partition,
          )
          if (item === undefined) continue
          if (answer.errorCode === code.none) {
            standing.set(item, answer.value)
            continue
          }
          const { reaction } = describeCode(answer.errorCode)
          const error = kafkaError(what, answer.errorCode, item, answer.errorMessage)
          if (reaction === 'fail') standing.set(item, error)
          else failures.set(item, error)
          if (reaction === 'refresh') this.staleTopics.add(item.topic)
        }
      } catch (error) {
        for (const item of own) {
          settle(item, error, standing, failures)
          this.staleTopics.add(item.topic)
        }
      }
    })
    await Promise.all(calls)
    return failures
  }

  /** Why no leader of a partition is known. */
  missing(what: string, partition: TopicPartition): StreamsError {
    return kafkaError(what, this.missingCode(partition), partition)
  }

  missingCode({ topic, partition }: TopicPartition): number {
    const layout = this.layouts.get(topic)
    if (layout === undefined) return code.unknownTopicOrPartition
    if (layout.errorCode !== code.none) return layout.errorCode
    return layout.leaders[partition] === undefined ? code.unknownTopicOrPartition : code.leaderNotAvailable
  }

  byLeader<Item extends TopicPartition>(items: readonly Item[]): Map<number, Item[]> {
    const groups = new Map<number, Item[]>()
    for (const item of items) {
      const leader = this.leaderOf(item)
      if (leader === undefined) continue
      const group = groups.get(leader)
      if (group === undefined) groups.set(leader, [item])
      else group.push(item)
    }
    return groups
  }

  /** The broker that coordinates a group or a transactional id. @throws LOG_UNAVAILABLE, LOG_REFUSED */
  async coordinator(kind: CoordinatorOf, key: string): Promise<number> {
    const known = this.coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const { errorCode, nodeId } = await this.connections.callAny(findCoordinator(kind, key))
    if (errorCode !== code.none)
      throw kafkaError(`finding the coordinator (${keyNames[kind]} "${key}")`, errorCode)
    this.coordinators.set(`${kind} ${key}`, nodeId)
    return nodeId
  }

  forgetCoordinator(kind: CoordinatorOf, key: string): void {
    this.coordinators.delete(`${kind} ${key}`)
  }

  /**
   * Calls a coordinator, again while the answer passes. `errorOf` finds the code in an answer. `onUnsure` is told of each
   * attempt that may have taken effect although it did not succeed.
   * @throws the error that stands
   */
  async callCoordinator<T>(
    coordinator: { readonly kind: CoordinatorOf; readonly key: string },
    what: string,
    call: Call<T>,
    errorOf: (answer: T) => number,
    options: { readonly budgetMs?: number; onUnsure?(): void } = {},
  ): Promise<T> {
    const { kind, key } = coordinator
    const backoff = new Backoff(this.clock, options.budgetMs ?? this.settings.retryBudgetMs, 200)
    const unknownUntil = this.clock.now() + this.settings.unknownTopicGraceMs
    for (;;) {
      const failure = await this.callCoordinatorOnce(kind, key, what, call, errorOf, options.onUnsure)
      if (!(failure instanceof StreamsError)) return failure.answer
      const unknown = failure.code === 'TOPIC_UNKNOWN' && this.clock.now() >= unknownUntil
      if (backoff.exhausted || unknown) throw failure
      await backoff.pause()
    }
  }

  private async callCoordinatorOnce<T>(
    kind: CoordinatorOf,
    key: string,
    what: string,
    call: Call<T>,
    errorOf: (answer: T) => number,
    onUnsure: (() => void) | undefined,
  ): Promise<{ readonly answer: T } | StreamsError> {
    let sent = false
    try {
      const nodeId = await this.coordinator(kind, key)
      sent = true
      const answer = await this.connections.call(nodeId, call)
      const errorCode = errorOf(answer)
      if (errorCode === code.none) return { answer }
      const error = kafkaError(`${what} (${keyNames[kind]} "${key}")`, errorCode)
      const { reaction } = describeCode(errorCode)
      if (reaction === 'fail') throw error
      if (reaction === 'coordinator') this.forgetCoordinator(kind, key)
      if (unsureCodes.has(errorCode)) onUnsure?.()
      return error
    } catch (error) {
      if (!isPassing(error)) throw error
      if (sent) onUnsure?.()
      this.forgetCoordinator(kind, key)
      return error
    }
  }
}

function settle<Item, T>(
  item: Item,
  error: unknown,
  standing: Map<Item, T | StreamsError>,
  failures: Map<Item, StreamsError>,
): void {
  if (isPassing(error)) failures.set(item, error)
  else if (error instanceof StreamsError) standing.set(item, error)
  else throw error
}
