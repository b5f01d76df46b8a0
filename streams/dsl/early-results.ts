/**
 * Passing windows on at intervals while they are open.
 *
 * Invariants:
 * 1. A window that changed since it was last passed on lies under the next multiple of the interval, once; and is passed on when the
 *    watermark, or the clock, has reached that. Under what time it lies, and what was passed on of it, are rows that are
 *    committed with the results: no crash repeats one or leaves one out.
 * 2. A window that closes by then is left to its closing, which passes it on for the last time: so it is never passed on early
 *    after that. Whoever closes windows registers its alarm after making this, and so is woken after it.
 * 3. A window that was passed on and is not there any more is taken back right before the one that it became; at once, if
 *    there is none.
 */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import { type DueKey, DueKeys, type DueStore, dueKeysSpec } from '../state/due-keys.ts'
import { type EarlyRow, earlyRowSerde, type ReplacedWindow, untouched } from '../state/early-rows.ts'
import { never } from '../time/alarms.ts'
import type { TimerKind } from '../time/timer-key.ts'
import type { LiveEntry, StoreSpec, TableStore, Timestamped, Windowed } from '../topology/store-spec.ts'
import { internal } from '../topology/store-view.ts'
import type { Alarm, TaskContext } from '../topology/task-context.ts'
import type { TableOutlet } from './table-sources.ts'

/**
 * Results at intervals, of what has changed: at multiples of `everyMs`, by the watermark unless told otherwise, and once more when
 * a window closes. `event-time` gives the same in every replay of one input; `wall-clock` shows what is there also while no
 * records come.
 */
export interface EarlyEmission {
  readonly everyMs: number
  readonly by?: TimerKind
}

export interface EarlyTarget<K, A> {
  readonly everyMs: number
  readonly by: TimerKind
  readonly rows: StoreSpec<Windowed<K>, EarlyRow<A>>
  readonly due: DueStore<Windowed<K>>
}

/** @param store the name of that of the windows @throws TOPOLOGY_INVALID */
export function earlyTarget<K, A>(
  store: string,
  { everyMs, by = 'event-time' }: EarlyEmission,
  keys: Serde<Windowed<K>>,
  aggregates: Serde<A>,
): EarlyTarget<K, A> {
  if (!Number.isSafeInteger(everyMs) || everyMs < 1) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `store "${store}": everyMs of its early results is ${everyMs}; give whole milliseconds, 1 or more`,
    )
  }
  const name = `${store}-early`
  return {
    everyMs,
    by,
    rows: { name, key: keys, value: earlyRowSerde(aggregates), ...internal(keys, aggregates) },
    due: dueKeysSpec(`${name}-due`, keys),
  }
}

export function storesOfEarly<K, A>(target: EarlyTarget<K, A> | undefined): readonly StoreSpec[] {
  return target === undefined ? [] : [target.rows, target.due]
}

/** The windows that results are of. */
export interface OpenWindows<K, A> {
  find(window: Windowed<K>): Timestamped<A> | undefined
  /** The watermark that closes a window. */
  closeMs(window: Windowed<K>): number
  copy(aggregate: A): A
  reject(window: Windowed<K>, error: unknown): void
}

/** A window that is not there any more, and its newest record. */
export interface GoneWindow<K> {
  readonly window: Windowed<K>
  readonly newestMs: number
}

type Row<K, A> = LiveEntry<Windowed<K>, EarlyRow<A>>

export class EarlyResults<K, A> {
  private readonly task: TaskContext
  private readonly target: EarlyTarget<K, A>
  private readonly outlet: TableOutlet<Windowed<K>, A>
  private readonly windows: OpenWindows<K, A>
  private readonly rows: TableStore<Windowed<K>, EarlyRow<A>>
  private readonly due: DueKeys<Windowed<K>>
  private readonly alarm: Alarm
  /** The next multiple of the interval, as of when it was last asked for. */
  private tickMs = Number.NEGATIVE_INFINITY
  /** Under what time windows lie, by the objects that live rows have as keys: spares looking it up for each record. */
  private known = new WeakMap<Windowed<K>, number>()

  constructor(
    task: TaskContext,
    target: EarlyTarget<K, A>,
    outlet: TableOutlet<Windowed<K>, A>,
    windows: OpenWindows<K, A>,
  ) {
    this.task = task
    this.target = target
    this.outlet = outlet
    this.windows = windows
    this.rows = task.store(target.rows)
    this.due = new DueKeys(task.store(target.due))
    const wake = (reachedMs: number, maxRows: number): number => this.wake(reachedMs, maxRows)
    const what = (): string => 'the early results of windows that have changed are passed on'
    this.alarm =
      target.by === 'event-time'
        ? task.alarm(outlet.node, wake, what)
        : task.clockAlarm(outlet.node, wake, what)
    this.alarm.at(this.due.nextMs)
  }

