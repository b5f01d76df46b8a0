/**
 * Closing windows: handing over their rows in order, each once for ever.
 *
 * Invariants:
 * 1. Every row before the cursor, in the order of encoded keys, was handed over, and none behind it. The cursor is committed,
 *    and goes to the changelog, with what came of those rows: a crash in the middle of a window repeats and loses nothing.
 * 2. Rows come from the database and from what is live, which is newer. Neither need be whole: a window may be larger than memory.
 */
import type { Store } from '../ports/store.ts'
import type { LiveEntry, Windowed } from '../topology/store-spec.ts'
import { indexOfKey, type RowStore } from './table-store.ts'
import type { WindowCache } from './window-cache.ts'
import { startKey, startOfKey } from './windowed-serde.ts'

type Entry<K, V> = LiveEntry<Windowed<K>, V>

interface KeyedRow<K, V> {
  /** Encoded. */
  readonly key: Buffer
  readonly row: Entry<K, V>
}

export interface ClosingParts<K, V> {
  readonly database: Store
  /** What encoded keys begin with in the database. */
  readonly prefix: Buffer
  readonly rows: RowStore<Windowed<K>, V>
  readonly cache: WindowCache<K, V>
  /** As of the last commit; undefined when nothing was closed yet. */
  readonly cursor: Buffer | undefined
}

export class WindowClosing<K, V> {
  /** An encoded key, without prefix. */
  cursor: Buffer
  /** Whether the cursor has moved since the last commit. */
  hasMoved = false
  /** Windows that begin before this were closed entirely. */
  closedBeforeMs: number
  private readonly parts: ClosingParts<K, V>
  /** The live rows of the window that is being closed, in the order of their keys. */
  private live: { readonly startMs: number; readonly sorted: readonly KeyedRow<K, V>[] } | undefined

  constructor(parts: ClosingParts<K, V>) {
    this.parts = parts
    this.cursor = parts.cursor ?? startKey(0)
    this.closedBeforeMs = startOfKey(this.cursor)
  }

  firstUnclosedMs(): number {
    const { cache, database, prefix } = this.parts
    const live = cache.firstFrom(this.closedBeforeMs)
    if (!cache.mayBeStoredFrom(this.closedBeforeMs)) return live
    const from = Buffer.concat([prefix, this.cursor])
    for (const { key } of database.range({ from, to: this.end, limit: 1 })) {
      return Math.min(live, startOfKey(key.subarray(prefix.length)))
    }
    return live
  }

  close(beforeMs: number, maxRows: number, handOver: (row: Entry<K, V>) => void): void {
    let left = maxRows
    while (left > 0) {
      const startMs = this.firstUnclosedMs()
      if (startMs >= beforeMs) return
      left -= this.closeSome(startMs, left, handOver)
    }
  }

  /** The same without handing anything over. */
  closeBefore(beforeMs: number): void {
    if (beforeMs > this.closedBeforeMs) this.moveTo(startKey(beforeMs))
  }

  /** Answers how many rows were handed over; fewer than the limit, and the window is closed. */
  private closeSome(startMs: number, limit: number, handOver: (row: Entry<K, V>) => void): number {
    let count = 0
    let last: Buffer | undefined
    for (const { key, row } of this.rowsOf(startMs)) {
      handOver(row)
      last = key
      if (++count === limit) break
    }
    if (count === limit && last !== undefined) {
      // The least key behind the last one.
      this.moveTo(Buffer.concat([last, Buffer.from([0])]))
    } else {
      this.moveTo(startKey(startMs + 1))
      this.live = undefined
    }
    return count
  }

  private moveTo(cursor: Buffer): void {
    this.cursor = cursor
    this.closedBeforeMs = startOfKey(cursor)
    this.hasMoved = true
  }

  private *rowsOf(startMs: number): IterableIterator<KeyedRow<K, V>> {
    const { cache, database, prefix, rows } = this.parts
    const begin = startKey(startMs)
    const first = this.cursor.compare(begin) > 0 ? this.cursor : begin
    const { sorted } = this.liveRows(startMs)
    let next = indexOfKey(sorted, first)
    if (!cache.holdsWindow(startMs)) {
      const from = Buffer.concat([prefix, first])
      const to = Buffer.concat([prefix, startKey(startMs + 1)])
      for (const { key: fullKey, value } of database.range({ from, to })) {
        const key = fullKey.subarray(prefix.length)
        for (; next < sorted.length && sorted[next]!.key.compare(key) < 0; next++)
          yield* present(sorted[next]!)
        if (next < sorted.length && sorted[next]!.key.equals(key)) yield* present(sorted[next++]!)
        else yield { key, row: rows.stored(fullKey, value) }
      }
    }
    for (; next < sorted.length; next++) yield* present(sorted[next]!)
  }

  /** Sorted once a window, however often its closing is interrupted: its rows do not change any more. */
  private liveRows(startMs: number): NonNullable<typeof this.live> {
    if (this.live?.startMs === startMs) return this.live
    const { cache, rows } = this.parts
    const sorted = [...cache.rowsOf(startMs)].map((row) => ({ key: rows.keyBytes(row.key), row }))
    sorted.sort((a, b) => a.key.compare(b.key))
    this.live = { startMs, sorted }
    return this.live
  }

  private get end(): Buffer {
    return Buffer.concat([this.parts.prefix, Buffer.from([0xff])])
  }
}

function* present<K, V>(keyed: KeyedRow<K, V>): IterableIterator<KeyedRow<K, V>> {
  if (keyed.row.value !== null) yield keyed
}
