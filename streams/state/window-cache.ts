/**
 * Live rows of windows, by the start of the window and then by key.
 *
 * Invariants:
 * 1. What was changed since the last commit stays. Beyond `maxBytes` the earliest windows' other rows are let go first: those
 *    windows close, and are read for the last time, first.
 * 2. A window that began while its rows were all here holds all there are, until one of them is let go: a key that is not in it
 *    is nowhere, and the database is not asked. So while the open windows fit, nothing is read at all.
 */
import type { Windowed } from '../topology/store-spec.ts'
import { type LiveRow, overheadBytes, type RowCache } from './live-cache.ts'

type Row<K, V> = LiveRow<Windowed<K>, V>

interface Segment<K, V> {
  readonly startMs: number
  readonly rows: Map<unknown, Row<K, V>>
  holdsAll: boolean
}

export class WindowCache<K, V> implements RowCache<Windowed<K>, V> {
  private readonly maxBytes: number
  private readonly identity: (key: K) => unknown
  private readonly segments = new Map<number, Segment<K, V>>()
  /** The segment that was used last: often the next one, too. */
  private recent: Segment<K, V> | undefined
  /** The latest start of a window that the database may have rows of. */
  private storedUpToMs: number
  private rowCount = 0
  /** Letting go is tried when there are this many rows. */
  private crowdedAt: number
  /** What a row takes on average, as far as that is known. */
  private averageBytes = 0

  /**
   * @param identity a primitive that stands for a key, without its window
   * @param storedUpToMs the latest start of a window in the database
   */
  constructor(maxBytes: number, identity: (key: K) => unknown, storedUpToMs: number) {
    this.maxBytes = maxBytes
    this.identity = identity
    this.storedUpToMs = storedUpToMs
    this.crowdedAt = this.maxRows
  }

  get size(): number {
    return this.rowCount
  }

  get bytes(): number {
    return this.rowCount * (overheadBytes + this.averageBytes)
  }

  /** Whether the database may have rows of windows that begin then or later. */
  mayBeStoredFrom(startMs: number): boolean {
    return startMs <= this.storedUpToMs
  }

  find(key: K, startMs: number): Row<K, V> | undefined {
    return this.segmentAt(startMs)?.rows.get(this.identity(key))
  }

  get({ key, startMs }: Windowed<K>): Row<K, V> | undefined {
    return this.find(key, startMs)
  }

  peek({ key, startMs }: Windowed<K>): Row<K, V> | undefined {
    return this.segments.get(startMs)?.rows.get(this.identity(key))
  }

  has({ key, startMs }: Windowed<K>): boolean {
    return this.segmentAt(startMs)?.rows.has(this.identity(key)) ?? false
  }

  holdsAll({ startMs }: Windowed<K>): boolean {
    return this.holdsWindow(startMs)
  }

  holdsWindow(startMs: number): boolean {
    const segment = this.segmentAt(startMs)
    return segment === undefined ? !this.mayBeStoredFrom(startMs) : segment.holdsAll
  }

  add(row: Row<K, V>): void {
    const { key, startMs } = row.key
    let segment = this.segmentAt(startMs)
    if (segment === undefined) {
      segment = { startMs, rows: new Map(), holdsAll: !this.mayBeStoredFrom(startMs) }
      this.segments.set(startMs, segment)
      this.recent = segment
    }
    const { size } = segment.rows
    row.cached = true
    segment.rows.set(this.identity(key), row)
    this.rowCount += segment.rows.size - size
    if (this.rowCount > this.crowdedAt) this.letGo(row)
  }

  committed(rows: readonly Row<K, V>[]): void {
    let bytes = 0
    for (const { key, valueBytes } of rows) {
      if (key.startMs > this.storedUpToMs) this.storedUpToMs = key.startMs
      bytes += valueBytes
    }
    if (rows.length > 0) this.averageBytes = (this.averageBytes + bytes / rows.length) / 2
    this.crowdedAt = this.maxRows
  }

  /** The rows of a window that are here. */
  rowsOf(startMs: number): Iterable<Row<K, V>> {
    return this.segmentAt(startMs)?.rows.values() ?? []
  }

  /** The earliest start, from a time on, of a window that has rows here; Infinity when there is none. */
  firstFrom(timeMs: number): number {
    let first = Number.POSITIVE_INFINITY
    for (const startMs of this.segments.keys()) if (startMs >= timeMs && startMs < first) first = startMs
    return first
  }

  /** Lets go of windows that begin before a time, but for what is still to be committed. */
  forget(beforeMs: number): void {
    for (const segment of this.segments.values()) {
      if (segment.startMs < beforeMs) this.dropClean(segment)
    }
  }

  private get maxRows(): number {
    return this.maxBytes / (overheadBytes + this.averageBytes)
  }

  private segmentAt(startMs: number): Segment<K, V> | undefined {
    const { recent } = this
    if (recent !== undefined && recent.startMs === startMs) return recent
    const segment = this.segments.get(startMs)
    if (segment !== undefined) this.recent = segment
    return segment
  }

  private letGo(except: Row<K, V>): void {
    const wanted = this.maxRows * 0.75
    for (const startMs of [...this.segments.keys()].sort((a, b) => a - b)) {
      if (this.rowCount <= wanted) break
      this.dropClean(this.segments.get(startMs)!, except)
    }
    // With many changed rows little was let go: it is not tried again for each that is added.
    this.crowdedAt = Math.max(this.maxRows, this.rowCount * 1.25)
  }

  private dropClean(segment: Segment<K, V>, except?: Row<K, V>): void {
    const { rows } = segment
    let kept = 0
    for (const row of rows.values()) {
      if (row.dirty || row === except) kept++
      else row.cached = false
    }
    if (kept === rows.size) return
    segment.holdsAll = false
    this.rowCount -= rows.size - kept
    if (kept > 0) {
      for (const [id, row] of rows) if (!row.cached) rows.delete(id)
      return
    }
    rows.clear()
    this.segments.delete(segment.startMs)
    if (this.recent === segment) this.recent = undefined
  }
}
