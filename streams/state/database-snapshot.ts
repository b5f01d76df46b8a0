/**
 * The committed rows of a task's stores as of one moment, to be read at leisure while the task goes on.
 *
 * Invariants:
 * 1. All stores and the position are of the same commit: the snapshot is taken without giving up the turn.
 * 2. It holds nobody up, but the database keeps what it shows: release it soon, and before the database is closed.
 */
import { StreamsError } from '../errors.ts'
import type { StoreEntry } from '../ports/store.ts'
import { type CommittedPosition, endOfPrefix, section, type TaskDatabase } from './task-database.ts'

interface OpenStore {
  readonly prefixBytes: number
  readonly entries: IterableIterator<StoreEntry>
}

export class DatabaseSnapshot {
  readonly position: CommittedPosition
  private readonly stores = new Map<string, OpenStore>()
  private isReleased = false

  constructor(database: TaskDatabase, storeNames: readonly string[]) {
    this.position = database.position
    for (const name of storeNames) {
      const prefix = database.prefix(name, section.rows)
      const entries = database.store.range({ from: prefix, to: endOfPrefix(prefix) })
      this.stores.set(name, { prefixBytes: prefix.length, entries })
    }
  }

  /** The rows of a store in the order of their keys, as they lie in its changelog; once. @throws CLOSED when it was released */
  *rows(storeName: string): IterableIterator<StoreEntry> {
    const store = this.stores.get(storeName)
    if (store === undefined)
      throw new StreamsError('INVARIANT_VIOLATED', `the snapshot has no store ${storeName}`)
    for (;;) {
      // One that was released looks as if it had come to its end.
      if (this.isReleased) throw new StreamsError('CLOSED', 'the task was let go while its state was read')
      const { done, value } = store.entries.next()
      if (done === true) return
      yield { key: value.key.subarray(store.prefixBytes), value: value.value }
    }
  }

  release(): void {
    this.isReleased = true
    for (const { entries } of this.stores.values()) entries.return?.()
  }
}
