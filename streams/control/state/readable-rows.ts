/** The rows of a store as of one moment, from wherever they are. To be read before the next wait. */

/** A row as it lies in a database. */
export interface StoredRowBytes {
  /** Encoded, without the store's prefix. */
  readonly key: Buffer
  readonly row: Buffer
}

export interface ReadableRows {
  /** Name of the task; empty for a global table. */
  readonly task: string
  /** Changelog records that a copy lacks; undefined for the task itself. */
  readonly standbyLag: number | undefined
  /** Of the commit that the rows are from; 0 when it is not known. */
  readonly commitNumber: number
  /** The watermark that rows are of; -Infinity when it is not known. */
  readonly watermarkMs: number
  /** @param key encoded */
  get(key: Buffer): StoredRowBytes | undefined
  /** In the order of keys, `to` exclusive; undefined: to the last. */
  range(from: Buffer, to: Buffer | undefined): IterableIterator<StoredRowBytes>
}
