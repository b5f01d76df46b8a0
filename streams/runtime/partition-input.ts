/**
 * One input partition of a task: the records fetched, decoded a stretch at a time, and how far they were processed.
 *
 * Invariants:
 * 1. Slots [head, count) hold decoded records in offset order; a record that could not be decoded holds its place with
 *    the error instead, so that it becomes a dead letter in its turn.
 * 2. `nextOffset` is where processing continues: committing it commits exactly what was processed.
 * 3. A record below the position is never processed: the log may send a batch that begins earlier.
 * 4. In a repartition topic a watermark holds a slot, too, but is no record: it is taken before all records that wait.
 * 5. The copy of a record that is replayed for another sub-topology holds no slot: it is passed over as a gap in the offsets is.
 */
import type { LogReader, TopicPartition } from '../ports/log.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { SchemaNotLoaded } from '../serde/serde.ts'
import type { InputTime } from '../time/input-time.ts'
import { carriedIn, type UpstreamWatermark, watermarkIn } from '../time/watermark-record.ts'
import type { SourceProcessor } from '../topology/source.ts'
import { recipientOf } from './replay-headers.ts'

export interface PartitionInputParts {
  readonly partition: TopicPartition
  readonly processor: SourceProcessor
  readonly reader: LogReader
  readonly startOffset: number
  readonly time: InputTime
  /** Whether tasks of the topology write here, and their watermarks with it. */
  readonly isRepartition: boolean
  /** The sub-topology that reads here, as replayed records name whom they are for. */
  readonly recipient: string
  /** Records below were committed before, and are read anew for a sink that does not have them. */
  readonly repeatsTo?: number
}

export class PartitionInput {
  readonly partition: TopicPartition
  readonly processor: SourceProcessor
  readonly time: InputTime
  head = 0
  count = 0
  nextOffset: number
  readonly repeatsTo: number
  /** The schema that has to be fetched before decoding can go on. */
  missingSchema: number | undefined
  private readonly reader: LogReader
  private readonly isRepartition: boolean
  private readonly recipient: string
  private readonly batches: RecordBatch[] = []
  private readonly indexes: number[] = []
  private readonly failures = new Map<number, unknown>()
  private readonly watermarks = new Map<number, UpstreamWatermark>()
  private current: RecordBatch | null = null
  private currentIndex = 0

  constructor({
    partition,
    processor,
    reader,
    startOffset,
    time,
    isRepartition,
    recipient,
    repeatsTo = startOffset,
  }: PartitionInputParts) {
    this.partition = partition
    this.repeatsTo = repeatsTo
    this.processor = processor
    this.reader = reader
    this.nextOffset = startOffset
    this.time = time
    this.isRepartition = isRepartition
    this.recipient = recipient
    reader.follow(partition, startOffset)
  }

  get isEmpty(): boolean {
    return this.head === this.count
  }

  /** Whether the log surely has records that were not processed yet, or may have: nothing was fetched so far. */
  get mayHaveMore(): boolean {
    if (!this.isEmpty || this.current !== null) return true
    const end = this.reader.end(this.partition)
    return end === undefined || this.reader.position(this.partition) < end
  }

  get topic(): string {
    return this.partition.topic
  }

  get isRepeating(): boolean {
    return !this.hasReached(this.repeatsTo)
  }

  /** Whether nothing below an offset is left to process. */
  hasReached(offset: number): boolean {
    if (this.nextOffset >= offset) return true
    // There need not be records at all offsets.
    return !this.isEmpty && this.batchOf(this.head).offsets[this.indexOf(this.head)]! >= offset
  }

  /** How many of the decoded records lie below an offset; Infinity when all of them do. */
  recordsBefore(offset: number): number {
    let records = 0
    for (let slot = this.head; slot < this.count; slot++) {
      if (this.batchOf(slot).offsets[this.indexOf(slot)]! >= offset) return records
      if (this.watermarkAt(slot) === undefined) records++
    }
    return Number.POSITIVE_INFINITY
  }

  /** Records known to wait behind the position. */
  get lag(): number {
    const end = this.reader.end(this.partition)
    return end === undefined ? 0 : Math.max(0, end - this.nextOffset)
  }

  /** Of the partition as last heard of; undefined before the first fetch. */
  get end(): number | undefined {
    return this.reader.end(this.partition)
  }

