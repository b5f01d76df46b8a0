/**
 * Forgetting rows after a time: an index of rows by when they expire, beside the rows themselves.
 *
 * Invariants:
 * 1. Each row of a store with a time to live has exactly one index entry, under its timestamp's bucket. The entry is written and
 *    deleted in the batch that writes or deletes the row, so the index needs no changelog: restoring rows restores it.
 * 2. Buckets are a 64th of the time to live wide. A row is forgotten once its bucket has passed entirely; reads hide it
 *    from the very millisecond on.
 */
import type { Store, StoreBatch } from '../ports/store.ts'

const bucketsPerTtl = 64

export class ExpiryIndex {
  readonly ttlMs: number
  private readonly bucketMs: number
  private readonly prefix: Buffer
  /** No entry lies in a bucket before this one: spares walking over what was deleted. */
  private firstBucket = 0

  constructor(ttlMs: number, prefix: Buffer) {
    this.ttlMs = ttlMs
    this.bucketMs = Math.max(1, Math.floor(ttlMs / bucketsPerTtl))
    this.prefix = prefix
  }

  isExpired(timestampMs: number, streamTimeMs: number): boolean {
    return timestampMs + this.ttlMs <= streamTimeMs
  }

  /** Moves a row's entry to where its new timestamp belongs. NaN stands for "no row". */
  move(batch: StoreBatch, key: Uint8Array, fromTimestampMs: number, toTimestampMs: number): void {
    const from = this.bucketOf(fromTimestampMs)
    const to = this.bucketOf(toTimestampMs)
    if (from === to) return
    if (!Number.isNaN(from)) batch.delete(this.entryKey(from, key))
    if (Number.isNaN(to)) return
    batch.put(this.entryKey(to, key), empty)
    if (to < this.firstBucket) this.firstBucket = to
  }

  /** Index entries whose bucket has passed, oldest first. The caller deletes them with the commit. */
  passed(store: Store, streamTimeMs: number, limit: number): Buffer[] {
    const open = this.bucketOf(streamTimeMs - this.ttlMs)
    if (!(open > 0)) return []
    const range = { from: this.entryKey(this.firstBucket, empty), to: this.entryKey(open, empty), limit }
    const entries = [...store.range(range)].map(({ key }) => key)
    const last = entries.at(-1)
    this.firstBucket = entries.length < limit || last === undefined ? open : this.bucketIn(last)
    return entries
  }

  /** The encoded key of the row that an index entry is for. */
  rowKey(entry: Buffer): Buffer {
    return entry.subarray(this.prefix.length + 8)
  }

  private bucketIn(entry: Buffer): number {
    return entry.readDoubleBE(this.prefix.length)
  }

  private bucketOf(timestampMs: number): number {
    return Math.max(0, Math.floor(timestampMs / this.bucketMs))
  }

  private entryKey(bucket: number, key: Uint8Array): Buffer {
    const entry = Buffer.allocUnsafe(this.prefix.length + 8 + key.length)
    this.prefix.copy(entry)
    entry.writeDoubleBE(bucket, this.prefix.length)
    entry.set(key, this.prefix.length + 8)
    return entry
  }
}

const empty = Buffer.alloc(0)
