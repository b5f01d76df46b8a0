/**
 * The log on Apache Kafka 2.5 and newer, for cluster mode.
 *
 * kafkajs makes the connections; requests, retries and states are ours, over those connections. That answers its hazards
 * where they arise instead of working round them: no timer or retry of its own is in the way, transactions have the epochs
 * that they need, offsets are read only when they stand, and a reader needs no group.
 *
 * Invariants:
 * 1. Every wait goes by the Clock port and is bounded, but for readers and members of groups: those wait for the log to
 *    come back.
 * 2. After `close` began, nothing calls back any more.
 */
import { StreamsError } from '../../errors.ts'
import type {
  GroupDescription,
  GroupMember,
  GroupOptions,
  Log,
  LogReader,
  OffsetRange,
  PartitionOffset,
  ReaderOptions,
  TopicOutcome,
  TopicPartition,
  TopicSettings,
  TransactionalProducer,
} from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { Appender } from './appender.ts'
import { Connections } from './connections.ts'
import { Fetcher } from './fetcher.ts'
import { KafkaGroupMember } from './group-member.ts'
import { GroupOffsets } from './group-offsets.ts'
import { type KafkaLogOptions, kafkaSettings } from './kafka-options.ts'
import { Leaders } from './leaders.ts'
import { decodeAssignment, decodeSubscription, describeGroup } from './protocol/group-calls.ts'
import { deleteRecords, listOffsets } from './protocol/record-calls.ts'
import { noMember } from './protocol/transaction-calls.ts'
import { KafkaReader } from './reader.ts'
import { waitAtMost } from './retrying.ts'
import { Topics } from './topics.ts'
import { openProducer } from './transactional-producer.ts'

/** What has not ended in an orderly way by then is cut off. */
const closeLimitMs = 8000

/** @throws CONFIGURATION_INVALID, LOG_UNAVAILABLE, LOG_REFUSED */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const log = new KafkaLog(options)
  try {
    await log.connect()
    return log
  } catch (error) {
    await log.close()
    throw error
  }
}

export class KafkaLog implements Log {
  private readonly connections: Connections
  private readonly leaders: Leaders
  private readonly topics: Topics
  private readonly groupOffsets: GroupOffsets
  private readonly appender: Appender
  private readonly fetcher: Fetcher
  private readonly readers = new Set<LogReader>()
  private readonly members = new Set<KafkaGroupMember>()
  private readonly producers = new Set<TransactionalProducer>()
  private closing: Promise<void> | undefined

  constructor(options: KafkaLogOptions) {
    const settings = kafkaSettings(options)
    this.connections = new Connections(settings)
    this.leaders = new Leaders(this.connections, settings)
    this.topics = new Topics(this.leaders)
    this.groupOffsets = new GroupOffsets(this.leaders)
    this.appender = new Appender(this.leaders)
    this.fetcher = new Fetcher(this.leaders)
  }

  /** Reaches the first broker, so that wrong addresses and logins show at once. */
  async connect(): Promise<void> {
    await this.connections.connect()
  }

  async createTopics(topics: readonly TopicSettings[]): Promise<TopicOutcome[]> {
    this.checkOpen()
    return topics.length === 0 ? [] : this.topics.create(topics)
  }

  async describeTopics(names?: readonly string[]): Promise<TopicSettings[]> {
    this.checkOpen()
    return this.topics.describe(names)
  }

  async offsetRanges(partitions: readonly TopicPartition[]): Promise<OffsetRange[]> {
    this.checkOpen()
    const placeOf = ({ topic, partition }: TopicPartition): string => `${topic} ${partition}`
    // Kafka refuses a request that names a partition twice.
    const distinct = new Map(
      partitions.map(({ topic, partition }) => [placeOf({ topic, partition }), { topic, partition }]),
    )
    const asked = [...distinct.values()]
    const [starts, ends] = await Promise.all(
      (['start', 'end'] as const).map((which) =>
        this.leaders.callLeaders(`asking for the ${which} of`, asked, (own) => listOffsets(which, own)),
      ),
    )
    const ranges = new Map(
      asked.map((place, index) => {
        const start = standing(starts![index]!)
        // Records may be deleted between the two answers.
        return [placeOf(place), { ...place, start, end: Math.max(start, standing(ends![index]!)) }]
      }),
    )
    return partitions.map((place) => ranges.get(placeOf(place))!)
  }

  async deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    this.checkOpen()
    const ranges = await this.offsetRanges(before)
    // Below the start there is nothing to delete, which Kafka takes for an error.
    const there = before.filter(({ offset }, index) => offset > ranges[index]!.start)
    const answers = await this.leaders.callLeaders('deleting records of', there, (own) =>
      deleteRecords(own, this.leaders.settings.requestTimeoutMs),
    )
    for (const answer of answers) standing(answer)
  }

  openReader(options: ReaderOptions): LogReader {
    this.checkOpen()
    const reader: LogReader = new KafkaReader(this.fetcher, options, () => this.readers.delete(reader))
    this.readers.add(reader)
    return reader
  }

  async append(batches: readonly RecordBatch[]): Promise<number[]> {
    this.checkOpen()
    return this.appender.append(batches)
  }

  async openTransactionalProducer(options: {
    transactionalId: string
    timeoutMs: number
  }): Promise<TransactionalProducer> {
    this.checkOpen()
    const producer = await openProducer(this.leaders, options, () => this.producers.delete(producer))
    this.producers.add(producer)
    return producer
  }

  /** @throws TOPIC_UNKNOWN */
  async joinGroup(options: GroupOptions): Promise<GroupMember> {
    this.checkOpen()
    await this.topics.describe(options.topics)
    const member = new KafkaGroupMember(this.leaders, options, () => this.members.delete(member))
    this.members.add(member)
    await member.join()
    return member
  }

  async describeGroup(groupId: string): Promise<GroupDescription> {
    this.checkOpen()
    const { state, members } = await this.leaders.callCoordinator(
      { kind: 'group', key: groupId },
      'describing',
      describeGroup(groupId),
      ({ errorCode }) => errorCode,
    )
    if (state !== 'Stable')
      return { isSettled: false, isEmpty: state === 'Empty' || state === 'Dead', members: [] }
    return {
      isSettled: true,
      isEmpty: false,
      members: members.map(({ memberId, metadata, assignment }) => ({
        ...decodeSubscription(memberId, metadata),
        assignment: decodeAssignment(assignment),
      })),
    }
  }

  async committedOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<(number | null)[]> {
    this.checkOpen()
    return this.groupOffsets.committed(groupId, partitions)
  }

  async commitOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    this.checkOpen()
    const member = [...this.members].find((one) => one.groupId === groupId)
    await this.groupOffsets.commit(groupId, member?.committer ?? noMember, offsets)
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  private async shutDown(): Promise<void> {
    await waitAtMost(this.leaders.clock, closeLimitMs, this.endAll())
    await this.connections.close()
  }

  private async endAll(): Promise<void> {
    for (const reader of [...this.readers]) await reader.close()
    this.fetcher.close()
    await Promise.all([...this.members].map((member) => member.leave()))
    await this.appender.drained()
    await Promise.all([...this.producers].map((producer) => producer.close()))
  }

  private checkOpen(): void {
    if (this.closing !== undefined)
      throw new StreamsError('CLOSED', 'the log was used after it had been closed')
  }
}

function standing<T>(answer: T | StreamsError): T {
  if (answer instanceof StreamsError) throw answer
  return answer
}
