/**
 * Records held in a store by key and time: to be met by others, and to be handed over when their time has come.
 *
 * Invariants:
 * 1. Rows are lists of the records of a key in a bucket of time, in a store of windows: what nobody can meet any more is forgotten
 *    with its bucket.
 * 2. Each record that waits is handed over once for ever, by time, those of equal time and key in the order in which they came. Its
 *    row says that it was, and the store's cursor of buckets that all were; both are committed with what came of it.
 * 3. Nothing but the times and keys of one bucket is kept in memory beside the store's cache.
 */

import type { Serde } from '../serde/serde.ts'
import {
  firstFrom,
  type HeldRecord,
  type HeldRecords,
  heldRecordsSerde,
  insertByTime,
  keysOrFront,
} from '../state/held-records.ts'
import { windowedSerde } from '../state/windowed-serde.ts'
import type { LiveEntry, StoreSpec, Windowed, WindowTable } from '../topology/store-spec.ts'
import { internal } from '../topology/store-view.ts'
import type { TaskContext } from '../topology/task-context.ts'

export interface BufferOptions<K, V> {
  readonly store: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly bucketMs: number
  /** How long after its time, by the watermark, a record may be met. */
  readonly keptMs: number
  /** Whether records wait here to be handed over: none is forgotten before. */
  readonly waits: boolean
}

export type BufferSpec<K, V> = StoreSpec<Windowed<K | null>, HeldRecords<NonNullable<V>>> & {
  readonly bucketMs: number
}

export function recordBuffer<K, V>(options: BufferOptions<K, V>): BufferSpec<K, V> {
  const { store, key, value, bucketMs, keptMs, waits } = options
  return {
    name: store,
    key: windowedSerde(keysOrFront(key), bucketMs),
    value: heldRecordsSerde(value),
    windows: { sizeMs: bucketMs, retentionMs: keptMs, closes: waits },
    ...internal(key, value),
    bucketMs,
  }
}

/** Takes a record whose time has come. */
export type HandOver<K, V> = (key: K, record: HeldRecord<V>) => void

/** Where the records of one bucket that wait are found. */
interface Waiting<K> {
  readonly key: K
  readonly timestampMs: number
}

type Row<K, V> = LiveEntry<Windowed<K | null>, HeldRecords<V>>

export class RecordBuffer<K, V> {
  private readonly table: WindowTable<K | null, HeldRecords<V>>
  private readonly bucketMs: number
  /** Whether a record is to be met after it was handed over. */
  private readonly keepsHandedOver: boolean
  /** Of the bucket that is due, in the order of time, from `next` on. */
  private waiting: Waiting<K>[] = []
  private next = 0
  /** Where that bucket begins; NaN when there is none. */
  private dueBucketMs = Number.NaN
  /** While that bucket is being looked through: the key that was seen last. */
  private seenKey: K | null = null
  private isLoading = false

  constructor(task: TaskContext, spec: BufferSpec<K, V>, keepsHandedOver: boolean) {
    // Null keys are only bounds of ranges, and values are never null.
    this.table = task.windowStore(spec) as WindowTable<K | null, HeldRecords<V>>
    this.bucketMs = spec.bucketMs
    this.keepsHandedOver = keepsHandedOver
  }

  /** Whether everything of that time was handed over for good. */
  isClosed(timestampMs: number): boolean {
    return this.bucketOf(timestampMs) < this.table.closedBeforeMs
  }

  /** Everything of before this time was handed over for good. */
  get closedBeforeMs(): number {
    return this.table.closedBeforeMs
  }

  add(key: K, record: HeldRecord<V>): void {
    const startMs = this.bucketOf(record.timestampMs)
    const row = this.table.window(key, startMs)
    const records = row.value ?? []
    insertByTime(records, record)
    this.table.update(row, records, records.at(-1)!.timestampMs)
    if (!record.waits) return
    // One that comes for a time before the bucket that is due is due before it.
    if (startMs < this.dueBucketMs) this.begin(Number.NaN)
    else if (startMs === this.dueBucketMs) {
      this.waiting.splice(0, this.next)
      this.next = 0
      insertByTime(this.waiting, { key, timestampMs: record.timestampMs })
    }
  }

