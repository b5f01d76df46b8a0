/**
 * Timers of keys, by event time and by the wall clock.
 *
 * Invariants:
 * 1. Pending timers are rows of a store: committed with what else the task does, restored with it, exactly once like any state.
 *    A timer is one key, kind, time and name; setting it again changes nothing.
 * 2. Timers of a kind fire in the order of time, then of keys and names as bytes, also those that are set or cancelled while
 *    others fire. One that is set for a time that has passed fires as soon as the record at hand, or the timer, is done.
 * 3. A timer is deleted before it fires: what it does may set it again.
 * 4. At the end of input those by event time fire at their own times, however far ahead, and those that they set. It must come
 *    to an end: a timer that leads to `maxChain` others, one after the other, stops the task.
 */
import { RecordError, StreamsError } from '../errors.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { StoreSpec, TableStore } from '../topology/store-spec.ts'
import type { Alarm, TaskContext } from '../topology/task-context.ts'
import { never } from './alarms.ts'
import { TimerFront } from './timer-front.ts'
import type { Timer, TimerKey, TimerKind, TimerRow } from './timer-key.ts'

export interface KeyedTimersOptions<K> {
  /** The operator whose timers they are; added with `usesTime`. */
  readonly node: GraphNode
  readonly store: StoreSpec<TimerKey<K>, TimerRow>
  /** What it throws makes the timer a dead letter, or stops the task, by policy. */
  readonly fire: (timer: Timer<K>) => void
}

const maxChain = 1000

interface Waiting<K> {
  readonly front: TimerFront<K>
  readonly alarm: Alarm
}

export class KeyedTimers<K> {
  private readonly task: TaskContext
  private readonly options: KeyedTimersOptions<K>
  private readonly store: TableStore<TimerKey<K>, TimerRow>
  private readonly waiting: Readonly<Record<TimerKind, Waiting<K>>>
  /** Of a timer that is set now. */
  private chain = 0

  /** For compiling: it looks for what is pending already. */
  constructor(task: TaskContext, options: KeyedTimersOptions<K>) {
    this.task = task
    this.options = options
    this.store = task.store(options.store)
    const { node } = options
    this.waiting = {
      'event-time': this.wait(
        'event-time',
        task.alarm(
          node,
          (reachedMs, maxRows) => this.wake('event-time', reachedMs, maxRows),
          (dueMs, at) => `a timer that is set for ${at(dueMs)} fires`,
        ),
      ),
      'wall-clock': this.wait(
        'wall-clock',
        task.clockAlarm(
          node,
          (reachedMs, maxRows) => this.wake('wall-clock', reachedMs, maxRows),
          (dueMs, at) => `a timer that is set for ${at(dueMs)} fires`,
        ),
      ),
    }
  }

  /** Whether the timer that fires now is due only because nothing comes any more, or may be. */
  get inputEnded(): boolean {
    return this.chain > 0
  }

  /** @throws RecordError when the time is not epoch milliseconds, or the name too long */
  schedule(timer: Timer<K>): void {
    const { timeMs } = timer
    if (!Number.isSafeInteger(timeMs) || timeMs < 0) {
      throw new RecordError(
        'TIMER_INVALID',
        `a timer was set for ${timeMs}; give whole milliseconds since 1970`,
      )
    }
    const row = this.store.entry(timer)
    if (row.value !== null) return
    if (this.chain > maxChain) throw this.endless(timer)
    this.store.update(row, this.chain, timeMs)
    this.task.timersChanged(1)
    const { front, alarm } = this.waiting[timer.by]
    front.add(timer)
    alarm.at(timeMs)
  }

  /** Does nothing when it is not pending. */
  cancel(timer: Timer<K>): void {
    this.remove(timer)
  }

  private wait(kind: TimerKind, alarm: Alarm): Waiting<K> {
    const front = new TimerFront(this.store, kind)
    alarm.at(front.nextMs)
    return { front, alarm }
  }

  private wake(kind: TimerKind, reachedMs: number, maxRows: number): number {
    const { front } = this.waiting[kind]
    for (let count = 0; count < maxRows; count++) {
      const timer = front.take(reachedMs)
      if (timer === undefined) break
      const chain = this.remove(timer)
      if (chain !== null) this.fire(timer, reachedMs === never ? chain + 1 : 0)
    }
    return front.nextMs
  }

  private fire(timer: Timer<K>, chain: number): void {
    const { task, options } = this
    this.chain = chain
    task.time.happenedAt(timer.by === 'event-time' ? timer.timeMs - 1 : task.time.watermarkMs)
    task.enter(options.node)
    try {
      options.fire(timer)
    } catch (error) {
      this.store.reject(timer, error)
    }
    this.chain = 0
  }

  /** Null when it was not there. */
  private remove(timer: Timer<K>): TimerRow | null {
    const row = this.store.entry(timer)
    const { value } = row
    if (value === null) return null
    this.store.update(row, null, timer.timeMs)
    this.task.timersChanged(-1)
    return value
  }

  private endless({ name, key }: Timer<K>): StreamsError {
    const operator = this.options.node.name
    return new StreamsError(
      'TIMERS_ENDLESS',
      `operator "${operator}": at the end of input timers of key ${JSON.stringify(key)}${name && ` named "${name}"`} have ` +
        `led to ${maxChain} others, one after the other; set none when the context says inputEnded`,
      { details: { operator } },
    )
  }
}
