/**
 * A list for each key, one row an element: adding to a list writes that element and reads none of the others.
 *
 * Invariants:
 * 1. Elements lie newest first: a position counts up, and is stored as what it lacks to the highest one. So the newest is the
 *    first row of its key, which tells where to go on.
 * 2. With a time to live each element is forgotten by its own time.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import type { TableStore } from '../topology/store-spec.ts'
import { readPrefix, writePrefix } from './key-prefix.ts'

export interface ListKey<K> {
  readonly key: K
  /** 0 is the oldest. */
  readonly position: number
}

const highest = Number.MAX_SAFE_INTEGER
/** How many lists' ends are kept in memory. */
const maxKnownEnds = 10_000

export function listKeySerde<K>(keys: Serde<K>): Serde<ListKey<K>> {
  return {
    name: `element(${keys.name})`,
    nullable: false,
    // Keys of stores are not null.
    open: async (context) => listKeyCodec((await keys.open(context)) as Codec<K>),
  }
}

function listKeyCodec<K>(keys: Codec<K>): Codec<ListKey<K>> {
  const loadSchema = keys.loadSchema?.bind(keys)
  return {
    encode({ key, position }, writer) {
      writePrefix(keys, key, writer)
      writer.float64(highest - position)
    },
    decode(bytes, start) {
      const { key, end } = readPrefix(keys, bytes, start)
      return { key, position: highest - bytes.readDoubleBE(end) }
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

export class ListRows<K, V> {
  private readonly store: TableStore<ListKey<K>, V>
  /** The position behind the newest element, by key. */
  private readonly ends = new Map<unknown, number>()

  constructor(store: TableStore<ListKey<K>, V>) {
    this.store = store
  }

  add(key: K, value: V, timestampMs: number): void {
    const id = this.store.identity({ key, position: 0 })
    const position = this.ends.get(id) ?? this.endOf(key)
    this.store.put({ key, position }, value, timestampMs)
    if (this.ends.size >= maxKnownEnds) this.ends.clear()
    this.ends.set(id, position + 1)
  }

  /** Oldest first. */
  values(key: K): V[] {
    return this.elements(key).map(([, value]) => value)
  }

  newest(key: K): V | undefined {
    for (const [, value] of this.newestFirst(key)) return value
    return undefined
  }

  removeOldest(key: K, count: number, timestampMs: number): void {
    for (const [at] of this.elements(key).slice(0, count)) this.store.delete(at, timestampMs)
  }

  clear(key: K, timestampMs: number): void {
    for (const [at] of this.elements(key)) this.store.delete(at, timestampMs)
    this.ends.delete(this.store.identity({ key, position: 0 }))
  }

  private elements(key: K): (readonly [ListKey<K>, V])[] {
    return [...this.newestFirst(key)].reverse()
  }

  private newestFirst(key: K): IterableIterator<readonly [ListKey<K>, V]> {
    return this.store.range({ key, position: highest }, { key, position: -1 })
  }

  private endOf(key: K): number {
    for (const [{ position }] of this.newestFirst(key)) return position + 1
    return 0
  }
}
