/**
 * A store of rows by key: what tables, aggregates and processors keep their state in.
 *
 * Invariants:
 * 1. Reads see the live object first, then the database; the database holds committed rows only.
 * 2. An update changes the live object and nothing else. At commit each changed key is encoded once, however often it
 *    changed, and its bytes go to the changelog and to the database's batch.
 * 3. Nothing here waits: a read that the cache cannot answer reads the database synchronously. `readAhead` fills the
 *    cache for a whole batch of keys beforehand.
 */
import { messageOf, StreamsError } from '../errors.ts'
import type { Store, StoreBatch } from '../ports/store.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { RecordBatchBuilder } from '../records/record-batch.ts'
import { type Codec, SchemaNotLoaded } from '../serde/serde.ts'
import type { LiveEntry, StoreSpec, TableReceiver, TableStore, Timestamped } from '../topology/store-spec.ts'
import type { CommittableStore, FlushFailure, RowChange } from './committable-store.ts'
import { ExpiryIndex } from './expiry.ts'
import { LiveCache, LiveRow, type RowCache } from './live-cache.ts'
import { rowTimestamp, rowValue, writeRow } from './row-codec.ts'
import { endOfPrefix, section, type TaskDatabase } from './task-database.ts'

export interface TableStoreOptions<K, V> {
  readonly spec: StoreSpec<K, V>
  readonly keyCodec: Codec<K>
  readonly valueCodec: Codec<V>
  readonly database: TaskDatabase
  readonly cacheMaxBytes: number
  /** What the changelog takes of a key and its row. */
  readonly rowMaxBytes: number
  /** An operator threw when it was passed a changed row. Throws on if that stops the task. */
  readonly onFlushFailure: (failure: FlushFailure, error: unknown) => void
  /** Live rows, if not kept by what was used last. */
  readonly cache?: RowCache<K, V>
  /** Encoded keys of rows come before this; what lies behind is something else. */
  readonly keysEnd?: Uint8Array
  /** Whether nobody can see a row any more, so that it need not be written. */
  readonly isGone?: (key: K) => boolean
  /** The time of the record being processed, and the highest time seen. */
  readonly time: { readonly timestampMs: number; readonly streamTimeMs: number }
}

interface ChangedRow<K, V> {
  readonly key: Buffer
  readonly row: LiveRow<K, V>
}