  /** Decodes up to `limit` records into slots, once those before are processed. Answers whether there are any. */
  refill(limit: number): boolean {
    if (!this.isEmpty) return true
    this.head = 0
    this.count = 0
    this.failures.clear()
    this.watermarks.clear()
    while (this.count < limit && this.missingSchema === undefined) {
      if (this.current === null && !this.takeBatch()) break
      this.decodeCurrent(limit)
    }
    return !this.isEmpty
  }

  timestampOfHead(): number {
    if (this.watermarkAt(this.head) !== undefined) return Number.NEGATIVE_INFINITY
    return this.failures.has(this.head)
      ? this.batchOf(this.head).timestampsMs[this.indexOf(this.head)]!
      : this.processor.timestampOf(this.head)
  }

  batchOf(slot: number): RecordBatch {
    return this.batches[slot]!
  }

  indexOf(slot: number): number {
    return this.indexes[slot]!
  }

  failureOf(slot: number): unknown {
    return this.failures.size === 0 ? undefined : this.failures.get(slot)
  }

  /** The watermark in a slot; undefined for a record. */
  watermarkAt(slot: number): UpstreamWatermark | undefined {
    return this.watermarks.size === 0 ? undefined : this.watermarks.get(slot)
  }

  /** The watermark that a record brought along; a replayed record comes as late as it comes. */
  carriedBy(slot: number): number | undefined {
    if (!this.isRepartition) return undefined
    const batch = this.batches[slot]!
    const index = this.indexes[slot]!
    const carriedMs = carriedIn(batch, index)
    if (recipientOf(batch.headers?.[index]) === undefined) return carriedMs
    return Math.max(carriedMs ?? this.time.watermarkMs, this.time.watermarkMs)
  }

  /** Marks the record at the head as processed. */
  advance(): void {
    this.nextOffset = this.batches[this.head]!.offsets[this.indexes[this.head]!]! + 1
    this.head++
    if (this.isEmpty && this.current === null)
      this.nextOffset = Math.max(this.nextOffset, this.reader.position(this.partition))
  }

  /** The fetch of the missing schema failed for good: the record that needs it cannot be decoded. */
  failMissingSchema(error: unknown): void {
    this.missingSchema = undefined
    if (this.current === null) return
    this.hold(this.current, this.currentIndex)
    this.failures.set(this.count, error)
    this.count++
    this.nextRecord(this.current)
  }

  private takeBatch(): boolean {
    const batch = this.reader.take(this.partition)
    if (batch === null) return false
    let first = 0
    while (first < batch.length && batch.offsets[first]! < this.nextOffset) first++
    if (first === batch.length) {
      if (this.isEmpty) this.nextOffset = Math.max(this.nextOffset, batch.nextOffset)
      return true
    }
    this.current = batch
    this.currentIndex = first
    return true
  }

  private decodeCurrent(limit: number): void {
    const batch = this.current
    if (batch === null) return
    const mayHoldReplays = batch.headers !== undefined
    while (this.count < limit && this.currentIndex < batch.length) {
      if (mayHoldReplays && this.isForOthers(batch)) {
        this.currentIndex++
        continue
      }
      this.hold(batch, this.currentIndex)
      const watermark = this.isRepartition ? watermarkIn(batch, this.currentIndex) : undefined
      if (watermark !== undefined) this.watermarks.set(this.count, watermark)
      else if (!this.decode(batch)) return
      this.count++
      this.currentIndex++
    }
    if (this.currentIndex < batch.length) return
    this.current = null
    if (this.isEmpty) this.nextOffset = Math.max(this.nextOffset, batch.nextOffset)
  }

  private isForOthers(batch: RecordBatch): boolean {
    const recipient = recipientOf(batch.headers?.[this.currentIndex])
    return recipient !== undefined && recipient !== this.recipient
  }

  /** Answers false when a schema has to be fetched first. */
  private decode(batch: RecordBatch): boolean {
    try {
      this.processor.decode(batch, this.currentIndex, this.count)
    } catch (error) {
      if (error instanceof SchemaNotLoaded) {
        this.missingSchema = error.schemaId
        return false
      }
      this.failures.set(this.count, error)
    }
    return true
  }

  private hold(batch: RecordBatch, index: number): void {
    this.batches[this.count] = batch
    this.indexes[this.count] = index
  }

  private nextRecord(batch: RecordBatch): void {
    this.currentIndex++
    if (this.currentIndex === batch.length) this.current = null
  }
}