  /**
   * The records of a key between two times, both inclusive, in order. One that `visit` answers true for was changed: it does
   * not wait any more.
   */
  meet(key: K, fromMs: number, toMs: number, visit: (record: HeldRecord<V>) => boolean): void {
    for (let startMs = this.bucketOf(fromMs); startMs <= toMs; startMs += this.bucketMs) {
      const row = this.table.peek(key, startMs)
      if (row === undefined || row.value === null) continue
      const records = row.value
      for (let index = firstFrom(records, fromMs); index < records.length; index++) {
        const record = records[index]!
        if (record.timestampMs > toMs) break
        if (visit(record)) {
          record.waits = false
          this.table.update(row, records, row.timestampMs)
        }
      }
    }
  }

  /** The time of the earliest record that may wait, or less; Infinity when there is none. */
  firstWaitingMs(): number {
    return this.table.firstUnclosedMs()
  }

  /**
   * Hands over what waits and is older than a time, up to about so many records. Answers the time of the earliest that may still
   * wait, or less; -Infinity when there is more to hand over.
   */
  release(beforeMs: number, maxRecords: number, handOver: HandOver<K, V>): number {
    let left = maxRecords
    while (left > 0) {
      if (Number.isNaN(this.dueBucketMs)) {
        const firstMs = this.table.firstUnclosedMs()
        if (firstMs >= beforeMs) return firstMs
        this.begin(firstMs)
      }
      if (this.isLoading && !this.load(left)) return Number.NEGATIVE_INFINITY
      for (; this.next < this.waiting.length && left > 0; this.next++) {
        const first = this.waiting[this.next]!
        if (first.timestampMs >= beforeMs) return first.timestampMs
        left -= this.releaseAt(first, handOver)
      }
      if (this.next < this.waiting.length) break
      const endMs = this.dueBucketMs + this.bucketMs
      if (endMs > beforeMs) return endMs
      this.table.closeBefore(endMs)
      this.begin(Number.NaN)
      left--
    }
    return Number.NEGATIVE_INFINITY
  }

  /** Turns to a bucket; NaN stands for none. */
  private begin(startMs: number): void {
    this.dueBucketMs = startMs
    this.waiting = []
    this.next = 0
    this.seenKey = null
    this.isLoading = !Number.isNaN(startMs)
  }

  /** Looks for what waits in the bucket that is due. Answers whether it was looked through. */
  private load(maxRows: number): boolean {
    const [startMs, endMs] = [this.dueBucketMs, this.dueBucketMs + this.bucketMs]
    const from = { key: this.seenKey, startMs, endMs }
    let rows = 0
    for (const [{ key }, records] of this.table.range(from, { key: null, startMs: endMs, endMs })) {
      // The one that was seen last comes again: what waits twice in this list is found once.
      for (const { timestampMs, waits } of records)
        if (waits) this.waiting.push({ key: key as K, timestampMs })
      this.seenKey = key
      if (++rows > maxRows) return false
    }
    this.waiting.sort((a, b) => a.timestampMs - b.timestampMs)
    this.isLoading = false
    return true
  }

  private releaseAt({ key, timestampMs }: Waiting<K>, handOver: HandOver<K, V>): number {
    const row = this.table.window(key, this.dueBucketMs)
    const due: HeldRecord<V>[] = []
    for (const record of row.value ?? []) {
      if (record.timestampMs === timestampMs && record.waits) due.push(record)
    }
    if (due.length === 0 || row.value === null) return 1
    for (const record of due) record.waits = false
    const kept = this.keepsHandedOver ? row.value : row.value.filter((record) => !due.includes(record))
    this.table.update(row, kept.length === 0 ? null : kept, row.timestampMs)
    for (const record of due) this.handOver(row, record, handOver)
    return due.length
  }

  private handOver(row: Row<K, V>, record: HeldRecord<V>, handOver: HandOver<K, V>): void {
    try {
      // Rows have keys: null is only a bound.
      handOver(row.key.key as K, record)
    } catch (error) {
      this.table.reject(row.key, error)
    }
  }

  private bucketOf(timestampMs: number): number {
    return Math.max(0, Math.floor(timestampMs / this.bucketMs) * this.bucketMs)
  }
}
