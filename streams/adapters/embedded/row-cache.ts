/**
 * The newest rows of all partitions in memory, up to a number of bytes, so that a reader that keeps up reads no store.
 *
 * Invariants:
 * 1. What is cached of a partition is one run without holes that ends at the partition's end.
 * 2. Rows leave in the order in which they came, whichever partition they are of.
 */
import type { RecordBatch } from '../../records/record-batch.ts'
import { decodeRow, summarizeRow } from './record-rows.ts'

/** A row as readers see it; decoded once, for whoever reads it first. */
export class StoredRow {
  readonly offset: number
  readonly nextOffset: number
  readonly bytes: Buffer
  readonly count: number
  private decoded: RecordBatch | undefined

  constructor(offset: number, bytes: Buffer) {
    const { count, span } = summarizeRow(bytes)
    this.offset = offset
    this.nextOffset = offset + span
    this.bytes = bytes
    this.count = count
  }

  /** In memory, with its decoded columns. */
  get memoryBytes(): number {
    return this.bytes.length + this.count * 32
  }

  batch(topic: string, partition: number): RecordBatch {
    this.decoded ??= decodeRow(topic, partition, this.offset, this.bytes)
    return this.decoded
  }
}

interface CacheEntry {
  readonly rows: PartitionRows
  readonly row: StoredRow
}

export class RowCache {
  private readonly capacityBytes: number
  private usedBytes = 0
  private queue: CacheEntry[] = []
  private head = 0

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
  }

  get bytes(): number {
    return this.usedBytes
  }

  /** The part of the cache that belongs to one partition. */
  partition(): PartitionRows {
    return new PartitionRows(this)
  }

  added(rows: PartitionRows, row: StoredRow): void {
    this.queue.push({ rows, row })
    this.usedBytes += row.memoryBytes
    while (this.usedBytes > this.capacityBytes) {
      const oldest = this.queue[this.head++]!
      if (oldest.rows.dropOldest(oldest.row)) this.usedBytes -= oldest.row.memoryBytes
    }
    if (this.head < 1024 || this.head * 2 < this.queue.length) return
    this.queue = this.queue.slice(this.head)
    this.head = 0
  }

  removed(bytes: number): void {
    this.usedBytes -= bytes
  }
}

export class PartitionRows {
  private readonly cache: RowCache
  private rows: StoredRow[] = []

  constructor(cache: RowCache) {
    this.cache = cache
  }

  /** Adds the row that follows the newest one. */
  add(row: StoredRow): void {
    this.rows.push(row)
    this.cache.added(this, row)
  }

  clear(): void {
    for (const row of this.rows) this.cache.removed(row.memoryBytes)
    this.rows = []
  }

  /** Forgets a row if it is still here. */
  dropOldest(row: StoredRow): boolean {
    if (this.rows[0] !== row) return false
    this.rows.shift()
    return true
  }

  /** The rows from the first that reaches beyond the offset on; undefined when older ones may be in the store only. */
  from(offset: number): { readonly rows: readonly StoredRow[]; readonly index: number } | undefined {
    const rows = this.rows
    if (rows.length === 0 || offset < rows[0]!.offset) return undefined
    let low = 0
    let high = rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (rows[middle]!.nextOffset <= offset) low = middle + 1
      else high = middle
    }
    return { rows, index: low }
  }
}
