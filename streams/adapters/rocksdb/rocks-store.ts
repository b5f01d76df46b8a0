/**
 * One open RocksDB database.
 *
 * Invariants:
 * 1. No call reaches the binding once `closed` is set: it would read freed memory.
 * 2. The database is closed only after every asynchronous read has ended and every iterator is closed.
 * 3. A native batch belongs to one `RocksBatch` at a time and goes back to `spareBatch` once it is written.
 */
import binding, { type Batch, type Database, type Iterator } from 'rocksdb/binding.js'
import type { StreamsError } from '../../errors.ts'
import type { KeyRange, Store, StoreBatch, StoreEntry, StoreSize } from '../../ports/store.ts'
import { batchSpent, rangesLeftOpen, storeClosed } from '../store-errors.ts'
import { type EntrySource, OpenRanges } from '../store-ranges.ts'
import { type AsynchronousReader, unwatchReads, watchReads } from './failed-reads.ts'
import { storeError } from './rocks-errors.ts'

const noOptions = {}
const synced = { sync: true }
const asBuffers = { valueEncoding: 'buffer' }

/** Most ranges are short, so the first slice is; a long one then goes in larger steps, bounded in bytes. */
const firstSliceEntries = 32
const sliceEntries = 512
const sliceBytes = 256 * 1024

export class RocksStore implements Store, AsynchronousReader {
  readonly directory: string
  readonly name: string
  private readonly database: Database
  private readonly ranges: OpenRanges
  private readonly oneKey: Uint8Array[] = []
  private spareBatch: Batch | undefined
  private closing: Promise<void> | undefined
  /** Rejects the reads that were under way when one of them failed. */
  private readonly pendingReads = new Set<(error: Error) => void>()
  /** Reads that the binding is still at. */
  private nativeReads = 0
  private onReadsEnded: (() => void) | undefined

  constructor(name: string, directory: string, database: Database) {
    this.name = name
    this.directory = directory
    this.database = database
    this.ranges = new OpenRanges(name)
  }

  get(key: Uint8Array): Buffer | undefined {
    this.checkOpen()
    this.oneKey[0] = key
    try {
      return binding.db_get_many_sync(this.database, this.oneKey, asBuffers)[0]
    } catch (error) {
      throw this.failed(error)
    }
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    if (this.closing !== undefined) return Promise.reject(storeClosed(this.name))
    if (keys.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.pendingReads.add(reject)
      this.readBegins()
      const done = (error: Error | null, values: (Buffer | undefined)[]): void => {
        this.readEnds()
        this.pendingReads.delete(reject)
        if (error === null) resolve(values)
        else reject(this.failed(error))
      }
      try {
        binding.db_get_many(this.database, keys, asBuffers, done)
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)), [])
      }
    })
  }

  onReadFailed(error: Error): void {
    this.readEnds()
    for (const reject of this.pendingReads) reject(this.failed(error))
    this.pendingReads.clear()
  }

  range(range: KeyRange): IterableIterator<StoreEntry> {
    this.checkOpen()
    try {
      return this.ranges.open(new RocksRange(this.database, range, (error) => this.failed(error)))
    } catch (error) {
      throw this.failed(error)
    }
  }

  batch(): StoreBatch {
    this.checkOpen()
    const native = this.spareBatch ?? binding.batch_init()
    this.spareBatch = undefined
    return new RocksBatch(this, native)
  }

  write(batch: StoreBatch, options: { readonly sync?: boolean } = noOptions): void {
    this.checkOpen()
    const native = batch instanceof RocksBatch && batch.store === this ? batch.native : undefined
    if (!(batch instanceof RocksBatch) || native === undefined) throw batchSpent(this.name)
    try {
      binding.batch_write(this.database, native, options.sync === true ? synced : noOptions)
    } catch (error) {
      throw this.failed(error)
    }
    binding.batch_clear(native)
    batch.native = undefined
    this.spareBatch = native
  }

  deleteRange(from: Uint8Array, to: Uint8Array): void {
    this.checkOpen()
    try {
      binding.db_clear(this.database, { gte: from, lt: to })
    } catch (error) {
      throw this.failed(error)
    }
  }

  size(): StoreSize {
    this.checkOpen()
    const memtableBytes = this.property('rocksdb.size-all-mem-tables')
    const blockCacheBytes = this.property('rocksdb.block-cache-usage')
    const fileBytes = this.property('rocksdb.total-sst-files-size')
    return {
      // What lies in memtables lies in the write-ahead log too.
      diskBytes: fileBytes + this.property('rocksdb.cur-size-all-mem-tables'),
      memoryBytes: memtableBytes + blockCacheBytes + this.property('rocksdb.estimate-table-readers-mem'),
      memtableBytes,
      blockCacheBytes,
      level0Files: this.property('rocksdb.num-files-at-level0'),
      // RocksDB's own estimate is of compaction by levels; a universal one may rewrite all that is there.
      pendingCompactionBytes: this.property('rocksdb.compaction-pending') > 0 ? fileBytes : 0,
    }
  }

  close(): Promise<void> {
    this.closing ??= this.closeOnce()
    return this.closing
  }

  private async closeOnce(): Promise<void> {
    const leftOpen = this.ranges.closeAll()
    this.spareBatch = undefined
    if (this.nativeReads > 0) {
      await new Promise<void>((resolve) => {
        this.onReadsEnded = resolve
      })
    }
    await new Promise<void>((resolve, reject) => {
      binding.db_close(this.database, (error) => (error === null ? resolve() : reject(this.failed(error))))
    })
    if (leftOpen > 0) throw rangesLeftOpen(this.name, leftOpen)
  }

  private readBegins(): void {
    if (this.nativeReads++ === 0) watchReads(this)
  }

  private readEnds(): void {
    if (--this.nativeReads > 0) return
    unwatchReads(this)
    this.onReadsEnded?.()
  }

  private property(name: string): number {
    return Number(binding.db_get_property(this.database, name))
  }

  private checkOpen(): void {
    if (this.closing !== undefined) throw storeClosed(this.name)
  }

  private failed(error: unknown): StreamsError {
    return storeError(this.name, this.directory, error)
  }
}

