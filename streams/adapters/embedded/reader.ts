/**
 * Follows partitions for one reader.
 *
 * Invariants:
 * 1. `take` reads the store only when nothing is buffered, and then about `readAheadBytes`, never more than the reader's
 *    bound but for a single larger row.
 * 2. A partition that failed stays silent until it is followed anew.
 */
import { StreamsError } from '../../errors.ts'
import type { LogReader, ReaderOptions, TopicPartition } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { ReaderCursors } from '../reader-cursors.ts'
import { emptyBatch, joinBatches, sliceFrom } from './batch-slices.ts'
import type { Partition, PartitionListener } from './partition.ts'
import type { StoredRow } from './row-cache.ts'
import type { Topics } from './topics.ts'

const readAheadBytes = 512 * 1024
const defaultMaxBufferedBytes = 4 * 1024 * 1024
const joinedRecords = 500

export class EmbeddedReader implements LogReader {
  readonly isSilent = false
  private readonly topics: Topics
  private readonly cursors: ReaderCursors<Cursor>
  private readonly onClosed: () => void
  private readonly maxReadBytes: number

  constructor(topics: Topics, options: ReaderOptions, onClosed: () => void) {
    this.topics = topics
    this.cursors = new ReaderCursors(options)
    this.onClosed = onClosed
    this.maxReadBytes = Math.min(readAheadBytes, options.maxBufferedBytes ?? defaultMaxBufferedBytes)
  }

  follow(partition: TopicPartition, offset: number): void {
    this.cursors.checkOpen()
    this.unfollow(partition)
    const found = this.find(partition)
    if (found instanceof StreamsError) {
      this.cursors.report(partition, found, undefined)
      return
    }
    const cursor: Cursor = new Cursor(found, offset, this.maxReadBytes, {
      ready: () => this.cursors.wake(),
      failed: (error) => this.cursors.report(partition, error, cursor),
    })
    this.cursors.set(partition, cursor)
    cursor.changed()
  }

  unfollow(partition: TopicPartition): void {
    this.cursors.remove(partition)?.close()
  }

  take(partition: TopicPartition): RecordBatch | null {
    return this.cursors.get(partition)?.take() ?? null
  }

  position(partition: TopicPartition): number {
    return this.cursors.expect(partition).position
  }

  end(partition: TopicPartition): number | undefined {
    return this.cursors.get(partition)?.partition.end
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors.close()) cursor.close()
    this.onClosed()
  }

  private find(partition: TopicPartition): Partition | StreamsError {
    try {
      return this.topics.partition(partition)
    } catch (error) {
      if (error instanceof StreamsError) return error
      throw error
    }
  }
}

/** Where a reader stands in one partition, and what it has read ahead. */
class Cursor implements PartitionListener {
  readonly partition: Partition
  position: number
  private readonly maxReadBytes: number
  private readonly events: { ready(): void; failed(error: StreamsError): void }
  private buffered: StoredRow[] = []
  private taken = 0
  private failed = false

  constructor(
    partition: Partition,
    offset: number,
    maxReadBytes: number,
    events: { ready(): void; failed(error: StreamsError): void },
  ) {
    this.partition = partition
    this.position = offset
    this.maxReadBytes = maxReadBytes
    this.events = events
    partition.listen(this)
  }

  changed(): void {
    if (this.checkRange() && this.position < this.partition.end) this.events.ready()
  }

  take(): RecordBatch | null {
    const { partition } = this
    if (!this.checkRange() || this.position >= partition.end) return null
    if (this.taken >= this.buffered.length) {
      this.forgetBuffered()
      this.buffered = partition.read(this.position, this.maxReadBytes)
    }
    const first = this.buffered[this.taken++]
    if (first === undefined) {
      this.position = partition.end
      return emptyBatch(partition.topic.name, partition.number, partition.end)
    }
    const batch = joinBatches([
      sliceFrom(partition.batchOf(first), this.position),
      ...this.smallRowsAfter(first),
    ])
    this.position = batch.nextOffset
    if (this.taken === this.buffered.length) this.forgetBuffered()
    return batch
  }

  close(): void {
    this.partition.unlisten(this)
    this.forgetBuffered()
    this.failed = true
  }

  /** What was appended in small pieces is handed out in larger ones: the reader's work goes by batches. */
  private smallRowsAfter(first: StoredRow): RecordBatch[] {
    const batches: RecordBatch[] = []
    let records = first.count
    for (let row = this.buffered[this.taken]; row !== undefined; row = this.buffered[++this.taken]) {
      records += row.count
      if (records > joinedRecords) break
      batches.push(this.partition.batchOf(row))
    }
    return batches
  }

  private forgetBuffered(): void {
    this.buffered = []
    this.taken = 0
  }

  private checkRange(): boolean {
    if (this.failed) return false
    const { start, next, topic, number } = this.partition
    if (this.position >= start && this.position <= next) return true
    this.failed = true
    this.forgetBuffered()
    this.events.failed(
      new StreamsError(
        'OFFSET_OUT_OF_RANGE',
        `offset ${this.position} of ${topic.name}-${number} is not in the log, which holds ${start} to ${next}: ` +
          (this.position < start
            ? 'the records were deleted before they were read'
            : 'the log was replaced or cut'),
        { details: { topic: topic.name, partition: number, offset: this.position, start, end: next } },
      ),
    )
    return false
  }
}
