/**
 * Keys by the time at which something is due with them: rows of a store of their own, in the order of time, which whoever
 * keeps them writes along with the rows that they are for.
 *
 * Invariants:
 * 1. A key lies under one time at most; its owner knows which, and moves it.
 * 2. No row lies before `fromMs`: what was due is deleted, and not walked over again.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import type { StoreSpec, TableStore } from '../topology/store-spec.ts'

export interface DueKey<K> {
  readonly timeMs: number
  /** Undefined comes before all keys: the bound of a range. */
  readonly key?: K
}

export interface DueRow<K> extends DueKey<K> {
  readonly key: K
}

const timeBytes = 8

export function dueKeysSpec<K>(name: string, keys: Serde<K>): StoreSpec<DueKey<K>, true> {
  return { name, key: dueKeySerde(keys), value: nothing }
}

function dueKeySerde<K>(keys: Serde<K>): Serde<DueKey<K>> {
  return {
    name: `due(${keys.name})`,
    nullable: false,
    // Keys of stores are not null.
    open: async (context) => dueKeyCodec((await keys.open(context)) as Codec<K>),
  }
}

function dueKeyCodec<K>(keys: Codec<K>): Codec<DueKey<K>> {
  const loadSchema = keys.loadSchema?.bind(keys)
  return {
    encode({ timeMs, key }, writer) {
      writer.float64(timeMs)
      if (key !== undefined) keys.encode(key, writer)
    },
    decode: (bytes, start, end) => ({
      timeMs: bytes.readDoubleBE(start),
      key: keys.decode(bytes, start + timeBytes, end),
    }),
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

/** That the row is there says all. */
const nothing: Serde<true> = {
  name: 'nothing',
  nullable: false,
  open: async () => ({ encode: () => {}, decode: () => true }),
}

export class DueKeys<K> {
  private readonly store: TableStore<DueKey<K>, true>
  private fromMs = 0

  constructor(store: TableStore<DueKey<K>, true>) {
    this.store = store
  }

  /** @param fromMs where it lies, Infinity for nowhere; the same for `toMs` @param nowMs what the change is dated */
  move(key: K, fromMs: number, toMs: number, nowMs: number): void {
    if (fromMs !== Number.POSITIVE_INFINITY) this.store.delete({ timeMs: fromMs, key }, nowMs)
    if (toMs === Number.POSITIVE_INFINITY) return
    this.store.put({ timeMs: toMs, key }, true, nowMs)
    if (toMs < this.fromMs) this.fromMs = toMs
  }

  /** The first keys, in order, that are due at a time. @param behind only those behind this one */
  due(untilMs: number, limit: number, behind?: DueRow<K>): DueRow<K>[] {
    const rows: DueRow<K>[] = []
    for (const row of this.rows(behind)) {
      if (row.timeMs > untilMs || rows.length === limit) break
      if (behind === undefined || !this.isSame(row, behind)) rows.push(row)
    }
    return rows
  }

  /** When the first key is due; Infinity when there is none. */
  nextMs(): number {
    for (const { timeMs } of this.rows()) {
      this.fromMs = timeMs
      return timeMs
    }
    return Number.POSITIVE_INFINITY
  }

  private *rows(from: DueKey<K> = { timeMs: this.fromMs }): IterableIterator<DueRow<K>> {
    for (const [{ timeMs, key }] of this.store.range(from)) {
      // Rows have keys; only bounds have none.
      if (key !== undefined) yield { timeMs, key }
    }
  }

  private isSame(left: DueRow<K>, right: DueRow<K>): boolean {
    return left.timeMs === right.timeMs && this.store.identity(left) === this.store.identity(right)
  }
}
