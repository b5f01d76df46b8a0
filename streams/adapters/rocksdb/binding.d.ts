/**
 * The native binding of the `rocksdb` package, as far as it is used here. The package exposes it to its own classes only
 * and is therefore pinned to one version; it ships no types.
 */
declare module 'rocksdb/binding.js' {
  export interface Database {
    readonly kind: 'database'
  }
  export interface Batch {
    readonly kind: 'batch'
  }
  export interface Iterator {
    readonly kind: 'iterator'
  }

  export interface OpenOptions {
    readonly createIfMissing?: boolean
    /** `universal` merges runs of files by size; the write buffer is then a quarter of `memtableMemoryBudget`. */
    readonly compaction?: 'universal' | 'level'
    readonly memtableMemoryBudget?: number
    /** Zstandard, for the older 80% of the data. */
    readonly compression?: boolean
    readonly walCompression?: boolean
    /** Bytes of the block cache. */
    readonly cacheSize?: number
    /** Bytes of a block: what one read fetches. */
    readonly blockSize?: number
    /** `point-lookup`: hash index in blocks, ribbon filter of 10 bits a key on files and a bloom filter on memtables. */
    readonly optimize?: 'point-lookup'
    /** Background threads. They are shared by all databases of the process. */
    readonly parallelism?: number
  }

  export interface RangeOptions {
    readonly gte?: Uint8Array
    readonly lt?: Uint8Array
    readonly reverse?: boolean
    readonly limit?: number
    readonly keyEncoding: 'buffer'
    readonly valueEncoding: 'buffer'
    readonly fillCache?: boolean
    /** A slice ends after this many bytes. */
    readonly highWaterMarkBytes?: number
  }

  interface Binding {
    db_init(directory: string): Database
    db_open(database: Database, options: OpenOptions, callback: (error: Error | null) => void): void
    db_close(database: Database, callback: (error: Error | null) => void): void
    db_get_property(database: Database, name: string): string
    db_get_many_sync(database: Database, keys: readonly Uint8Array[], options: object): (Buffer | undefined)[]
    /** Does not call back when a value cannot be read: see failed-reads.ts. */
    db_get_many(
      database: Database,
      keys: readonly Uint8Array[],
      options: object,
      callback: (error: Error | null, values: (Buffer | undefined)[]) => void,
    ): void
    /** Without a limit, by one range tombstone. */
    db_clear(database: Database, options: { readonly gte: Uint8Array; readonly lt: Uint8Array }): void
    batch_init(): Batch
    /** Options that are there are looked into, call by call. */
    batch_put(batch: Batch, key: Uint8Array, value: Uint8Array, options: undefined): void
    batch_del(batch: Batch, key: Uint8Array, options: undefined): void
    batch_clear(batch: Batch): void
    batch_write(database: Database, batch: Batch, options: { readonly sync?: boolean }): void
    iterator_init(database: Database, options: RangeOptions): Iterator
    /** Keys and values by turns. */
    iterator_nextv_sync(
      iterator: Iterator,
      count: number,
    ): { readonly rows: Buffer[]; readonly finished: boolean }
    iterator_close(iterator: Iterator): void
  }

  const binding: Binding
  export default binding
}
