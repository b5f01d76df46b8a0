/**
 * One partition: which offsets are taken, which of them readers may see, and where the records begin.
 *
 *     start ≤ … committed records … ≤ end ≤ … open and committed ranges … ≤ next
 *
 * Invariants:
 * 1. A range of offsets is reserved when its records are sent and is settled once: committed or released.
 * 2. `end` is the last stable offset: no open range lies below it. It never goes back, and it only ever moves to the
 *    end of committed records, so an offset that a reader has seen is still there after a crash.
 * 3. Ranges released at the tail give their offsets back; elsewhere they leave a gap.
 * 4. The row of a partition in the store, where there is one, keeps `next` from going back when records were deleted.
 */
import type { TopicSettings } from '../../ports/log.ts'
import type { Store, StoreBatch } from '../../ports/store.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { offsetOfRecordsKey, partitionKey, readOffset, recordsKey, writeOffset } from './log-keys.ts'
import { summarizeRow } from './record-rows.ts'
import { type PartitionRows, type RowCache, StoredRow } from './row-cache.ts'

/** The topic that a partition is of. */
export interface TopicIdentity {
  /** Stands for the name in store keys. */
  readonly id: number
  readonly name: string
  readonly settings: TopicSettings
}

/** Offsets of one sent batch, with its rows until they are stored. */
export interface OffsetRange {
  readonly partition: Partition
  readonly offset: number
  readonly nextOffset: number
  rows: readonly StoredRow[]
  committed: boolean
}

export interface PartitionListener {
  /** The partition's start or end has moved. */
  changed(): void
}

/** How far compaction has come. */
export interface CleaningProgress {
  /** Below this offset every key is there at most once. */
  readonly cleanedTo: number
  /** Records below `cleanedTo`. */
  readonly records: number
}

export class Partition {
  readonly topic: TopicIdentity
  readonly number: number
  private readonly store: Store
  private readonly cached: PartitionRows
  private readonly listeners = new Set<PartitionListener>()
  private readonly ranges: OffsetRange[] = []
  private startOffset = 0
  private endOffset = 0
  private nextOffset = 0
  /** No row begins before it: spares walking over what was deleted. */
  private firstRowOffset = 0
  private cleaning: CleaningProgress = { cleanedTo: 0, records: 0 }

  constructor(topic: TopicIdentity, number: number, store: Store, cache: RowCache) {
    this.topic = topic
    this.number = number
    this.store = store
    this.cached = cache.partition()
    this.load()
  }

  get start(): number {
    return this.startOffset
  }

  get end(): number {
    return this.endOffset
  }

  /** Where the next record that is sent will be. */
  get next(): number {
    return this.nextOffset
  }

  get progress(): CleaningProgress {
    return this.cleaning
  }

  listen(listener: PartitionListener): void {
    this.listeners.add(listener)
  }

  unlisten(listener: PartitionListener): void {
    this.listeners.delete(listener)
  }

  /** Takes offsets for rows that are encoded already. */
  reserve(encoded: readonly Buffer[]): OffsetRange {
    const offset = this.nextOffset
    const rows = encoded.map((bytes) => {
      const row = new StoredRow(this.nextOffset, bytes)
      this.nextOffset = row.nextOffset
      return row
    })
    const range = { partition: this, offset, nextOffset: this.nextOffset, rows, committed: false }
    this.ranges.push(range)
    return range
  }

  /** Puts the rows of a range into a batch for the store. */
  writeRows(range: OffsetRange, batch: StoreBatch): void {
    for (const row of range.rows) batch.put(this.rowKey(row.offset), row.bytes)
  }

  /** The range's rows are in the store. */
  commit(range: OffsetRange): void {
    range.committed = true
    this.advance()
    // What waits behind an open transaction is read from the store later, so that it takes no memory meanwhile.
    if (range.nextOffset > this.endOffset) range.rows = []
  }

  /** The range's records will never be. */
  release(range: OffsetRange): void {
    this.ranges.splice(this.ranges.indexOf(range), 1)
    this.nextOffset = Math.max(this.endOffset, this.ranges.at(-1)?.nextOffset ?? 0)
    this.advance()
  }

