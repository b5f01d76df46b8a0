/** A table that every instance holds whole, for joins by any key. It is read to its end before the first task starts. */
import type { StoreSpec } from '../topology/store-spec.ts'

export class GlobalKTable<K, V> {
  readonly store: StoreSpec<K, V>

  constructor(store: StoreSpec<K, V>) {
    this.store = store
  }
}
