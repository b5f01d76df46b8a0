/**
 * The log in one process, on the Store port: over RocksDB it is the log of single-node mode, over the store in memory
 * the deterministic one for tests.
 *
 * Invariants:
 * 1. The store is this log's alone while it is open; whoever opened the store closes it, after the log.
 * 2. What was answered is stored (with `sync` it survives a power failure too), what was not committed is not stored.
 * 3. Opening writes nothing to a store that holds a log already, so the data of a stopped process can be looked into.
 */
import { StreamsError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type {
  GroupDescription,
  GroupMember,
  GroupOptions,
  Log,
  LogReader,
  OffsetRange as OffsetRangeOf,
  PartitionOffset,
  ReaderOptions,
  TopicOutcome,
  TopicPartition,
  TopicSettings,
  TransactionalProducer,
} from '../../ports/log.ts'
import { type Logger, silentLogger } from '../../ports/observability.ts'
import type { Store } from '../../ports/store.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { Appender } from './appender.ts'
import { Cleaner, type CleaningReport } from './cleaner.ts'
import type { CleaningOptions } from './cleaning-options.ts'
import { GroupOffsets } from './group-offsets.ts'
import { GroupCoordinator } from './groups.ts'
import { checkFormat } from './log-keys.ts'
import type { OffsetRange } from './partition.ts'
import { Producers } from './producers.ts'
import { EmbeddedReader } from './reader.ts'
import { RowCache } from './row-cache.ts'
import { Topics } from './topics.ts'
import { WriteQueue } from './write-queue.ts'

export interface EmbeddedLogOptions {
  /** A database of the log's own. */
  readonly store: Store
  readonly clock: Clock
  readonly logger?: Logger
  /** Whether what was answered survives a power failure, and not only a kill of the process. True by default. */
  readonly sync?: boolean
  /** The largest key, value and headers of a record together. 1 MiB and 64 KiB by default. */
  readonly maxRecordBytes?: number
  /** The newest records kept in memory for readers that keep up, over all partitions. 32 MiB by default. */
  readonly cacheBytes?: number
  /** How often old records are cleaned away. Every 5 minutes by default; null: only when `clean` is called. */
  readonly cleaningIntervalMs?: number | null
  readonly cleaning?: Partial<CleaningOptions>
}

/** @throws STATE_FORMAT_UNSUPPORTED when the store holds something else, or what another version wrote. */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  checkFormat(options.store)
  return new EmbeddedLog(options)
}

export class EmbeddedLog implements Log {
  private readonly clock: Clock
  private readonly logger: Logger
  private readonly queue: WriteQueue
  private readonly topics: Topics
  private readonly groupOffsets: GroupOffsets
  private readonly appender: Appender
  private readonly producers: Producers
  private readonly groups: GroupCoordinator
  private readonly cleaner: Cleaner
  private readonly readers = new Set<LogReader>()
  private cleaningTimer: Timer | undefined
  private closing: Promise<void> | undefined

  constructor(options: EmbeddedLogOptions) {
    const { store, clock } = options
    this.clock = clock
    this.logger = options.logger ?? silentLogger
    this.queue = new WriteQueue(store, clock, options.sync ?? true)
    this.topics = new Topics(store, new RowCache(options.cacheBytes ?? 32 * 1024 * 1024))
    this.groupOffsets = new GroupOffsets(store, this.topics)
    this.appender = new Appender(this.topics, clock, options.maxRecordBytes ?? 1024 * 1024 + 64 * 1024)
    const { appender, groupOffsets, queue } = this
    this.producers = new Producers({ appender, groupOffsets, queue, clock })
    this.groups = new GroupCoordinator(this.topics, clock)
    this.cleaner = new Cleaner({ topics: this.topics, queue, clock, options: options.cleaning ?? {} })
    this.cleanEvery(options.cleaningIntervalMs === undefined ? 5 * 60_000 : options.cleaningIntervalMs)
  }

  async createTopics(topics: readonly TopicSettings[]): Promise<TopicOutcome[]> {
    this.checkOpen()
    return this.topics.create(topics, this.queue)
  }

  async describeTopics(names?: readonly string[]): Promise<TopicSettings[]> {
    this.checkOpen()
    const topics = names === undefined ? this.topics.all() : names.map((name) => this.topics.get(name))
    return topics.map(({ settings }) => settings)
  }

  async offsetRanges(partitions: readonly TopicPartition[]): Promise<OffsetRangeOf[]> {
    this.checkOpen()
    return partitions.map(({ topic, partition }) => {
      const { start, end } = this.topics.partition({ topic, partition })
      return { topic, partition, start, end }
    })
  }

  async deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    this.checkOpen()
    await this.cleaner.deleteRecords(before)
  }

  openReader(options: ReaderOptions): LogReader {
    this.checkOpen()
    const reader: LogReader = new EmbeddedReader(this.topics, options, () => this.readers.delete(reader))
    this.readers.add(reader)
    return reader
  }

  async append(batches: readonly RecordBatch[]): Promise<number[]> {
    this.checkOpen()
    const ranges: OffsetRange[] = []
    const offsets = this.appender.reserve(batches, ranges)
    if (ranges.length === 0) return offsets
    try {
      await this.queue.enqueue(
        (batch) => {
          for (const range of ranges) range.partition.writeRows(range, batch)
        },
        () => {
          for (const range of ranges) range.partition.commit(range)
        },
      )
    } catch (error) {
      for (const range of ranges.reverse()) range.partition.release(range)
      throw error
    }
    return offsets
  }

  async openTransactionalProducer(options: {
    transactionalId: string
    timeoutMs: number
  }): Promise<TransactionalProducer> {
    this.checkOpen()
    return this.producers.open(options)
  }

  async describeGroup(groupId: string): Promise<GroupDescription> {
    this.checkOpen()
    return this.groups.describe(groupId)
  }

  async joinGroup(options: GroupOptions): Promise<GroupMember> {
    this.checkOpen()
    return this.groups.join(options)
  }

  async committedOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<(number | null)[]> {
    this.checkOpen()
    return partitions.map((partition) => this.groupOffsets.read(groupId, partition))
  }

  async commitOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    this.checkOpen()
    this.groupOffsets.check(offsets)
    await this.queue.enqueue(
      (batch) => this.groupOffsets.write(groupId, offsets, batch),
      () => {},
    )
  }

  /** Compacts and drops what is due, now. With `force` also where compaction would not pay yet. */
  async clean(options: { readonly force?: boolean } = {}): Promise<CleaningReport> {
    this.checkOpen()
    return this.cleaner.clean(options.force ?? false)
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  private async shutDown(): Promise<void> {
    this.cleaningTimer?.cancel()
    this.groups.close()
    for (const reader of [...this.readers]) await reader.close()
    await this.producers.close()
    await this.cleaner.close()
    await this.queue.drained()
  }

  private cleanEvery(intervalMs: number | null): void {
    if (intervalMs === null) return
    const clean = (): void => {
      this.cleaner
        .clean(false)
        .catch((error: unknown) => this.logger.error({ error }, 'old records could not be cleaned away'))
        .finally(() => {
          if (this.closing === undefined) this.cleanEvery(intervalMs)
        })
    }
    this.cleaningTimer = this.clock.setTimer(intervalMs, clean, { background: true })
  }

  private checkOpen(): void {
    if (this.closing !== undefined)
      throw new StreamsError('CLOSED', 'the log was used after it had been closed')
  }
}
