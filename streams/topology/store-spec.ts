/** What a topology says of a store: its name, its types, how long it remembers. The task makes the store from it. */
import type { Serde } from '../serde/serde.ts'

export interface StoreSpec<K = unknown, V = unknown> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** An entry is forgotten this long after its timestamp, by the task's stream time. Undefined: never. */
  readonly ttlMs?: number
}

/** A value with the time it is from. */
export interface Timestamped<V> {
  readonly value: V
  readonly timestampMs: number
}

/** State by key, as operators and processors use it: plain calls, no waiting. */
export interface KeyValueStore<K, V> {
  get(key: K): V | undefined
  getTimestamped(key: K): Timestamped<V> | undefined
  /** Without a timestamp: that of the record being processed. */
  put(key: K, value: V, timestampMs?: number): void
  delete(key: K, timestampMs?: number): void
  /** All entries with `from <= key < to` in the order of their encoded keys, as of now. */
  range(from?: K, to?: K): IterableIterator<readonly [K, V]>
}

/** A live entry of a table's store, for operators that read and write the same key at once. */
export interface LiveEntry<K, V> {
  readonly key: K
  /** Null: there is none. */
  readonly value: V | null
  readonly timestampMs: number
  /** Changed since the last commit. */
  readonly dirty: boolean
}

/** A change of a row: null stands for "no row". */
export type TableReceiver<K, V> = (
  key: K,
  newValue: V | null,
  oldValue: V | null,
  timestampMs: number,
) => void

/** What table operators see of their store beside `KeyValueStore`: one look-up for a read and the write after it. */
export interface TableStore<K, V> extends KeyValueStore<K, V> {
  entry(key: K): LiveEntry<K, V>
  update(entry: LiveEntry<K, V>, value: V | null, timestampMs: number): void
  /** A primitive that stands for a key in a Map: equal for equal keys, also when keys are objects. */
  identity(key: K): unknown
  /** The value as it would be read back, in an object of its own. */
  copy(value: V): V
  /** An operator failed on what the row has become: it goes to the dead letters, or stops the task, by policy. */
  reject(key: K, error: unknown): void
  /** Called at commit for each row that changed since the last one, with the value it had then. */
  onFlush(receiver: TableReceiver<K, V>): void
  /** Called for each row that is forgotten for its age, when that is noticed: when it is looked up, or at commit. */
  onExpiry(receiver: TableReceiver<K, V>): void
}

/** Declares a store for a processor. */
export function keyValueStore<K, V>(spec: StoreSpec<K, V>): StoreSpec<K, V> {
  return spec
}
