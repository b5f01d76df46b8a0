/** A store as its task holds it, and as those see it who look in from outside. */
import type { StoreBatch } from '../ports/store.ts'
import type { RecordBatchBuilder } from '../records/record-batch.ts'

export interface FlushFailure {
  readonly store: string
  readonly timestampMs: number
  readonly key: Buffer
  /** As it would lie in the changelog; null for a deletion. */
  readonly row: Buffer | null
}

/** A row that has changed since the last commit. */
export interface RowChange {
  /** Encoded. */
  readonly key: Buffer
  /** As it would lie in the database; null when there is none any more. */
  readonly row: Buffer | null
}

/**
 * What a store has that its database has not, for whoever looks in from outside between two turns of its task. Nothing is loaded,
 * kept or forgotten by looking.
 */
export interface UncommittedRows {
  /** Undefined: it is as in the database. @param key encoded */
  changeOf(key: Buffer): RowChange | undefined
  /** In the order of their keys, `to` exclusive; undefined: to the last. To be gone through before the task works on. */
  changesBetween(from: Buffer, to: Buffer | undefined): Iterable<RowChange>
  /** Windows that begin before this are gone; 0 where there are none. */
  readonly keptFromMs: number
}

/** A store with its types hidden, as the task holds it. */
export interface CommittableStore extends UncommittedRows {
  readonly name: string
  readonly dirtyCount: number
  readonly cachedBytes: number
  readonly cachedRows: number
  /** Passes the changes since the last commit on, each once however often it is called; false when there was none. */
  flush(): boolean
  /** Encodes changed rows into the changelog and the batch. */
  encode(changelog: RecordBatchBuilder, batch: StoreBatch): void
  /** The commit took place: what was encoded is in the log and in the database. */
  committed(): void
  /** Loads what of these keys is not in the cache; undefined when nothing has to be read. */
  readAhead(keys: readonly unknown[]): Promise<void> | undefined
  /** Forgets up to `limit` rows that have outlived their time. */
  expire(limit: number): void
  /** Whether a row, as it lies in the database, can still be seen: its time is not over. Beside windows lies where closing stands. */
  shows(key: Buffer, row: Buffer): boolean
}
