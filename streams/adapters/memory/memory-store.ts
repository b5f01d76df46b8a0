import { StreamsError } from '../../errors.ts'
import type { KeyRange, Store, StoreBatch, StoreEntry, StoreProvider, StoreSize } from '../../ports/store.ts'
import { batchSpent, nestedStoreName, rangesLeftOpen, storeClosed } from '../store-errors.ts'
import { storeNameSegments } from '../store-name.ts'
import { type EntrySource, OpenRanges } from '../store-ranges.ts'
import { SortedBytes } from './sorted-bytes.ts'

/** A write as `beforeWrite` sees it. */
export interface MemoryWrite {
  readonly name: string
  /** In order; a value of undefined deletes. */
  readonly writes: readonly { readonly key: Buffer; readonly value: Buffer | undefined }[]
  readonly sync: boolean
}

export interface MemoryStoreOptions {
  /** Called before a batch is applied; what it throws, `write` throws, and nothing of the batch is applied. */
  readonly beforeWrite?: (write: MemoryWrite) => void
}

/** What there is of one database, whether it is open or not. */
interface Database {
  content: SortedBytes
  /** As of the newest write with `sync`: what a power failure leaves at least. */
  synced: SortedBytes
  open: boolean
}

/**
 * Databases in memory, for tests: deterministic, kept over close and open as a disk would. A crash is simulated by
 * going on with `snapshot()`, taken at any moment, instead of with the provider itself.
 */
export class MemoryStoreProvider implements StoreProvider {
  private readonly databases = new Map<string, Database>()
  private readonly options: MemoryStoreOptions

  constructor(options: MemoryStoreOptions = {}) {
    this.options = options
  }

  /**
   * A provider with every database as it is now and none of them open: what a killed process leaves behind, or, with
   * `lose: 'unsynced'`, a power failure at its worst.
   */
  snapshot(
    options: MemoryStoreOptions & { readonly lose?: 'nothing' | 'unsynced' } = {},
  ): MemoryStoreProvider {
    const copy = new MemoryStoreProvider({ ...this.options, ...options })
    for (const [name, database] of this.databases) {
      const survivor = options.lose === 'unsynced' ? database.synced : database.content
      copy.databases.set(name, { content: survivor.fork(), synced: survivor.fork(), open: false })
    }
    return copy
  }

  async open(name: string): Promise<Store> {
    storeNameSegments(name)
    const database = this.databases.get(name) ?? this.create(name)
    if (database.open) throw openAlready(name)
    database.open = true
    return new MemoryStore(name, database, this.options)
  }

  async destroy(name: string): Promise<void> {
    storeNameSegments(name)
    if (this.databases.get(name)?.open === true) throw openAlready(name)
    this.databases.delete(name)
  }

  async exists(name: string): Promise<boolean> {
    storeNameSegments(name)
    return this.databases.has(name)
  }

  private create(name: string): Database {
    for (const existing of this.databases.keys()) {
      if (existing.startsWith(`${name}/`) || name.startsWith(`${existing}/`)) {
        throw nestedStoreName(name, existing)
      }
    }
    const database = { content: new SortedBytes(), synced: new SortedBytes(), open: false }
    this.databases.set(name, database)
    return database
  }
}

function openAlready(name: string): StreamsError {
  return new StreamsError('STATE_DIRECTORY_LOCKED', `database "${name}" is open already: close it first`, {
    details: { name },
  })
}

class MemoryStore implements Store {
  readonly name: string
  private readonly database: Database
  private readonly options: MemoryStoreOptions
  private readonly ranges: OpenRanges
  private closed = false

  constructor(name: string, database: Database, options: MemoryStoreOptions) {
    this.name = name
    this.ranges = new OpenRanges(name)
    this.database = database
    this.options = options
  }

  get(key: Uint8Array): Buffer | undefined {
    const value = this.content().get(key)
    return value === undefined ? undefined : Buffer.from(value)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return keys.map((key) => this.get(key))
  }

  range(range: KeyRange): IterableIterator<StoreEntry> {
    return this.ranges.open(new MemoryRange(this.content().fork(), range))
  }

  batch(): StoreBatch {
    this.content()
    return new MemoryBatch(this)
  }

  write(batch: StoreBatch, options: { readonly sync?: boolean } = {}): void {
    const content = this.content()
    if (!(batch instanceof MemoryBatch) || batch.store !== this || batch.written) throw batchSpent(this.name)
    const sync = options.sync === true
    this.options.beforeWrite?.({ name: this.name, writes: batch.writes, sync })
    batch.written = true
    for (const { key, value } of batch.writes) {
      if (value === undefined) content.delete(key)
      else content.set(key, value)
    }
    if (sync) this.database.synced = content.fork()
  }

  deleteRange(from: Uint8Array, to: Uint8Array): void {
    const content = this.content()
    for (const { key } of content.fork().entries({ from, to })) content.delete(key)
  }

  size(): StoreSize {
    const memoryBytes = this.content().byteLength
    return {
      diskBytes: 0,
      memoryBytes,
      memtableBytes: 0,
      blockCacheBytes: 0,
      level0Files: 0,
      pendingCompactionBytes: 0,
    }
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.database.open = false
    const leftOpen = this.ranges.closeAll()
    if (leftOpen > 0) throw rangesLeftOpen(this.name, leftOpen)
  }

  private content(): SortedBytes {
    if (!this.closed) return this.database.content
    throw storeClosed(this.name)
  }
}

class MemoryBatch implements StoreBatch {
  readonly store: MemoryStore
  readonly writes: { readonly key: Buffer; readonly value: Buffer | undefined }[] = []
  written = false

  constructor(store: MemoryStore) {
    this.store = store
  }

  get length(): number {
    return this.writes.length
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.add(key, Buffer.from(value))
  }

  delete(key: Uint8Array): void {
    this.add(key, undefined)
  }

  private add(key: Uint8Array, value: Buffer | undefined): void {
    if (this.written) throw batchSpent(this.store.name)
    this.writes.push({ key: Buffer.from(key), value })
  }
}

/** What is read is the reader's own, as it is when it comes from a disk. */
class MemoryRange implements EntrySource {
  private readonly entries: Iterator<StoreEntry>

  constructor(content: SortedBytes, range: KeyRange) {
    this.entries = content.entries(range)
  }

  next(): StoreEntry | undefined {
    const { done, value } = this.entries.next()
    return done === true ? undefined : { key: Buffer.from(value.key), value: Buffer.from(value.value) }
  }

  close(): void {}
}
