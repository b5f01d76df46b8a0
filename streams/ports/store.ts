/**
 * The store: an ordered map of bytes on local disk, one database per task.
 *
 * 1. Keys order as unsigned bytes.
 * 2. A batch is applied whole or not at all, also when the process is killed in the middle.
 * 3. A read sees every batch written before it was called.
 * `tests/contracts/store-contract.ts` states this as tests; every adapter passes it.
 */

/** What an open database may take of memory, in bytes. */
export interface StoreMemory {
  /** Uncompressed blocks of the files that were read lately. */
  readonly blockCacheBytes: number
  /** Of one buffer of writes; several are there while the disk is slow: expect two to three times this much. */
  readonly writeBufferBytes: number
}

export const defaultStoreMemory: StoreMemory = {
  blockCacheBytes: 16 * 1024 * 1024,
  writeBufferBytes: 8 * 1024 * 1024,
}

export interface StoreProvider {
  /**
   * Opens the database with this name, creating it when missing. Names are paths of one or more segments of letters,
   * digits, `.`, `_` and `-`, joined by `/`. No name may lie below another's: not `a/b` where `a` is a database.
   * @param memory what it may take, where the provider has a say in that
   * @throws CONFIGURATION_INVALID, STATE_DIRECTORY_LOCKED, STATE_DIRECTORY_UNUSABLE, STATE_CORRUPT, STORAGE_FULL
   */
  open(name: string, memory?: StoreMemory): Promise<Store>
  /** Deletes a database that is not open. Does nothing when there is none. */
  destroy(name: string): Promise<void>
  exists(name: string): Promise<boolean>
}

export interface KeyRange {
  /** Inclusive. */
  readonly from?: Uint8Array
  /** Exclusive. */
  readonly to?: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

export interface StoreEntry {
  readonly key: Buffer
  readonly value: Buffer
}

/** Writes that belong together, in order; the bytes are copied or written by the time `put` and `delete` return. */
export interface StoreBatch {
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  readonly length: number
}

export interface StoreReader {
  get(key: Uint8Array): Buffer | undefined
  /** In the order asked, without blocking the event loop. */
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>
  /** The entries of a range in key order as of the call, read in slices. Must be run to its end or `return`ed. */
  range(range: KeyRange): IterableIterator<StoreEntry>
}

/** In bytes, but for the files. What a store has none of is 0. */
export interface StoreSize {
  readonly diskBytes: number
  /** Of all: buffers of writes, cache of blocks, and what else is kept of files. */
  readonly memoryBytes: number
  readonly memtableBytes: number
  readonly blockCacheBytes: number
  /** Sorted runs that a read may have to look into. */
  readonly level0Files: number
  /** What a compaction that is due may have to rewrite, at most. */
  readonly pendingCompactionBytes: number
}

export interface Store extends StoreReader {
  batch(): StoreBatch
  /**
   * Applies a batch made by this store, which is spent then; one that could not be written can be tried again. With
   * `sync` it survives a power failure, without it a kill of the process.
   * @throws STORAGE_FULL, STATE_CORRUPT
   */
  write(batch: StoreBatch, options?: { readonly sync?: boolean }): void
  /**
   * Deletes all entries from a key on and before another, whole or not at all, in a time that does not grow with them. For
   * what nobody reads any more: it is not part of any batch.
   */
  deleteRange(from: Uint8Array, to: Uint8Array): void
  /** Estimates, in a time that does not grow with what is there. */
  size(): StoreSize
  /** @throws INVARIANT_VIOLATED, after it has closed, when ranges were left open. */
  close(): Promise<void>
}
