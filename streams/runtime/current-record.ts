/** The record that a task is at, for operators, outputs and dead letters alike. */
import { type Headers, headersAt, noHeaders, type RecordBatch } from '../records/record-batch.ts'
import { withoutTime } from '../time/watermark-record.ts'
import type { RecordContext } from '../topology/task-context.ts'

export class CurrentRecord implements RecordContext {
  timestampMs = 0
  streamTimeMs: number
  /** The headers of what is passed on, where they are not the record's own: those of its trace. */
  forwarded: Headers | undefined
  /** The same between records. */
  forwardedBetween: Headers | undefined
  private batch: RecordBatch | undefined
  private index = 0

  constructor(streamTimeMs: number) {
    this.streamTimeMs = streamTimeMs
  }

  moveTo(batch: RecordBatch, index: number, timestampMs: number): void {
    this.batch = batch
    this.index = index
    this.timestampMs = timestampMs
    if (timestampMs > this.streamTimeMs) this.streamTimeMs = timestampMs
  }

  /** Between records, when what was held back is passed on at commit. */
  clear(): void {
    this.batch = undefined
    this.forwarded = this.forwardedBetween
    this.timestampMs = this.streamTimeMs
  }

  get topic(): string {
    return this.batch?.topic ?? ''
  }

  get partition(): number {
    return this.batch?.partition ?? -1
  }

  get offset(): number {
    return this.batch?.offsets[this.index] ?? -1
  }

  get headers(): Headers {
    return this.batch === undefined ? noHeaders : withoutTime(headersAt(this.batch, this.index))
  }

  /** Where the record lies, to come back to it later; undefined between records. */
  get place(): { readonly batch: RecordBatch; readonly index: number } | undefined {
    return this.batch === undefined ? undefined : { batch: this.batch, index: this.index }
  }
}
