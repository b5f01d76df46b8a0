/** A versioned store as a processor uses it. */
import { VersionedRows, type VersionedStoreSpec } from '../state/versioned-rows.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { StoreSpec, Timestamped } from '../topology/store-spec.ts'
import type { TaskContext } from '../topology/task-context.ts'

/** Rows that remember what they were: see `versionedStore`. */
export interface VersionedKeyValueStore<K, V> {
  /** The row as it is, with the time from which on it has been so. */
  getTimestamped(key: K): Timestamped<V> | undefined
  /** The row as it was at a time. What lies behind the history is only known of a row that has not changed since. */
  getAsOf(key: K, timeMs: number): Timestamped<V> | undefined
  /**
   * Says what the row is from a time on, until a newer version's; without one, from that of the record being processed on. A version
   * that lies behind the history is left out, counted as late.
   */
  put(key: K, value: V, timestampMs?: number): void
  delete(key: K, timestampMs?: number): void
}

export function isVersioned(spec: StoreSpec): spec is VersionedStoreSpec {
  return 'historyMs' in spec
}

export class ProcessorVersions<K, V> implements VersionedKeyValueStore<K, V> {
  private readonly rows: VersionedRows<K, V>
  private readonly current: { readonly timestampMs: number }
  private readonly onTooOld: () => void

  constructor(
    task: TaskContext,
    node: GraphNode,
    spec: VersionedStoreSpec<K, V>,
    current: { readonly timestampMs: number },
  ) {
    this.rows = new VersionedRows(task, spec)
    this.current = current
    this.onTooOld = () => task.dropped(node, 'late')
  }

  getTimestamped(key: K): Timestamped<V> | undefined {
    return this.rows.latest(key)
  }

  getAsOf(key: K, timeMs: number): Timestamped<V> | undefined {
    return this.rows.asOf(key, timeMs)
  }

  put(key: K, value: V, timestampMs = this.current.timestampMs): void {
    this.write(key, value, timestampMs)
  }

  delete(key: K, timestampMs = this.current.timestampMs): void {
    this.write(key, null, timestampMs)
  }

  private write(key: K, value: V | null, timestampMs: number): void {
    if (this.rows.put(this.rows.store.entry(key), value, timestampMs) === 'too-old') this.onTooOld()
  }
}
