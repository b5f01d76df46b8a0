/** A map for each key, one row an entry: reading or writing one entry touches none of the others. */
import type { Codec, Serde } from '../serde/serde.ts'
import type { KeyValueStore } from '../topology/store-spec.ts'
import { readPrefix, writePrefix } from './key-prefix.ts'

export interface MapEntryKey<K, F> {
  readonly key: K
  readonly field: F
}

/** The bound of a range: comes before, or after, all entries of a key. */
interface MapBound<K> {
  readonly key: K
  readonly bound: 'first' | 'end'
}

export type MapKey<K, F> = MapEntryKey<K, F> | MapBound<K>

/** Follows the key in entries; what has no such byte comes before them, what has the next one comes behind. */
const entryMark = 0
const endMark = 1

export function mapKeySerde<K, F>(keys: Serde<K>, fields: Serde<F>): Serde<MapKey<K, F>> {
  return {
    name: `entry(${keys.name}, ${fields.name})`,
    nullable: false,
    open: async ({ registry, subject }) => {
      const fieldSubject = `${subject}-field`
      // Neither keys of stores nor those of maps are null.
      return mapKeyCodec(
        (await keys.open({ registry, subject })) as Codec<K>,
        (await fields.open({ registry, subject: fieldSubject })) as Codec<F>,
      )
    },
  }
}

function mapKeyCodec<K, F>(keys: Codec<K>, fields: Codec<F>): Codec<MapKey<K, F>> {
  return {
    encode(at, writer) {
      writePrefix(keys, at.key, writer)
      if ('field' in at) {
        writer.byte(entryMark)
        fields.encode(at.field, writer)
      } else if (at.bound === 'end') writer.byte(endMark)
    },
    decode(bytes, start, end) {
      const { key, end: keyEnd } = readPrefix(keys, bytes, start)
      return { key, field: fields.decode(bytes, keyEnd + 1, end) }
    },
    async loadSchema(id) {
      await keys.loadSchema?.(id)
      await fields.loadSchema?.(id)
    },
  }
}

export class MapRows<K, F, V> {
  private readonly store: KeyValueStore<MapKey<K, F>, V>

  constructor(store: KeyValueStore<MapKey<K, F>, V>) {
    this.store = store
  }

  get(key: K, field: F): V | undefined {
    return this.store.get({ key, field })
  }

  set(key: K, field: F, value: V, timestampMs: number): void {
    this.store.put({ key, field }, value, timestampMs)
  }

  delete(key: K, field: F, timestampMs: number): void {
    this.store.delete({ key, field }, timestampMs)
  }

  /** In the order of the encoded fields. */
  entries(key: K): (readonly [F, V])[] {
    const entries: (readonly [F, V])[] = []
    for (const [at, value] of this.store.range({ key, bound: 'first' }, { key, bound: 'end' })) {
      if ('field' in at) entries.push([at.field, value])
    }
    return entries
  }

  clear(key: K, timestampMs: number): void {
    for (const [field] of this.entries(key)) this.delete(key, field, timestampMs)
  }
}
