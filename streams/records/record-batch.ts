/**
 * Records in columns: one run of records of one partition, in offset order, as they lie in one buffer.
 *
 * Invariants:
 * 1. Record i's key is `bytes[keyStarts[i] .. keyEnds[i])`; a start of -1 means null. Values likewise.
 * 2. `offsets` ascend and may have gaps: compaction, aborted transactions and control records leave them.
 * 3. Only the first `length` entries of the columns count; they may be longer.
 * 4. A batch is never changed after it was handed over.
 *
 * No object is made per record, neither on the way in nor out, so that the task loop has none to collect.
 */
import { ByteWriter } from './byte-writer.ts'

export interface Header {
  readonly key: string
  readonly value: Uint8Array | null
}

export type Headers = readonly Header[]

export const noHeaders: Headers = []

export interface RecordBatch {
  readonly topic: string
  readonly partition: number
  readonly length: number
  readonly bytes: Buffer
  readonly offsets: Float64Array
  /** Epoch milliseconds: event time, or append time where the topic says so. */
  readonly timestampsMs: Float64Array
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  /** Undefined when no record of the batch has headers; else one entry a record, undefined for none. */
  readonly headers: ReadonlyArray<Headers | undefined> | undefined
  /** The offset to read from next: past the last record and past whatever follows it that is not a record. */
  readonly nextOffset: number
}

export function keyAt(batch: RecordBatch, index: number): Buffer | null {
  const start = batch.keyStarts[index]!
  return start < 0 ? null : batch.bytes.subarray(start, batch.keyEnds[index]!)
}

export function valueAt(batch: RecordBatch, index: number): Buffer | null {
  const start = batch.valueStarts[index]!
  return start < 0 ? null : batch.bytes.subarray(start, batch.valueEnds[index]!)
}

export function headersAt(batch: RecordBatch, index: number): Headers {
  return batch.headers?.[index] ?? noHeaders
}

/** Collects records for one partition. Codecs may write keys and values straight into `writer`, then call `add`. */
export class RecordBatchBuilder {
  readonly topic: string
  readonly partition: number
  readonly writer: ByteWriter
  length = 0
  private timestampsMs: Float64Array
  private keyStarts: Int32Array
  private keyEnds: Int32Array
  private valueStarts: Int32Array
  private valueEnds: Int32Array
  private headers: (Headers | undefined)[] | undefined

  /** Room that is not enough grows; what is expected beforehand saves the copies. */
  constructor(topic: string, partition: number, initialBytes = 1024, initialRecords = 16) {
    this.topic = topic
    this.partition = partition
    this.writer = new ByteWriter(initialBytes)
    this.timestampsMs = new Float64Array(initialRecords)
    this.keyStarts = new Int32Array(initialRecords)
    this.keyEnds = new Int32Array(initialRecords)
    this.valueStarts = new Int32Array(initialRecords)
    this.valueEnds = new Int32Array(initialRecords)
  }

  get byteLength(): number {
    return this.writer.position
  }

  /** Adds a record whose key and value already lie in `writer`; a start of -1 means null. */
  add(
    timestampMs: number,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    headers: Headers = noHeaders,
  ): void {
    const index = this.length
    if (index === this.keyStarts.length) this.grow()
    this.timestampsMs[index] = timestampMs
    this.keyStarts[index] = keyStart
    this.keyEnds[index] = keyEnd
    this.valueStarts[index] = valueStart
    this.valueEnds[index] = valueEnd
    if (headers.length > 0) {
      this.headers ??= []
      this.headers[index] = headers
    }
    this.length = index + 1
  }

  /** Adds a record from bytes, which are copied. */
  append(
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestampMs: number,
    headers: Headers = noHeaders,
  ): void {
    const keyStart = key === null ? -1 : this.writer.position
    if (key !== null) this.writer.bytes(key)
    const keyEnd = this.writer.position
    const valueStart = value === null ? -1 : keyEnd
    if (value !== null) this.writer.bytes(value)
    this.add(timestampMs, keyStart, keyEnd, valueStart, this.writer.position, headers)
  }

  /**
   * The records so far as a batch with offsets from `baseOffset`. The batch shares the builder's memory: go on with
   * a new builder.
   */
  build(baseOffset = 0): RecordBatch {
    const offsets = new Float64Array(this.length)
    for (let i = 0; i < this.length; i++) offsets[i] = baseOffset + i
    return {
      topic: this.topic,
      partition: this.partition,
      length: this.length,
      bytes: this.writer.buffer.subarray(0, this.writer.position),
      offsets,
      timestampsMs: this.timestampsMs,
      keyStarts: this.keyStarts,
      keyEnds: this.keyEnds,
      valueStarts: this.valueStarts,
      valueEnds: this.valueEnds,
      headers: this.headers,
      nextOffset: baseOffset + this.length,
    }
  }

  private grow(): void {
    const capacity = this.keyStarts.length * 2
    this.timestampsMs = grown(this.timestampsMs, new Float64Array(capacity))
    this.keyStarts = grown(this.keyStarts, new Int32Array(capacity))
    this.keyEnds = grown(this.keyEnds, new Int32Array(capacity))
    this.valueStarts = grown(this.valueStarts, new Int32Array(capacity))
    this.valueEnds = grown(this.valueEnds, new Int32Array(capacity))
  }
}

function grown<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from)
  return to
}
