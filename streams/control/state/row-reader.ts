/**
 * Reading a store of one task: rows by key and by range, windows, timers, partial matches.
 *
 * Invariants:
 * 1. Each call reads all that it answers with before it waits for the first time, so that an answer is of one moment. A `Slice` is of
 *    bounded size and says where to go on: with the rows of that later moment.
 * 2. A cursor is an encoded key: it stays good however rows come and go, and wherever the task goes.
 */
import { endOfPrefix } from '../../state/task-database.ts'
import { startKey, startOfKey } from '../../state/windowed-serde.ts'
import type { Timer } from '../../time/timer-key.ts'
import type { ReadableRows, StoredRowBytes } from './readable-rows.ts'
import {
  type KeyedRun,
  type StoreCodec,
  timerHeadBytes,
  timerOwner,
  type ViewedRow,
  windowKey,
} from './store-codec.ts'

/** Where to go on: behind so many of what the row of a key, or of the first one after it, shows. */
export interface RowCursor {
  readonly key: Buffer
  readonly skip: number
}

export interface Slice<T> {
  readonly items: readonly T[]
  /** Undefined when there are no more. There may be more although a slice is empty. */
  readonly next: RowCursor | undefined
}

export interface KeyRange {
  /** Inclusive; undefined: from the first. */
  readonly from?: Buffer | undefined
  /** Exclusive; undefined: to the last. */
  readonly to?: Buffer | undefined
}

/** A slice has no more bytes than this, but for its last row. */
const sliceMaxBytes = 512 * 1024
/** Nor do its items as they are shown, but for the last one: clients take messages of 4 MB. */
const shownMaxBytes = 1024 * 1024
/** So many rows are looked at for those of one key. */
const lookMaxRows = 5000

const empty = Buffer.alloc(0)

export class RowReader {
  private readonly codec: StoreCodec
  private readonly rows: ReadableRows

  constructor(codec: StoreCodec, rows: ReadableRows) {
    this.codec = codec
    this.rows = rows
  }

  /** What the row of an encoded key shows. */
  async get(key: Buffer): Promise<ViewedRow[]> {
    const stored = this.rows.get(key)
    return stored === undefined ? [] : this.codec.rowsOf(stored, this.rows.watermarkMs)
  }

  /** All elements of a list, oldest first, or entries of a map, as one row; undefined when there are none. @param prefix the key's bytes */
  async gather(prefix: Buffer): Promise<Omit<ViewedRow, 'key'> | undefined> {
    const stored = [...this.rows.range(prefix, endOfPrefix(prefix))]
    if (stored.length === 0) return undefined
    const elements = await Promise.all(stored.map((row) => this.codec.elementOf(row)))
    const timestampMs = Math.max(...elements.map(({ row }) => row.timestampMs))
    return {
      value: this.codec.isOfLists ? listed(elements) : mapped(elements),
      timestampMs,
      window: undefined,
    }
  }

  /** Rows in the order of their encoded keys. */
  list(range: KeyRange, cursor: RowCursor | undefined, limit: number): Promise<Slice<ViewedRow>> {
    return this.slice(range, cursor, limit, (stored) => this.codec.rowsOf(stored, this.rows.watermarkMs))
  }

  partialMatches(range: KeyRange, cursor: RowCursor | undefined, limit: number): Promise<Slice<KeyedRun>> {
    return this.slice(range, cursor, limit, (stored) => this.codec.runsOf(stored))
  }

  /** The windows of a key that begin in a span of time, in the order of their starts, of a store that has a row for each. */
  async windows(
    keyBytes: Buffer,
    fromMs: number,
    toMs: number,
    cursor: RowCursor | undefined,
    limit: number,
  ): Promise<Slice<ViewedRow>> {
    const found: StoredRowBytes[] = []
    let at = cursor?.key ?? startKey(Math.max(0, fromMs))
    let isAtEnd = false
    // Windows lie in the order of time: from one start to the next, with a look at each for the key.
    for (let looked = 0; looked < lookMaxRows && found.length < limit; looked++) {
      const startMs = this.nextStart(at, toMs)
      if (startMs === undefined) {
        isAtEnd = true
        break
      }
      const row = this.rows.get(windowKey(startMs, keyBytes))
      if (row !== undefined) found.push(row)
      at = startKey(startMs + 1)
    }
    const next = isAtEnd ? undefined : { key: at, skip: 0 }
    return { items: (await Promise.all(found.map((row) => this.codec.rowsOf(row, 0)))).flat(), next }
  }

