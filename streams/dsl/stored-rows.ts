/** Rows in a store, as the operators of tables read and write them. */
import type { StoreSpec, TableReceiver, TableStore } from '../topology/store-spec.ts'
import type { TableRows } from '../topology/stream-node.ts'
import type { TaskContext } from '../topology/task-context.ts'

export function storedRows<K, V>(task: TaskContext, spec: StoreSpec<K, V>): TableRows<K, V> {
  const store = task.store(spec)
  return {
    get: (key) => store.getTimestamped(key),
    identity: (key) => store.identity(key),
    reject: (key, error) => store.reject(key, error),
  }
}

/**
 * A function of what rows were, for one of what they are: null where it throws. It threw on that row already when the
 * row was new, so nothing of it was passed on, and the change that replaces it must not fail for it again.
 */
export function ofRowsBefore<A extends readonly unknown[], R>(
  compute: (...row: A) => R | null,
): (...row: A) => R | null {
  return (...row) => {
    try {
      return compute(...row)
    } catch {
      return null
    }
  }
}

/**
 * Sees to it that a store's changes reach the table behind it. Answers what to call with each change; nothing, when
 * the store passes the last of each key on at commit.
 */
export function passingOn<K, V>(
  task: TaskContext,
  store: TableStore<K, V>,
  receive: TableReceiver<K, V>,
): TableReceiver<K, V> | undefined {
  if (task.emission === 'per-commit') {
    store.onFlush(receive)
    return undefined
  }
  store.onExpiry(receive)
  return receive
}

/** Replaces rows and passes the changes on. */
export function writeRows<K, V>(
  task: TaskContext,
  spec: StoreSpec<K, V>,
  receive: TableReceiver<K, V>,
): (key: K, value: V | null, timestampMs: number) => void {
  const store = task.store(spec)
  const passOn = passingOn(task, store, receive)
  if (passOn === undefined) {
    return (key, value, timestampMs) => store.update(store.entry(key), value, timestampMs)
  }
  return (key, value, timestampMs) => {
    const entry = store.entry(key)
    const old = entry.value
    store.update(entry, value, timestampMs)
    passOn(key, value, old, timestampMs)
  }
}
