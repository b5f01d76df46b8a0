/**
 * A store of windows: rows as in any other, in the order of time.
 *
 * Invariants:
 * 1. A window is kept until its retention is over by the watermark and, where windows are handed over when they close, it was
 *    handed over. From then on nobody sees it; once a commit has put that on record its rows are deleted, all at once by a
 *    range, and the changelog, which forgets by itself, is not told.
 * 2. Rows that come and go between two commits are written nowhere.
 */
import type { StoreBatch } from '../ports/store.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { RecordBatchBuilder } from '../records/record-batch.ts'
import type {
  LiveEntry,
  TableReceiver,
  Timestamped,
  Windowed,
  WindowSpec,
  WindowTable,
} from '../topology/store-spec.ts'
import type { EventTime } from '../topology/task-context.ts'
import type { CommittableStore, RowChange } from './committable-store.ts'
import type { LiveRow } from './live-cache.ts'
import { RowStore, type TableStoreOptions } from './table-store.ts'
import { section, type TaskDatabase } from './task-database.ts'
import { WindowCache } from './window-cache.ts'
import { WindowClosing } from './window-closing.ts'
import { behindWindows, startKey, startOfKey } from './windowed-serde.ts'

export interface WindowStoreOptions<K, V>
  extends Omit<TableStoreOptions<Windowed<K>, V>, 'cache' | 'keysEnd' | 'isGone'> {
  readonly windows: WindowSpec
  readonly eventTime: Pick<EventTime, 'watermarkMs'>
}

export class WindowStore<K, V> implements WindowTable<K, V>, CommittableStore {
  readonly name: string
  private readonly options: WindowStoreOptions<K, V>
  private readonly rows: RowStore<Windowed<K>, V>
  private readonly cache: WindowCache<K, V>
  private readonly closing: WindowClosing<K, V>
  private readonly prefix: Buffer
  /** The database has no window that begins before this: spares walking over what was deleted. */
  private storedFromMs = 0

  constructor(options: WindowStoreOptions<K, V>) {
    const { spec, database, cacheMaxBytes } = options
    this.options = options
    this.name = spec.name
    this.prefix = database.prefix(spec.name, section.rows)
    this.cache = new WindowCache(cacheMaxBytes, (key) => this.innerIdentity(key), this.lastStoredMs())
    this.rows = new RowStore({
      ...options,
      cache: this.cache,
      keysEnd: behindWindows,
      isGone: ({ startMs }) => startMs < this.keptFromMs,
    })
    const cursor = database.store.get(this.cursorKey)
    this.closing = new WindowClosing({
      database: database.store,
      prefix: this.prefix,
      rows: this.rows,
      cache: this.cache,
      cursor: cursor?.subarray(cursorOffset),
    })
  }

  window(key: K, startMs: number): LiveEntry<Windowed<K>, V> {
    const { sizeMs } = this.options.windows
    return this.cache.find(key, startMs) ?? this.rows.entry({ key, startMs, endMs: startMs + sizeMs })
  }

  peek(key: K, startMs: number): LiveEntry<Windowed<K>, V> | undefined {
    const row = this.cache.find(key, startMs)
    return row !== undefined || this.cache.holdsWindow(startMs) ? row : this.window(key, startMs)
  }

  get closedBeforeMs(): number {
    return this.closing.closedBeforeMs
  }

  firstUnclosedMs(): number {
    return this.closing.firstUnclosedMs()
  }

  close(beforeMs: number, maxRows: number, handOver: (row: LiveEntry<Windowed<K>, V>) => void): void {
    this.closing.close(beforeMs, maxRows, handOver)
  }

  closeBefore(beforeMs: number): void {
    this.closing.closeBefore(beforeMs)
  }

  entry(key: Windowed<K>): LiveEntry<Windowed<K>, V> {
    return this.rows.entry(key)
  }

  update(row: LiveRow<Windowed<K>, V>, value: V | null, timestampMs: number): void {
    this.rows.update(row, value, timestampMs)
  }

  get(key: Windowed<K>): V | undefined {
    return this.getTimestamped(key)?.value
  }

  getTimestamped(key: Windowed<K>): Timestamped<V> | undefined {
    return key.startMs < this.keptFromMs ? undefined : this.rows.getTimestamped(key)
  }

  put(key: Windowed<K>, value: V, timestampMs?: number): void {
    this.rows.put(key, value, timestampMs)
  }

  delete(key: Windowed<K>, timestampMs?: number): void {
    this.rows.delete(key, timestampMs)
  }

  *range(from?: Windowed<K>, to?: Windowed<K>): IterableIterator<readonly [Windowed<K>, V]> {
    const keptFromMs = this.keptFromMs
    for (const row of this.rows.range(from, to)) if (row[0].startMs >= keptFromMs) yield row
  }