class RocksBatch implements StoreBatch {
  readonly store: RocksStore
  /** Undefined once written. */
  native: Batch | undefined
  length = 0

  constructor(store: RocksStore, native: Batch) {
    this.store = store
    this.native = native
  }

  put(key: Uint8Array, value: Uint8Array): void {
    binding.batch_put(this.open(), key, value, undefined)
    this.length++
  }

  delete(key: Uint8Array): void {
    binding.batch_del(this.open(), key, undefined)
    this.length++
  }

  private open(): Batch {
    if (this.native !== undefined) return this.native
    throw batchSpent(this.store.name)
  }
}

class RocksRange implements EntrySource {
  private readonly iterator: Iterator
  private readonly failed: (error: unknown) => StreamsError
  private rows: Buffer[] = []
  private position = 0
  private finished = false
  private nextSlice = firstSliceEntries

  constructor(database: Database, range: KeyRange, failed: (error: unknown) => StreamsError) {
    this.failed = failed
    this.iterator = binding.iterator_init(database, {
      ...(range.from === undefined ? {} : { gte: range.from }),
      ...(range.to === undefined ? {} : { lt: range.to }),
      ...(range.limit === undefined ? {} : { limit: Math.min(range.limit, 0x7fffffff) }),
      reverse: range.reverse === true,
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      fillCache: true,
      highWaterMarkBytes: sliceBytes,
    })
  }

  next(): StoreEntry | undefined {
    if (this.position === this.rows.length && !this.finished) this.readSlice()
    if (this.position === this.rows.length) return undefined
    const key = this.rows[this.position]!
    const value = this.rows[this.position + 1]!
    this.position += 2
    return { key, value }
  }

  close(): void {
    binding.iterator_close(this.iterator)
  }

  private readSlice(): void {
    try {
      const { rows, finished } = binding.iterator_nextv_sync(this.iterator, this.nextSlice)
      this.rows = rows
      this.finished = finished
    } catch (error) {
      throw this.failed(error)
    }
    this.position = 0
    this.nextSlice = sliceEntries
  }
}