  /** Timers, the earliest first. @param keyBytes only of this key */
  async timers(
    keyBytes: Buffer | undefined,
    cursor: RowCursor | undefined,
    limit: number,
  ): Promise<Slice<Timer<unknown>>> {
    const found: StoredRowBytes[] = []
    let last: Buffer | undefined
    let looked = 0
    for (const row of this.byTime(cursor?.key)) {
      if (found.length === limit || looked++ === lookMaxRows) {
        // Another one came: there is more.
        return { items: await this.timersOf(found), next: { key: last ?? empty, skip: 0 } }
      }
      last = row.key
      if (keyBytes === undefined || timerOwner(row.key).equals(keyBytes)) found.push(row)
    }
    return { items: await this.timersOf(found), next: undefined }
  }

  private async slice<T>(
    { from = empty, to }: KeyRange,
    cursor: RowCursor | undefined,
    limit: number,
    show: (stored: StoredRowBytes) => Promise<T[]>,
  ): Promise<Slice<T>> {
    const stored: StoredRowBytes[] = []
    let bytes = 0
    let next: RowCursor | undefined
    for (const row of this.rows.range(cursor?.key ?? from, to)) {
      if (stored.length === limit || bytes >= sliceMaxBytes) {
        next = { key: row.key, skip: 0 }
        break
      }
      stored.push(row)
      bytes += row.key.length + row.row.length
    }
    const items: T[] = []
    let shownBytes = 0
    for (const row of stored) {
      const isResumed = cursor !== undefined && row.key.equals(cursor.key)
      const shown = await show(row)
      for (let skip = isResumed ? cursor.skip : 0; skip < shown.length; skip++) {
        if (items.length === limit || shownBytes >= shownMaxBytes)
          return { items, next: { key: row.key, skip } }
        items.push(shown[skip]!)
        shownBytes += bytesShown(shown[skip])
      }
    }
    return { items, next }
  }

  private nextStart(from: Buffer, toMs: number): number | undefined {
    const to = Number.isFinite(toMs) ? startKey(Math.max(0, toMs)) : undefined
    if (to !== undefined && from.compare(to) >= 0) return undefined
    for (const { key } of this.rows.range(from, to)) return startOfKey(key)
    return undefined
  }

  private async timersOf(stored: readonly StoredRowBytes[]): Promise<Timer<unknown>[]> {
    return Promise.all(stored.map((row) => this.codec.timerOf(row)))
  }

  /** Both kinds of timers lie in the order of time by themselves; of the same time those by event time come first. */
  private *byTime(after: Buffer | undefined): IterableIterator<StoredRowBytes> {
    const ranges = [0, 1].map((kind) => {
      const [from, to] = [firstBehind(kind, after), Buffer.from([kind + 1])]
      return this.rows.range(from, to)
    })
    try {
      const heads = ranges.map((range) => range.next())
      for (;;) {
        let earliest: number | undefined
        heads.forEach((head, kind) => {
          if (head.done === true) return
          const other = earliest === undefined ? undefined : heads[earliest]
          if (other === undefined || other.done === true || timeOf(head.value.key) < timeOf(other.value.key))
            earliest = kind
        })
        const head = earliest === undefined ? undefined : heads[earliest]
        if (earliest === undefined || head === undefined || head.done === true) return
        yield head.value
        heads[earliest] = ranges[earliest]!.next()
      }
    } finally {
      for (const range of ranges) range.return?.()
    }
  }
}

/** About what a value takes in a message. */
function bytesShown(value: unknown): number {
  if (typeof value === 'string') return value.length + 4
  if (typeof value !== 'object' || value === null) return 11
  if (value instanceof Uint8Array) return value.length + 4
  let bytes = 4
  if (Array.isArray(value)) for (const item of value) bytes += bytesShown(item) + 2
  else for (const [name, field] of Object.entries(value)) bytes += name.length + 8 + bytesShown(field)
  return bytes
}

/** The key right behind another. */
export function keyBehind(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.from([0])])
}

function timeOf(timerKey: Buffer): number {
  return timerKey.readDoubleBE(1)
}

/** Where the timers of a kind begin that come, by time and then by kind, behind one. */
function firstBehind(kind: number, after: Buffer | undefined): Buffer {
  if (after === undefined || after.length === 0) return Buffer.from([kind])
  const afterKind = after[0]!
  if (kind === afterKind) return keyBehind(after)
  const bound = Buffer.alloc(timerHeadBytes)
  bound[0] = kind
  bound.writeDoubleBE(kind > afterKind ? timeOf(after) : timeOf(after) + 1, 1)
  return bound
}

interface Element {
  readonly at: unknown
  readonly row: ViewedRow
}

/** Newest first is how they lie. */
function listed(elements: readonly Element[]): unknown[] {
  return elements.map(({ row }) => row.value).reverse()
}

function mapped(elements: readonly Element[]): unknown {
  if (elements.every(({ at }) => typeof at === 'string'))
    return Object.fromEntries(elements.map(({ at, row }) => [at, row.value]))
  return elements.map(({ at, row }) => ({ field: at, value: row.value }))
}
