/** Puts changelog records into a task's database as they are: no codec, no live object, no operator. */
import type { StoreBatch } from '../ports/store.ts'
import { ExpiryIndex } from './expiry.ts'
import { rowTimestamp } from './row-codec.ts'
import { type StoredStore, section, type TaskDatabase } from './task-database.ts'

export class RowRestorer {
  readonly name: string
  private readonly database: TaskDatabase
  private readonly prefix: Buffer
  private readonly expiry: ExpiryIndex | undefined
  /** What was put into a batch, which the database does not show yet: a key may come more than once. */
  private written: { readonly batch: StoreBatch | undefined; readonly timestampsMs: Map<string, number> } = {
    batch: undefined,
    timestampsMs: new Map(),
  }

  constructor({ name, ttlMs }: StoredStore, database: TaskDatabase) {
    this.name = name
    this.database = database
    this.prefix = database.prefix(name, section.rows)
    this.expiry =
      ttlMs === undefined ? undefined : new ExpiryIndex(ttlMs, database.prefix(name, section.expiry))
  }

  /** Puts one changelog record into a batch; a row of null deletes the key. */
  restore(key: Buffer, row: Buffer | null, batch: StoreBatch): void {
    const full = Buffer.concat([this.prefix, key])
    if (this.expiry !== undefined) {
      const from = this.timestampOf(full, batch)
      const to = row === null ? Number.NaN : rowTimestamp(row)
      this.expiry.move(batch, key, from, to)
      this.written.timestampsMs.set(full.toString('latin1'), to)
    }
    if (row === null) batch.delete(full)
    else batch.put(full, row)
  }

  /** The timestamp of a row as of the batch that is being filled; NaN when there is none. */
  private timestampOf(key: Buffer, batch: StoreBatch): number {
    if (this.written.batch !== batch) this.written = { batch, timestampsMs: new Map() }
    const inBatch = this.written.timestampsMs.get(key.toString('latin1'))
    if (inBatch !== undefined) return inBatch
    const row = this.database.store.get(key)
    return row === undefined ? Number.NaN : rowTimestamp(row)
  }
}
