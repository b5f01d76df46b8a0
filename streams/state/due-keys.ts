/**
 * Keys by the time at which something is due with them: rows of a store of their own, laid out as timers, which whoever keeps
 * them writes along with the rows that they are for.
 *
 * A key lies under one time at most; its owner knows which, and moves it.
 */
import type { Serde } from '../serde/serde.ts'
import { TimerFront } from '../time/timer-front.ts'
import { type Timer, type TimerKey, type TimerRow, timerStore } from '../time/timer-key.ts'
import type { StoreSpec, TableStore } from '../topology/store-spec.ts'
import { internal } from '../topology/store-view.ts'

export type DueStore<K> = StoreSpec<TimerKey<K>, TimerRow>

export interface DueKey<K> {
  readonly key: K
  readonly timeMs: number
}

export function dueKeysSpec<K>(name: string, keys: Serde<K>): DueStore<K> {
  const store = timerStore(name, keys)
  return { ...store, ...internal(store.key, store.value) }
}

const never = Number.POSITIVE_INFINITY

export class DueKeys<K> {
  private readonly store: TableStore<TimerKey<K>, TimerRow>
  private readonly front: TimerFront<K>

  constructor(store: TableStore<TimerKey<K>, TimerRow>) {
    this.store = store
    this.front = new TimerFront(store, 'event-time')
  }

  /** When the first key is due, or earlier; Infinity when there is none. */
  get nextMs(): number {
    return this.front.nextMs
  }

  /** @param fromMs where it lies, Infinity for nowhere; the same for `toMs` @param nowMs what the change is dated */
  move(key: K, fromMs: number, toMs: number, nowMs: number): void {
    if (fromMs !== never) this.store.delete(timerOf(key, fromMs), nowMs)
    if (toMs === never) return
    const timer = timerOf(key, toMs)
    this.store.put(timer, 0, nowMs)
    this.front.add(timer)
  }

  /** The first key that is due at a time. It must be moved before another is asked for. */
  take(reachedMs: number): DueKey<K> | undefined {
    for (;;) {
      const timer = this.front.take(reachedMs)
      // What was moved meanwhile lies elsewhere.
      if (timer === undefined || this.store.entry(timer).value !== null) return timer
    }
  }

  /** Some keys in the order of their times, due or not, behind one. */
  after(behind: DueKey<K> | undefined, limit: number): DueKey<K>[] {
    const from =
      behind === undefined ? { by: 'event-time' as const, timeMs: 0 } : timerOf(behind.key, behind.timeMs)
    const first = behind === undefined ? undefined : this.store.identity(from)
    const rows: DueKey<K>[] = []
    for (const [timer] of this.store.range(from)) {
      if (rows.length === limit) break
      // What is stored is no bound.
      if (first === undefined || this.store.identity(timer) !== first) rows.push(timer as Timer<K>)
    }
    return rows
  }
}

function timerOf<K>(key: K, timeMs: number): Timer<K> {
  return { by: 'event-time', timeMs, key, name: '' }
}
