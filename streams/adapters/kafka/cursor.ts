/**
 * Where a reader stands in one partition, and what was fetched ahead.
 *
 * Invariants:
 * 1. `position` moves by `take` alone; `fetchOffset` is where the next fetch continues and is never behind it.
 * 2. What a fetch brings is dropped when the cursor was closed meanwhile: a partition that is followed again has a new one.
 * 3. A cursor that failed fetches no more and hands out nothing.
 */
import { StreamsError } from '../../errors.ts'
import type { TopicPartition } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { FetchedRecords } from './codec/fetched-records.ts'
import type { FetchedPartition } from './protocol/record-calls.ts'

export interface CursorEvents {
  /** There may be something to take. */
  ready(): void
  /** There is room to fetch more. */
  drained(): void
  failed(error: StreamsError): void
}

export class Cursor implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly maxBufferedBytes: number
  position: number
  fetchOffset: number
  /** The last stable offset as of the newest fetch. */
  end: number | undefined
  isOpen = true
  /** Whether it is in a request, or pauses after one that failed. */
  isAskedFor = false
  /** Whether the newest fetch brought no bytes: the next one will probably wait. */
  hadNothing = false
  /** Since when the topic is not known, in epoch milliseconds. */
  unknownSinceMs: number | undefined
  /** Since when it has been asked for without a good answer, in epoch milliseconds. */
  unansweredSinceMs: number | undefined
  /** Fetches in a row that brought damaged bytes. */
  damagedCount = 0
  /** How long to pause before the next try; grows with each that fails. */
  pauseMs = 0
  private readonly events: CursorEvents
  private readonly buffered: FetchedRecords[] = []
  private bufferedBytes = 0

  constructor(partition: TopicPartition, offset: number, maxBufferedBytes: number, events: CursorEvents) {
    this.topic = partition.topic
    this.partition = partition.partition
    this.position = offset
    this.fetchOffset = offset
    this.maxBufferedBytes = maxBufferedBytes
    this.events = events
  }

  get wantsMore(): boolean {
    return this.isOpen && !this.isAskedFor && this.bufferedBytes < this.maxBufferedBytes
  }

  /** Takes in what a fetch brought. @throws LOG_UNREADABLE */
  receive(bytes: Buffer, fetched: FetchedPartition): void {
    if (!this.isOpen) return
    const { start, end, aborted, lastStableOffset } = fetched
    const before = this.end
    this.end = lastStableOffset
    if (end > start) {
      const records = new FetchedRecords({
        topic: this.topic,
        partition: this.partition,
        bytes,
        start,
        end,
        aborted,
      })
      this.fetchOffset = Math.max(this.fetchOffset, records.endOffset ?? 0)
      this.buffered.push(records)
      this.bufferedBytes += records.byteLength
    }
    if (end > start || before !== lastStableOffset) this.events.ready()
  }

  take(): RecordBatch | null {
    if (!this.isOpen) return null
    for (let records = this.buffered[0]; records !== undefined; records = this.buffered[0]) {
      const run = this.nextOf(records)
      if (run !== null) return run
      if (!this.isOpen) return null
      this.buffered.shift()
      this.bufferedBytes -= records.byteLength
      this.events.drained()
    }
    return null
  }

  /** It reads no further. */
  fail(error: StreamsError): void {
    if (!this.isOpen) return
    this.close()
    this.events.failed(error)
  }

  close(): void {
    this.isOpen = false
    this.buffered.length = 0
    this.bufferedBytes = 0
  }

  private nextOf(records: FetchedRecords): RecordBatch | null {
    try {
      const run = records.next(this.position)
      if (run !== null) this.position = run.nextOffset
      return run
    } catch (error) {
      if (!(error instanceof StreamsError)) throw error
      this.fail(error)
      return null
    }
  }
}