  /** Rows from the first that reaches beyond the offset on, below the end, of about so many bytes, at least one. */
  read(offset: number, maxBytes: number): StoredRow[] {
    const cached = this.cached.from(offset)
    if (cached === undefined) return this.readStored(offset, maxBytes)
    let to = cached.index
    for (let bytes = 0; to < cached.rows.length && bytes < maxBytes; to++)
      bytes += cached.rows[to]!.memoryBytes
    return cached.rows.slice(cached.index, to)
  }

  /** The same, from the store. */
  readStored(offset: number, maxBytes: number): StoredRow[] {
    const below = { from: this.rowKey(0), to: this.rowKey(offset + 1), reverse: true, limit: 1 }
    const found: StoredRow[] = []
    for (const { key, value } of this.store.range(below)) {
      const row = new StoredRow(offsetOfRecordsKey(key), value)
      if (row.nextOffset > offset) found.push(row)
    }
    let bytes = found[0]?.memoryBytes ?? 0
    if (bytes >= maxBytes) return found
    for (const { key, value } of this.store.range({ from: below.to, to: this.rowKey(this.endOffset) })) {
      const row = new StoredRow(offsetOfRecordsKey(key), value)
      found.push(row)
      bytes += row.memoryBytes
      if (bytes >= maxBytes) break
    }
    return found
  }

  /** Rows that lie below the start as a whole, oldest first. */
  rowsBelowStart(maxBytes: number): StoredRow[] {
    const found: StoredRow[] = []
    let bytes = 0
    const range = { from: this.rowKey(this.firstRowOffset), to: this.rowKey(this.startOffset) }
    for (const { key, value } of this.store.range(range)) {
      const row = new StoredRow(offsetOfRecordsKey(key), value)
      if (row.nextOffset > this.startOffset || bytes >= maxBytes) break
      found.push(row)
      bytes += row.bytes.length
    }
    return found
  }

  /** Rows before the offset are no longer in the store. */
  forgetRowsBefore(offset: number): void {
    this.firstRowOffset = offset
  }

  batchOf(row: StoredRow): RecordBatch {
    return row.batch(this.topic.name, this.number)
  }

  rowKey(offset: number): Buffer {
    return recordsKey(this.topic.id, this.number, offset)
  }

  /** Puts the partition's own row, as `changeState` will make it, into a batch for the store. */
  writeState(batch: StoreBatch, change: { start?: number; cleaning?: CleaningProgress }): void {
    const { cleanedTo, records } = change.cleaning ?? this.cleaning
    const state = Buffer.allocUnsafe(32)
    writeOffset(state, change.start ?? this.startOffset, 0)
    writeOffset(state, this.endOffset, 8)
    writeOffset(state, cleanedTo, 16)
    writeOffset(state, records, 24)
    batch.put(partitionKey(this.topic.id, this.number), state)
  }

  changeState(change: { start?: number; cleaning?: CleaningProgress }): void {
    this.startOffset = change.start ?? this.startOffset
    this.cleaning = change.cleaning ?? this.cleaning
    if (change.start !== undefined) this.notify()
  }

  /** Rows in the store are no longer those that were cached. */
  forgetCached(): void {
    this.cached.clear()
  }

  private load(): void {
    const state = this.store.get(partitionKey(this.topic.id, this.number))
    if (state !== undefined) {
      this.startOffset = readOffset(state, 0)
      this.endOffset = readOffset(state, 8)
      this.cleaning = { cleanedTo: readOffset(state, 16), records: readOffset(state, 24) }
    }
    const all = { from: this.rowKey(0), to: this.rowKey(Number.MAX_SAFE_INTEGER) }
    for (const { key, value } of this.store.range({ ...all, reverse: true, limit: 1 })) {
      this.endOffset = Math.max(this.endOffset, offsetOfRecordsKey(key) + summarizeRow(value).span)
    }
    this.nextOffset = this.endOffset
  }

  private advance(): void {
    const before = this.endOffset
    for (let first = this.ranges[0]; first?.committed === true; first = this.ranges[0]) {
      this.ranges.shift()
      this.endOffset = first.nextOffset
      if (first.rows.length === 0) this.cached.clear()
      for (const row of first.rows) this.cached.add(row)
    }
    if (this.endOffset !== before) this.notify()
  }

  private notify(): void {
    for (const listener of this.listeners) listener.changed()
  }
}