  identity(key: Windowed<K>): unknown {
    return this.rows.identity(key)
  }

  copy(value: V): V {
    return this.rows.copy(value)
  }

  reject(key: Windowed<K>, error: unknown): void {
    this.rows.reject(key, error)
  }

  onFlush(receiver: TableReceiver<Windowed<K>, V>): void {
    this.rows.onFlush(receiver)
  }

  /** Windows are forgotten without a word. */
  onExpiry(): void {}

  get dirtyCount(): number {
    return this.rows.dirtyCount + (this.closing.hasMoved ? 1 : 0)
  }

  get cachedBytes(): number {
    return this.rows.cachedBytes
  }

  get cachedRows(): number {
    return this.rows.cachedRows
  }

  flush(): boolean {
    return this.rows.flush()
  }

  encode(changelog: RecordBatchBuilder, batch: StoreBatch): void {
    this.rows.encode(changelog, batch)
    if (this.closing.hasMoved) this.encodeCursor(changelog, batch)
  }

  committed(): void {
    this.rows.committed()
    this.closing.hasMoved = false
    this.cache.forget(this.keptFromMs)
    this.deleteExpired()
  }

  /** What is not in memory is seldom there at all: windows are mostly new. */
  readAhead(): undefined {}

  /** By time, once a commit has come so far. */
  expire(): void {}

  shows(key: Buffer): boolean {
    return key.compare(behindWindows) >= 0 || startOfKey(key) >= this.keptFromMs
  }

  changeOf(key: Buffer): RowChange | undefined {
    return this.rows.changeOf(key)
  }

  changesBetween(from: Buffer, to: Buffer | undefined): Iterable<RowChange> {
    return this.rows.changesBetween(from, to)
  }

  get keptFromMs(): number {
    const { windows, eventTime } = this.options
    return keptFrom(windows, eventTime.watermarkMs, this.closing.closedBeforeMs)
  }

  private deleteExpired(): void {
    const keptFromMs = this.keptFromMs
    const { windows, database } = this.options
    const { store } = database
    // The database remembers each range until it has merged the files that it is about: so there are few.
    const strideMs = Math.max(windows.sizeMs, windows.retentionMs / 16)
    if (keptFromMs - this.storedFromMs < strideMs || !this.cache.mayBeStoredFrom(this.storedFromMs)) return
    store.deleteRange(this.fullKey(startKey(this.storedFromMs)), this.fullKey(startKey(keptFromMs)))
    this.storedFromMs = keptFromMs
  }

  private innerIdentity(key: K): unknown {
    return typeof key === 'object' ? this.rows.identity({ key, startMs: 0, endMs: 0 }) : key
  }

  private lastStoredMs(): number {
    const range = { from: this.prefix, to: this.cursorKey, reverse: true, limit: 1 }
    for (const { key } of this.options.database.store.range(range)) {
      return startOfKey(key.subarray(this.prefix.length))
    }
    return Number.NEGATIVE_INFINITY
  }

  private encodeCursor(changelog: RecordBatchBuilder, batch: StoreBatch): void {
    const { cursor } = this.closing
    const row = new ByteWriter(cursorOffset + cursor.length)
    // As every row in a changelog it begins with a time; nobody asks for this one.
    row.float64(0)
    row.bytes(cursor)
    const bytes = row.copy(0, row.position)
    changelog.append(behindWindows, bytes, 0)
    batch.put(this.cursorKey, bytes)
  }

  /** The cursor lies behind all windows, and is restored with them. */
  private get cursorKey(): Buffer {
    return this.fullKey(behindWindows)
  }

  private fullKey(key: Uint8Array): Buffer {
    return Buffer.concat([this.prefix, key])
  }
}

const cursorOffset = 8

function keptFrom(windows: WindowSpec, watermarkMs: number, closedBeforeMs: number): number {
  const byTime = Math.max(0, watermarkMs - windows.sizeMs - windows.retentionMs + 1)
  return windows.closes ? Math.min(byTime, closedBeforeMs) : byTime
}

/** Of the rows in a database: windows that begin before this are gone by a watermark, whether or not their rows are still there. */
export function storedKeptFromMs(
  database: TaskDatabase,
  store: string,
  windows: WindowSpec,
  watermarkMs: number,
): number {
  const cursor = database.store.get(Buffer.concat([database.prefix(store, section.rows), behindWindows]))
  const closedBeforeMs = cursor === undefined ? 0 : startOfKey(cursor.subarray(cursorOffset))
  return keptFrom(windows, watermarkMs, closedBeforeMs)
}