  /** A window is not what was passed on of it any more. */
  changed(window: Windowed<K>): void {
    const tickMs = this.nextTick()
    if (this.known.get(window) === tickMs) return
    const row = this.rows.entry(window)
    const state = row.value ?? untouched
    // The multiple that it lies under may be one that the record at hand has just reached.
    this.known.set(window, Math.min(state.dueMs, tickMs))
    if (state.dueMs === never) this.update(row, state, tickMs)
  }

  /**
   * Windows of a key are not there any more. What takes their place is passed on when the first of them would have been.
   *
   * @param by what they became, or what changed instead of them
   */
  replaced(gone: readonly GoneWindow<K>[], by: Windowed<K> | undefined): void {
    for (const { window, newestMs } of gone) {
      const { dueMs, passed, replaces } = this.forget(window)
      const { startMs, endMs } = window
      const own = passed === undefined ? [] : [{ startMs, endMs, newestMs, value: passed.value }]
      const back = [...replaces, ...own]
      if (by === undefined) {
        this.takeBack(window.key, back)
        continue
      }
      const row = this.rows.entry(by)
      const state = row.value ?? untouched
      this.update(row, { ...state, replaces: [...state.replaces, ...back] }, Math.min(dueMs, state.dueMs))
    }
  }

  /** Passes a window on for the last time. */
  close(window: Windowed<K>, value: A, timestampMs: number): void {
    const { passed, replaces } = this.forget(window)
    this.takeBack(window.key, replaces)
    this.passOn(window, value, passed?.value ?? null, timestampMs)
  }

  /** Answers what was known of a window. */
  private forget(window: Windowed<K>): EarlyRow<A> {
    const row = this.rows.entry(window)
    if (row.value === null) return untouched
    const state = row.value
    const { streamTimeMs } = this.task.record
    this.known.delete(window)
    this.due.move(window, state.dueMs, never, streamTimeMs)
    this.rows.update(row, null, streamTimeMs)
    return state
  }

  /** Lets a window lie under a time from now on. */
  private update(row: Row<K, A>, state: EarlyRow<A>, dueMs: number): void {
    const { streamTimeMs } = this.task.record
    if (dueMs !== state.dueMs) this.due.move(row.key, state.dueMs, dueMs, streamTimeMs)
    this.rows.update(row, { ...state, dueMs }, streamTimeMs)
    this.alarm.at(dueMs)
  }

  private nextTick(): number {
    const { everyMs, by } = this.target
    const { time, clock } = this.task
    const reachedMs = by === 'event-time' ? time.watermarkMs : clock.nowMs
    // Before any time is known it is the first one there is.
    if (reachedMs >= this.tickMs)
      this.tickMs = reachedMs < 0 ? 0 : (Math.floor(reachedMs / everyMs) + 1) * everyMs
    return this.tickMs
  }

  private wake(reachedMs: number, maxRows: number): number {
    // All that is not due yet is left to closing, and whatever changes before that lies anew.
    if (reachedMs === never) this.known = new WeakMap()
    for (let count = 0; count < maxRows; count++) {
      const due = this.due.take(reachedMs)
      if (due === undefined) break
      this.passEarly(due)
    }
    return this.due.nextMs
  }

  private passEarly({ key: window, timeMs }: DueKey<Windowed<K>>): void {
    const { task, target, windows } = this
    const row = this.rows.entry(window)
    const state = row.value ?? untouched
    const isByEvents = target.by === 'event-time'
    const found = windows.find(window)
    const { watermarkMs } = task.time
    // At the end of input what is not due yet closes as well.
    const closes = windows.closeMs(window) <= watermarkMs || (isByEvents && timeMs > watermarkMs)
    if (found === undefined || closes) {
      this.update(row, state, never)
      return
    }
    const { oldValuesMatter } = this.outlet
    const value = oldValuesMatter ? windows.copy(found.value) : found.value
    this.update(row, { ...state, passed: { value: oldValuesMatter ? value : null }, replaces: [] }, never)
    // What is behind takes it as of the last moment before it was due.
    task.time.happenedAt(isByEvents ? timeMs - 1 : watermarkMs)
    this.takeBack(window.key, state.replaces)
    this.passOn(window, value, state.passed?.value ?? null, found.timestampMs)
  }

  private takeBack(key: K, replaced: readonly ReplacedWindow<A>[]): void {
    for (const { startMs, endMs, newestMs, value } of replaced)
      this.passOn({ key, startMs, endMs }, null, value, newestMs)
  }

  private passOn(window: Windowed<K>, value: A | null, before: A | null, timestampMs: number): void {
    try {
      this.outlet.receive(window, value, before, timestampMs)
    } catch (error) {
      this.windows.reject(window, error)
    }
  }
}
