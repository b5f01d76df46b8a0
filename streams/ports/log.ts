/**
 * The log: partitions of records, transactions over them, and consumer groups that share them out.
 *
 * The semantics are Apache Kafka's, reduced to what an exactly-once engine needs:
 * 1. Readers see committed records only, in offset order, up to the last stable offset: nothing of an open
 *    transaction, nor anything that lies behind its first record.
 * 2. Offsets ascend and may have gaps. Records of one sent batch have consecutive offsets, unless it is too large for one
 *    request and others write to the partition meanwhile.
 * 3. Opening a producer with a transactional id aborts what its predecessor left open and fences it: each further call
 *    of the predecessor fails with PRODUCER_FENCED.
 * 4. A transaction's records and group offsets become visible together, or never.
 * 5. Group membership says who should read; it does not protect. Fencing protects.
 * `tests/contracts/log-contract.ts` states this as tests; every adapter passes it.
 */
import type { StreamsError } from '../errors.ts'
import type { RecordBatch } from '../records/record-batch.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number
}

export interface TopicSettings {
  readonly name: string
  readonly partitions: number
  /** `compact` keeps the newest record of each key, `delete` drops what is older than `retentionMs`. */
  readonly cleanup: 'delete' | 'compact' | 'compact-delete'
  /** Undefined keeps records for ever. Ignored by `compact`. */
  readonly retentionMs?: number
  /** With `append` the log stamps records with its own time, and retention counts from there. */
  readonly timestampType: 'create' | 'append'
}

export type TopicOutcome = 'created' | 'exists'

export interface OffsetRange extends TopicPartition {
  /** The first offset still there. */
  readonly start: number
  /** The last stable offset: where the next record that a reader could see would be. */
  readonly end: number
}

export interface Log {
  /**
   * Creates the topics that are missing, and says of each, in the order asked, whether it did. One that exists is left as
   * it is.
   * @throws TOPIC_MISMATCH when some exist with other settings, naming for each topic and setting what it is, what it should
   *   be and how to change it; then none is created.
   */
  createTopics(topics: readonly TopicSettings[]): Promise<TopicOutcome[]>
  /** The settings as they are now of all topics, or of those named. @throws TOPIC_UNKNOWN */
  describeTopics(names?: readonly string[]): Promise<TopicSettings[]>
  /** @throws TOPIC_UNKNOWN */
  offsetRanges(partitions: readonly TopicPartition[]): Promise<OffsetRange[]>
  /** Deletes all records below each offset. */
  deleteRecords(before: readonly PartitionOffset[]): Promise<void>

  openReader(options: ReaderOptions): LogReader

  /** Appends outside any transaction, each batch once even when retried. Answers the first offset of each batch. */
  append(batches: readonly RecordBatch[]): Promise<number[]>
  openTransactionalProducer(options: {
    transactionalId: string
    timeoutMs: number
  }): Promise<TransactionalProducer>

  joinGroup(options: GroupOptions): Promise<GroupMember>
  /** Who is in a group and has what share, also for those who are not in it. */
  describeGroup(groupId: string): Promise<GroupDescription>
  /** What a group committed, in the order asked; null where it committed nothing. */
  committedOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<(number | null)[]>
  /** Commits offsets outside a transaction, also while the group has members. */
  commitOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void>

  close(): Promise<void>
}

export interface ReaderOptions {
  /** Called, never from inside another call of the reader, when `take` may have something new. */
  onReady(): void
  /** A partition cannot be read on: OFFSET_OUT_OF_RANGE, TOPIC_UNKNOWN. Transient failures are retried inside. */
  onError(partition: TopicPartition, error: StreamsError): void
  /** Fetching of a partition pauses while this much of it waits to be taken. */
  readonly maxBufferedBytes?: number
}

/** Follows any partitions from any offsets, with no group; fetches ahead, so that `take` never waits. */
export interface LogReader {
  follow(partition: TopicPartition, offset: number): void
  unfollow(partition: TopicPartition): void
  /**
   * The next records of a followed partition, or null while there are none. The batch begins at or after the position
   * and moves it to the batch's `nextOffset`. Its `length` is 0 where offsets hold no records that a reader may see.
   */
  take(partition: TopicPartition): RecordBatch | null
  /** The offset that `take` continues from. */
  position(partition: TopicPartition): number
  /** The last stable offset as of the newest fetch; undefined before the first. */
  end(partition: TopicPartition): number | undefined
  /** Whether the log has not answered for a partition for much longer than an answer may take. It is asked on. */
  readonly isSilent: boolean
  close(): Promise<void>
}

/** A producer of one transaction after another. Its calls must not overlap. */
export interface TransactionalProducer {
  /**
   * Writes records in the open transaction, opening one if there is none. Answers the first offset of each batch.
   * @throws PRODUCER_FENCED, TRANSACTION_ABORTED, LOG_UNAVAILABLE: abort, and begin again.
   */
  send(batches: readonly RecordBatch[]): Promise<number[]>
  /** Commits a group's offsets with the open transaction, opening one if there is none. */
  sendOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void>
  /**
   * Makes the transaction visible. Does nothing when none is open.
   * @throws TRANSACTION_OUTCOME_UNKNOWN when the answer was lost; PRODUCER_FENCED and TRANSACTION_ABORTED when it
   *   surely did not take place.
   */
  commit(): Promise<void>
  /** Drops the open transaction. Does nothing when none is open. */
  abort(): Promise<void>
  /** Aborts what is open. */
  close(): Promise<void>
}

export interface MemberMetadata {
  readonly memberId: string
  readonly topics: readonly string[]
  readonly userData: Uint8Array
}

export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array
}

/**
 * Shares the partitions of the group's topics out among its members. Pure: the same input gives the same output.
 * Every partition goes to at most one member.
 */
export interface Assignor {
  readonly name: string
  assign(
    members: readonly MemberMetadata[],
    partitionCounts: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, MemberAssignment>
}

export interface GroupOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  /**
   * Names the member over restarts: who joins under the name of a member takes its place, with its share, and nobody else
   * notices. Kafka's static membership (KIP-345). The member that was replaced is lost with INSTANCE_FENCED.
   */
  readonly instanceId?: string
  readonly assignor: Assignor
  /** What the assignor learns of this member; asked anew at every rebalance. */
  userData(): Uint8Array
  /** A rebalance has begun: what is assigned now may soon be another's. */
  onRebalancing(): void
  onAssigned(assignment: MemberAssignment & { readonly memberId: string; readonly generation: number }): void
  /** The membership ended other than by `leave`. */
  onLost(error: StreamsError): void
}

export interface GroupDescription {
  /** False while a rebalance is under way, when nothing is known of the members, and for a group without any. */
  readonly isSettled: boolean
  /** Whether it has no member at all, also while nothing is known of the members. */
  readonly isEmpty: boolean
  readonly members: readonly DescribedMember[]
}

export interface DescribedMember extends MemberMetadata {
  readonly assignment: MemberAssignment
}

export interface GroupMember {
  readonly memberId: string
  /** Whether the coordinator has confirmed the membership within the time after which it takes a silent member for dead. */
  readonly isConfirmed: boolean
  /**
   * Has the group shared out anew, with what `userData` says from now on: `onRebalancing`, then `onAssigned` in a later
   * generation, for all members and never from inside this call. Does nothing once the membership has ended.
   */
  rejoin(): void
  leave(): Promise<void>
}
