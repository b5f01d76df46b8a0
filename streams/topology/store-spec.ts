/** What a topology says of a store: its name, its types, how long it remembers. The task makes the store from it. */
import type { Serde } from '../serde/serde.ts'
import type { StoreView } from './store-view.ts'

/** A key in a window of time: the end of one that has a size is the first millisecond behind it. */
export interface Windowed<out K> {
  readonly key: K
  readonly startMs: number
  readonly endMs: number
}

/** Of a store whose rows are of windows of one size; its keys are `Windowed`, and encoded with the start first. */
export interface WindowSpec {
  readonly sizeMs: number
  /** How long after its end, by the watermark, a window is kept. */
  readonly retentionMs: number
  /** Whether its rows are passed on when their windows close, each once: none is forgotten before. */
  readonly closes: boolean
}

export interface StoreSpec<K = unknown, V = unknown> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** An entry is forgotten this long after its timestamp, by the task's stream time. Undefined: never. */
  readonly ttlMs?: number
  readonly windows?: WindowSpec
  /** For whoever looks in from outside. Undefined: plain keys and values. */
  readonly view?: StoreView
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

/** What operators over windows see of their store beside that. */
export interface WindowTable<K, V> extends TableStore<Windowed<K>, V> {
  /** As `entry`, with nothing made for the look-up. */
  window(key: K, startMs: number): LiveEntry<Windowed<K>, V>
  /** As `window`, where there mostly is no such row: undefined then, or a row without a value. */
  peek(key: K, startMs: number): LiveEntry<Windowed<K>, V> | undefined
  /** Windows that begin before this were closed, whatever the time is. */
  readonly closedBeforeMs: number
  /** Where the earliest window that was not closed yet begins; Infinity when there is none. */
  firstUnclosedMs(): number
  /**
   * Closes windows that begin before a time, in the order of their starts and then of their encoded keys: hands each row
   * over, once for ever, up to a number. No row of them may be changed before they are closed entirely.
   */
  close(beforeMs: number, maxRows: number, handOver: (row: LiveEntry<Windowed<K>, V>) => void): void
  /** Closes windows that begin before a time, whose rows were seen to in another way. */
  closeBefore(beforeMs: number): void
}

/** Declares a store for a processor. */
export function keyValueStore<K, V>(spec: StoreSpec<K, V>): StoreSpec<K, V> {
  return spec
}
