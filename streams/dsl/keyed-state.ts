/**
 * State of a keyed processor: each handle stands for what is kept of the key at hand.
 *
 * Invariants:
 * 1. Handles are made with the processor, which names them; they can be used once a task has bound them, and only while it
 *    processes a record or a timer.
 * 2. What is written has the time of the record or timer at hand, by which it is forgotten when it has a time to live.
 */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import { type ListKey, ListRows, listKeySerde } from '../state/list-rows.ts'
import { type MapKey, MapRows, mapKeySerde } from '../state/map-rows.ts'
import type { KeyValueStore, StoreSpec } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import type { TaskContext } from '../topology/task-context.ts'

/** One value a key. */
export interface ValueState<V> {
  get(): V | undefined
  set(value: V): void
  clear(): void
}

/** A list a key, in the order of adding. Adding writes the new element alone, however long the list is. */
export interface ListState<V> {
  add(value: V): void
  /** Oldest first. */
  values(): V[]
  newest(): V | undefined
  removeOldest(count?: number): void
  /** Replaces all elements. */
  set(values: Iterable<V>): void
  clear(): void
}

/** A map a key. Each entry is read and written by itself, however large the map is. */
export interface MapState<F, V> {
  get(field: F): V | undefined
  has(field: F): boolean
  set(field: F, value: V): void
  delete(field: F): void
  /** In the order of the encoded fields. */
  entries(): (readonly [F, V])[]
  clear(): void
}

export interface StateOptions {
  /** What was written is forgotten this long after, by the time of the records. Undefined: never. */
  readonly ttlMs?: number
}

/** What a processor was called with. */
export interface CurrentKey {
  key: unknown
  timestampMs: number
}

/** A handle as the engine sees it. */
export interface DeclaredState {
  /** Unique within the processor. */
  readonly name: string
  /** Whether its rows have the keys of the records: they can be read ahead. */
  readonly isByKey: boolean
  specFor(store: string, keys: Serde<unknown>): StoreSpec
  bind(task: TaskContext, store: string, keys: Serde<unknown>, current: CurrentKey): void
}

/** What handles have in common: their store, once they are bound. */
abstract class Handle<R> {
  readonly name: string
  private rows: R | undefined
  private current: CurrentKey = { key: undefined, timestampMs: 0 }

  constructor(name: string) {
    this.name = name
  }

  protected attach(rows: R, current: CurrentKey): void {
    this.rows = rows
    this.current = current
  }

  protected get bound(): R {
    if (this.rows !== undefined) return this.rows
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `state "${this.name}" was used outside process and onTimer: there is no key there that it could be of`,
    )
  }

  protected get key(): unknown {
    return this.current.key
  }

  protected get timestampMs(): number {
    return this.current.timestampMs
  }
}

export class ValueHandle<V>
  extends Handle<KeyValueStore<unknown, V>>
  implements ValueState<V>, DeclaredState
{
  readonly isByKey = true
  private readonly serde: Serde<V>
  private readonly options: StateOptions

  constructor(name: string, serde: Serde<V>, options: StateOptions) {
    super(name)
    this.serde = serde
    this.options = options
  }

  specFor(store: string, keys: Serde<unknown>): StoreSpec<unknown, V> {
    return {
      name: store,
      key: keys,
      value: this.serde,
      ...byKey('plain', keys, this.serde),
      ...this.options,
    }
  }

  bind(task: TaskContext, store: string, keys: Serde<unknown>, current: CurrentKey): void {
    this.attach(task.store(this.specFor(store, keys)), current)
  }

  get(): V | undefined {
    return this.bound.get(this.key)
  }

  set(value: V): void {
    this.bound.put(this.key, value, this.timestampMs)
  }

  clear(): void {
    this.bound.delete(this.key, this.timestampMs)
  }
}

export class ListHandle<V> extends Handle<ListRows<unknown, V>> implements ListState<V>, DeclaredState {
  readonly isByKey = false
  private readonly serde: Serde<V>
  private readonly options: StateOptions

  constructor(name: string, serde: Serde<V>, options: StateOptions) {
    super(name)
    this.serde = serde
    this.options = options
  }

  specFor(store: string, keys: Serde<unknown>): StoreSpec<ListKey<unknown>, V> {
    return {
      name: store,
      key: listKeySerde(keys),
      value: this.serde,
      ...byKey('list', keys, this.serde),
      ...this.options,
    }
  }

  bind(task: TaskContext, store: string, keys: Serde<unknown>, current: CurrentKey): void {
    this.attach(new ListRows(task.store(this.specFor(store, keys))), current)
  }

  add(value: V): void {
    this.bound.add(this.key, value, this.timestampMs)
  }

  values(): V[] {
    return this.bound.values(this.key)
  }

  newest(): V | undefined {
    return this.bound.newest(this.key)
  }

  removeOldest(count = 1): void {
    this.bound.removeOldest(this.key, count, this.timestampMs)
  }

  set(values: Iterable<V>): void {
    const elements = [...values]
    this.clear()
    for (const value of elements) this.add(value)
  }

  clear(): void {
    this.bound.clear(this.key, this.timestampMs)
  }
}

export class MapHandle<F, V> extends Handle<MapRows<unknown, F, V>> implements MapState<F, V>, DeclaredState {
  readonly isByKey = false
  private readonly fields: Serde<F>
  private readonly serde: Serde<V>
  private readonly options: StateOptions

  constructor(name: string, fields: Serde<F>, serde: Serde<V>, options: StateOptions) {
    super(name)
    this.fields = fields
    this.serde = serde
    this.options = options
  }

  specFor(store: string, keys: Serde<unknown>): StoreSpec<MapKey<unknown, F>, V> {
    return {
      name: store,
      key: mapKeySerde(keys, this.fields),
      value: this.serde,
      ...byKey('map', keys, this.serde, { field: this.fields }),
      ...this.options,
    }
  }

  bind(task: TaskContext, store: string, keys: Serde<unknown>, current: CurrentKey): void {
    this.attach(new MapRows(task.store(this.specFor(store, keys))), current)
  }

  get(field: F): V | undefined {
    return this.bound.get(this.key, field)
  }

  has(field: F): boolean {
    return this.get(field) !== undefined
  }

  set(field: F, value: V): void {
    this.bound.set(this.key, field, value, this.timestampMs)
  }

  delete(field: F): void {
    this.bound.delete(this.key, field, this.timestampMs)
  }

  entries(): (readonly [F, V])[] {
    return this.bound.entries(this.key)
  }

  clear(): void {
    this.bound.clear(this.key, this.timestampMs)
  }
}