/** The index of the first row that does not come before a key. */
export function indexOfKey(sorted: readonly { readonly key: Buffer }[], key: Buffer): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]!.key.compare(key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Below this many missing keys, reading them one by one when they are needed is cheaper than a round of reading ahead. */
const readAheadMinKeys = 16

export class RowStore<K, V> implements TableStore<K, V>, CommittableStore {
  readonly name: string
  private readonly options: TableStoreOptions<K, V>
  private readonly cache: RowCache<K, V>
  private readonly prefix: Buffer
  private readonly end: Buffer
  private readonly expiry: ExpiryIndex | undefined
  private readonly keyWriter = new ByteWriter(256)
  private dirty: LiveRow<K, V>[] = []
  /** The first of `dirty`, in the order of their keys, as far as ranges have asked for it. */
  private sorted: ChangedRow<K, V>[] = []
  /** How many of `dirty` were passed on already. */
  private flushedCount = 0
  private receiver: TableReceiver<K, V> | undefined
  private expiryReceiver: TableReceiver<K, V> | undefined
  private passedEntries: readonly Buffer[] = []
  /** Often asked for again at once: read, then written. */
  private recent: LiveRow<K, V> | undefined

  constructor(options: TableStoreOptions<K, V>) {
    const { spec, database } = options
    this.options = options
    this.name = spec.name
    this.prefix = database.prefix(spec.name, section.rows)
    this.end =
      options.keysEnd === undefined ? endOfPrefix(this.prefix) : Buffer.concat([this.prefix, options.keysEnd])
    this.cache =
      options.cache ??
      new LiveCache(options.cacheMaxBytes, (key) => this.identity(key), this.isEmpty(database.store))
    this.expiry =
      spec.ttlMs === undefined
        ? undefined
        : new ExpiryIndex(spec.ttlMs, database.prefix(spec.name, section.expiry))
    this.keyWriter.bytes(this.prefix)
  }

  get dirtyCount(): number {
    return this.dirty.length
  }

  get cachedBytes(): number {
    return this.cache.bytes
  }

  get cachedRows(): number {
    return this.cache.size
  }

  entry(key: K): LiveRow<K, V> {
    const { recent } = this
    const row = recent?.key === key && recent.cached ? recent : (this.cache.get(key) ?? this.load(key))
    this.recent = row
    if (this.expiry !== undefined && row.value !== null && this.hasExpired(row.timestampMs)) {
      const expired = row.value
      this.update(row, null, row.timestampMs)
      if (this.expiryReceiver !== undefined) this.passOn(this.expiryReceiver, row, expired)
    }
    return row
  }

  identity(key: K): unknown {
    return typeof key === 'object' ? this.encodedKey(key).toString('latin1') : key
  }

  copy(value: V): V {
    if (typeof value !== 'object') return value
    const writer = new ByteWriter(256)
    this.options.valueCodec.encode(value, writer)
    return this.options.valueCodec.decode(writer.buffer, 0, writer.position)
  }

  update(row: LiveRow<K, V>, value: V | null, timestampMs: number): void {
    if (!row.dirty) {
      row.dirty = true
      row.flushedValue = row.value
      this.dirty.push(row)
      // Entries that were asked for in between may have pushed this one out: what is changed must be found again.
      if (!row.cached) this.cache.add(row)
    }
    row.value = value
    row.timestampMs = timestampMs
  }

  get(key: K): V | undefined {
    return this.entry(key).value ?? undefined
  }

  getTimestamped(key: K): Timestamped<V> | undefined {
    const { value, timestampMs } = this.entry(key)
    return value === null ? undefined : { value, timestampMs }
  }

  put(key: K, value: V, timestampMs = this.options.time.timestampMs): void {
    this.update(this.entry(key), value, timestampMs)
  }

  delete(key: K, timestampMs = this.options.time.timestampMs): void {
    const row = this.entry(key)
    if (row.value !== null) this.update(row, null, timestampMs)
  }

  *range(from?: K, to?: K): IterableIterator<readonly [K, V]> {
    const first = from === undefined ? this.prefix : Buffer.from(this.encodedKey(from))
    const end = to === undefined ? this.end : Buffer.from(this.encodedKey(to))
    const changed = this.changedRows(first, end)
    let next = 0
    for (const { key, value } of this.options.database.store.range({ from: first, to: end })) {
      for (; next < changed.length && changed[next]!.key.compare(key) < 0; next++)
        yield* this.present(changed[next]!.row)
      if (next < changed.length && changed[next]!.key.equals(key)) {
        yield* this.present(changed[next++]!.row)
      } else if (!this.hasExpired(rowTimestamp(value))) {
        yield [this.decodedKey(key), this.decodedValue(value)]
      }
    }
    for (; next < changed.length; next++) yield* this.present(changed[next]!.row)
  }

  onFlush(receiver: TableReceiver<K, V>): void {
    this.receiver = receiver
  }

  reject(key: K, error: unknown): void {
    this.options.onFlushFailure(this.asBytes(this.entry(key)), error)
  }

  onExpiry(receiver: TableReceiver<K, V>): void {
    this.expiryReceiver = receiver
  }

  flush(): boolean {
    const { receiver } = this
    const before = this.flushedCount
    for (; this.flushedCount < this.dirty.length; this.flushedCount++) {
      const row = this.dirty[this.flushedCount]!
      // Written with a time that had passed already: hidden from the first, so nobody is told of it.
      if (row.value !== null && this.hasExpired(row.timestampMs)) row.value = null
      if (receiver !== undefined && (row.value !== null || row.flushedValue !== null)) {
        this.passOn(receiver, row, row.flushedValue)
      }
    }
    return this.flushedCount > before
  }

  encode(changelog: RecordBatchBuilder, batch: StoreBatch): void {
    const { writer } = changelog
    for (const entry of this.passedEntries) batch.delete(entry)
    const { isGone, keyCodec, rowMaxBytes } = this.options
    for (const row of this.dirty) {
      const { key, value, timestampMs } = row
      const isStored = !Number.isNaN(row.storedTimestampMs)
      if (isGone?.(key) === true) {
        if (isStored) batch.delete(this.encodedKey(key))
        continue
      }
      // It came and went since the last commit.
      if (value === null && !isStored) continue
      // The database's key is written here once, and the changelog's is the end of it.
      const start = writer.position
      writer.bytesOf(this.prefix, 0, this.prefix.length)
      const keyStart = writer.position
      keyCodec.encode(key, writer)
      const keyEnd = writer.position
      if (value === null) {
        changelog.add(timestampMs, keyStart, keyEnd, -1, keyEnd)
        batch.delete(writer.buffer.subarray(start, keyEnd))
      } else {
        this.writeRow(key, value, timestampMs, writer)
        const end = writer.position
        if (end - keyStart > rowMaxBytes) throw this.tooLarge(key, end - keyStart)
        changelog.add(timestampMs, keyStart, keyEnd, keyEnd, end)
        batch.put(writer.buffer.subarray(start, keyEnd), writer.buffer.subarray(keyEnd, end))
        row.valueBytes = end - keyEnd
      }
      this.expiry?.move(
        batch,
        writer.buffer.subarray(keyStart, keyEnd),
        row.storedTimestampMs,
        value === null ? Number.NaN : timestampMs,
      )
    }
  }

  committed(): void {
    this.cache.committed(this.dirty)
    for (const row of this.dirty) {
      row.dirty = false
      row.flushedValue = null
      row.storedTimestampMs = row.value === null ? Number.NaN : row.timestampMs
    }
    this.dirty = []
    this.sorted = []
    this.flushedCount = 0
    this.passedEntries = []
  }

  readAhead(keys: readonly unknown[]): Promise<void> | undefined {
    const missing = new Map<unknown, K>()
    for (const key of keys) {
      if (key === null || key === undefined) continue
      // The task gives keys of the source that feeds this store, whose type is this store's key type.
      const typed = key as K
      try {
        if (!this.cache.holdsAll(typed) && !this.cache.has(typed)) missing.set(this.identity(typed), typed)
      } catch {
        // The operator will fail on it when it comes to the record, whose fault it is.
      }
    }
    return missing.size < readAheadMinKeys ? undefined : this.loadAll(missing)
  }

  expire(limit: number): void {
    if (this.expiry === undefined) return
    const { database, keyCodec, time } = this.options
    this.passedEntries = this.expiry.passed(database.store, time.streamTimeMs, limit)
    for (const entry of this.passedEntries) {
      const key = this.expiry.rowKey(entry)
      // `entry` hides, and so deletes, a row that has outlived its time.
      this.entry(keyCodec.decode(key, 0, key.length))
    }
  }

  shows(_key: Buffer, row: Buffer): boolean {
    return !this.hasExpired(rowTimestamp(row))
  }

  changeOf(key: Buffer): RowChange | undefined {
    const row = this.cache.peek(this.options.keyCodec.decode(key, 0, key.length))
    return row?.dirty === true ? { key, row: this.asBytes(row).row } : undefined
  }

  *changesBetween(from: Buffer, to: Buffer | undefined): Iterable<RowChange> {
    const { length } = this.prefix
    const first = Buffer.concat([this.prefix, from])
    const end = to === undefined ? this.end : Buffer.concat([this.prefix, to])
    const changed = this.sortChanges()
    for (let index = indexOfKey(changed, first); index < changed.length; index++) {
      const { key, row } = changed[index]!
      if (key.compare(end) >= 0) return
      yield { key: key.subarray(length), row: this.asBytes(row).row }
    }
  }

  get keptFromMs(): number {
    return 0
  }

  private isEmpty(store: Store): boolean {
    for (const _ of store.range({ from: this.prefix, to: this.end, limit: 1 })) return false
    return true
  }

  private passOn(receiver: TableReceiver<K, V>, row: LiveRow<K, V>, oldValue: V | null): void {
    try {
      receiver(row.key, row.value, oldValue, row.timestampMs)
    } catch (error) {
      this.options.onFlushFailure(this.asBytes(row), error)
    }
  }

  private asBytes({ key, value, timestampMs }: LiveRow<K, V>): FlushFailure {
    const writer = new ByteWriter(256)
    if (value !== null) writeRow(this.options.valueCodec, value, timestampMs, writer)
    return {
      store: this.name,
      timestampMs,
      key: this.keyBytes(key),
      row: value === null ? null : writer.copy(0, writer.position),
    }
  }

  private load(key: K): LiveRow<K, V> {
    const { cache, options } = this
    // Encoded in any case: a key that is none is the fault of the record at hand, not of the commit.
    const encoded = this.encodedKey(key)
    const row = this.live(key, cache.holdsAll(key) ? undefined : options.database.store.get(encoded))
    cache.add(row)
    return row
  }

  private async loadAll(missing: ReadonlyMap<unknown, K>): Promise<void> {
    const keys: K[] = []
    const encoded: Buffer[] = []
    for (const key of missing.values()) {
      try {
        encoded.push(Buffer.from(this.encodedKey(key)))
        keys.push(key)
      } catch {
        // As above.
      }
    }
    const rows = await this.options.database.store.getMany(encoded)
    keys.forEach((key, index) => {
      if (!this.cache.has(key)) this.cache.add(this.live(key, rows[index]))
    })
  }

  private live(key: K, bytes: Buffer | undefined): LiveRow<K, V> {
    if (bytes === undefined) return new LiveRow<K, V>(key, null, 0, Number.NaN, 0)
    const timestampMs = rowTimestamp(bytes)
    return new LiveRow<K, V>(key, this.decodedValue(bytes), timestampMs, timestampMs, bytes.length)
  }

  /** A key as it is encoded. */
  keyBytes(key: K): Buffer {
    return Buffer.from(this.encodedKey(key).subarray(this.prefix.length))
  }

  /** A row as the database has it, apart from all live ones. */
  stored(key: Buffer, bytes: Buffer): LiveEntry<K, V> {
    return this.live(this.decodedKey(key), bytes)
  }

  private *present(row: LiveRow<K, V>): IterableIterator<readonly [K, V]> {
    if (row.value !== null && !this.hasExpired(row.timestampMs)) yield [row.key, row.value]
  }

  private writeRow(key: K, value: V, timestampMs: number, writer: ByteWriter): void {
    try {
      writeRow(this.options.valueCodec, value, timestampMs, writer)
    } catch (cause) {
      const message = `store ${this.name}: the row of key ${JSON.stringify(key)} cannot be encoded: ${messageOf(cause)}`
      throw new StreamsError('STATE_NOT_ENCODABLE', message, { cause, details: { store: this.name } })
    }
  }

  private tooLarge(key: K, bytes: number): StreamsError {
    const message =
      `store ${this.name}: the row of key ${JSON.stringify(key)} has ${bytes} bytes and does not fit into its changelog: ` +
      'let it hold less, or raise recordMaxBytes and what the log takes'
    return new StreamsError('STATE_NOT_ENCODABLE', message, { details: { store: this.name, bytes } })
  }

  private hasExpired(timestampMs: number): boolean {
    return this.expiry?.isExpired(timestampMs, this.options.time.streamTimeMs) ?? false
  }

  private changedRows(first: Buffer, end: Buffer): ChangedRow<K, V>[] {
    const sorted = this.sortChanges()
    return sorted.slice(indexOfKey(sorted, first), indexOfKey(sorted, end))
  }

  private sortChanges(): readonly ChangedRow<K, V>[] {
    const { sorted } = this
    const known = sorted.length
    for (let index = known; index < this.dirty.length; index++) {
      const row = this.dirty[index]!
      const changed = { key: Buffer.from(this.encodedKey(row.key)), row }
      // One by one they come between ranges that are read for each record; else there are many.
      if (this.dirty.length - known < 16) sorted.splice(indexOfKey(sorted, changed.key), 0, changed)
      else sorted.push(changed)
    }
    if (sorted.length - known >= 16) sorted.sort((a, b) => a.key.compare(b.key))
    return sorted
  }

  /** Prefix and key. The bytes are valid until the next call. */
  private encodedKey(key: K): Buffer {
    const writer = this.keyWriter
    writer.position = this.prefix.length
    this.options.keyCodec.encode(key, writer)
    return writer.buffer.subarray(0, writer.position)
  }

  private decodedKey(key: Buffer): K {
    return this.options.keyCodec.decode(key, this.prefix.length, key.length)
  }

  private decodedValue(row: Buffer): V {
    try {
      return rowValue(this.options.valueCodec, row)
    } catch (cause) {
      if (cause instanceof SchemaNotLoaded) throw cause
      // The codec says what a person has to do; reading the same row once more from the changelog would not help.
      if (cause instanceof StreamsError && cause.recovery === 'stop') throw cause
      throw new StreamsError(
        'STATE_CORRUPT',
        `store ${this.name}: a row cannot be decoded: ${messageOf(cause)}`,
        {
          cause,
        },
      )
    }
  }
}
