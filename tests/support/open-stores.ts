/** A store provider that lets a test at the databases that are open, as a failing disk would. */
import type { Store, StoreProvider } from '../../streams/index.ts'

export interface WatchedStores {
  readonly stores: StoreProvider
  /** By name, those that were opened; the newest of each name. */
  readonly open: ReadonlyMap<string, Store>
}

export function watchedStores(inner: StoreProvider): WatchedStores {
  const open = new Map<string, Store>()
  return {
    open,
    stores: {
      open: async (name) => {
        const store = await inner.open(name)
        open.set(name, store)
        return store
      },
      destroy: (name) => inner.destroy(name),
      exists: (name) => inner.exists(name),
    },
  }
}
