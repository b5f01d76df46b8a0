/**
 * A pattern in one task: each key's partial matches as a row of a store, and what is due with them.
 *
 * Invariants:
 * 1. An event waits in its key's row until the watermark has reached its time, or passed it where ties have an order; then it is
 *    taken, behind all that was due before. So what is found does not hang on the order in which records of different times arrive.
 * 2. A key with something to wait for lies among the due keys, at the time of it; both rows change in one commit. A key with
 *    nothing to wait for and no partial matches has no row, and an event that changes nothing of what a key has writes nothing.
 * 3. A record that is older than its input's watermark is late, or than what changed its key's row: it changes nothing.
 * 4. What user code throws on stops nothing else. The record at hand is a dead letter if it is at fault, else the key's row is, in which
 *    an event that a condition threw on lies as the first of those that wait.
 */
import type { MatchState, Ties, TimedEvent } from '../cep/match-state.ts'
import type { Finding, Matcher } from '../cep/matcher.ts'
import type { Match, PartialMatch, Stages } from '../cep/pattern-types.ts'
import { SchemaNotLoaded } from '../serde/serde.ts'
import { DueKeys, type DueStore } from '../state/due-keys.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { LiveEntry, StoreSpec, TableStore } from '../topology/store-spec.ts'
import type { Alarm, TaskContext } from '../topology/task-context.ts'

/** Of what a match, or a partial match, was found for. */
export interface MatchContext<K> {
  readonly key: K
  /** The event that completed it, or the time at which it was due: also the time of what is made of it. */
  readonly timestampMs: number
}

export interface MatchStores<K, E> {
  readonly states: StoreSpec<K, MatchState<E>>
  readonly due: DueStore<K>
}

/** Where what is found goes. */
export interface MatchOutlets<K, E, S extends Stages> {
  match(match: Match<E, S>, context: MatchContext<K>): void
  timedOut(taken: PartialMatch<E, S>, context: MatchContext<K>): void
  discarded(taken: PartialMatch<E, S>, context: MatchContext<K>): void
}

export interface MatchingParts<K, E, S extends Stages> {
  readonly node: GraphNode
  readonly specs: MatchStores<K, E>
  readonly matcher: Matcher<E, S>
  readonly outlets: MatchOutlets<K, E, S>
  readonly ties: Ties<E> | undefined
}

type Row<K, E> = LiveEntry<K, MatchState<E>>

export class PatternMatching<K, E, S extends Stages> {
  private readonly task: TaskContext
  private readonly parts: MatchingParts<K, E, S>
  private readonly matcher: Matcher<E, S>
  private readonly states: TableStore<K, MatchState<E>>
  private readonly due: DueKeys<K>
  private readonly alarm: Alarm
  /** So far behind the watermark is the time of keys: events of equal time that have an order wait for each other. */
  private readonly behindMs: number

  constructor(task: TaskContext, parts: MatchingParts<K, E, S>) {
    const { node, specs, matcher, ties } = parts
    this.task = task
    this.parts = parts
    this.matcher = matcher
    this.states = task.store(specs.states)
    this.behindMs = ties === undefined ? 0 : 1
    checkStored(this.states)
    this.due = new DueKeys(task.store(specs.due))
    const wake = (watermarkMs: number, maxRows: number): number => this.wake(watermarkMs, maxRows)
    this.alarm = task.alarm(
      node,
      wake,
      () => 'events that earlier ones may still overtake are matched, or a partial match times out',
    )
    this.alarm.at(this.due.nextMs)
  }

  /** Answers false when it came too late. */
  take(key: K, event: E, timestampMs: number): boolean {
    const { task, matcher, states } = this
    const { recordWatermarkMs, watermarkMs } = task.time
    const row = states.entry(key)
    const state = row.value ?? matcher.newState()
    if (timestampMs < recordWatermarkMs || timestampMs < state.timeMs) return false
    const wasDueMs = this.dueMs(state)
    const { changes, timeMs } = state
    // What an operator in front made when it was woken waits until all of them have done so: earlier events may be among it.
    const reachedMs =
      recordWatermarkMs >= watermarkMs ? watermarkMs - this.behindMs : Number.NEGATIVE_INFINITY
    const failures: unknown[] = []
    if (timestampMs > reachedMs) state.expect(event, timestampMs, this.parts.ties)
    else {
      this.takeNow(row, state, event, timestampMs, reachedMs, failures)
      task.time.happenedAt(recordWatermarkMs)
    }
    if (state.changes === changes) state.timeMs = timeMs
    else {
      states.update(row, state.isEmpty ? null : state, Math.max(row.timestampMs, timestampMs))
      const dueMs = this.dueMs(state)
      if (dueMs !== wasDueMs) this.move(key, wasDueMs, dueMs)
    }
    if (failures.length === 0) return true
    for (const failure of failures.slice(1)) states.reject(key, failure)
    task.enter(this.parts.node)
    throw failures[0]
  }

  private takeNow(
    row: Row<K, E>,
    state: MatchState<E>,
    event: E,
    timestampMs: number,
    reachedMs: number,
    failures: unknown[],
  ): void {
    const { matcher, task, parts } = this
    const note = (error: unknown): void => void failures.push(error)
    const first = state.early[0]
    if (first !== undefined && first.timestampMs <= reachedMs) {
      const own = state.expect(event, timestampMs, parts.ties)
      this.run(row, state, reachedMs, Number.POSITIVE_INFINITY, own, note)
      return
    }
    if (matcher.dueMs(state) <= timestampMs) this.run(row, state, timestampMs, Number.POSITIVE_INFINITY)
    task.enter(parts.node)
    try {
      for (const finding of matcher.accept(state, event, timestampMs)) this.passOn(row.key, finding, note)
    } catch (error) {
      note(error)
    }
    if (matcher.dueMs(state) <= reachedMs) this.run(row, state, reachedMs, Number.POSITIVE_INFINITY)
  }

  private wake(watermarkMs: number, maxRows: number): number {
    const { due, matcher, states } = this
    let left = maxRows
    while (left > 0) {
      const next = due.take(watermarkMs)
      if (next === undefined) break
      const { key, timeMs } = next
      const row = states.entry(key)
      const state = row.value ?? matcher.newState()
      if (row.value !== null) states.update(row, state, row.timestampMs)
      left -= 1 + this.run(row, state, watermarkMs - this.behindMs, left)
      if (row.value !== null && state.isEmpty) states.update(row, null, row.timestampMs)
      // It may lie at another time than the pattern says, if that had other windows when it was written.
      this.move(key, timeMs, this.dueMs(state))
    }
    return due.nextMs
  }

  /** Does what is due, and answers how many steps it took. @param own the event of the record at hand, whose failures `note` gets */
  private run(
    row: Row<K, E>,
    state: MatchState<E>,
    reachedMs: number,
    maxSteps: number,
    own?: TimedEvent<E>,
    note?: (error: unknown) => void,
  ): number {
    const { matcher, states, task, parts } = this
    for (let steps = 0; steps < maxSteps; steps++) {
      const next = state.early[0]
      const isOwn = next !== undefined && next === own
      const onFailure = isOwn && note !== undefined ? note : (error: unknown) => states.reject(row.key, error)
      task.enter(parts.node)
      try {
        const found = matcher.step(state, reachedMs)
        if (found === undefined) return steps
        for (const finding of found) this.passOn(row.key, finding, onFailure)
      } catch (error) {
        if (isOwn || next === undefined) onFailure(error)
        else this.rejectWaiting(row, state, next, error)
      }
    }
    return maxSteps
  }

  /** The event is gone from the row: the dead letter has it. */
  private rejectWaiting(
    { key }: Row<K, E>,
    state: MatchState<E>,
    event: TimedEvent<E>,
    error: unknown,
  ): void {
    state.early.unshift(event)
    try {
      this.states.reject(key, error)
    } finally {
      state.early.shift()
    }
  }

  private passOn(key: K, finding: Finding<E, S>, onFailure: (error: unknown) => void): void {
    const { task, parts } = this
    const { outlets, node } = parts
    const { timestampMs } = finding
    task.time.happenedAt(timestampMs - 1)
    task.enter(node)
    try {
      const context = { key, timestampMs }
      if (finding.kind === 'match') outlets.match(finding.events, context)
      else if (finding.kind === 'timed-out') outlets.timedOut(finding.events, context)
      else outlets.discarded(finding.events, context)
    } catch (error) {
      onFailure(error)
    }
  }

  private dueMs(state: MatchState<E>): number {
    return this.matcher.dueMs(state) + this.behindMs
  }

  private move(key: K, fromMs: number, toMs: number): void {
    this.due.move(key, fromMs, toMs, this.task.record.streamTimeMs)
    this.alarm.at(toMs)
  }
}

/** What an earlier release stored must be of this pattern. All of it is if the first row is, and then the task does not begin at all. */
function checkStored<K, V>(states: TableStore<K, V>): void {
  const rows = states.range()
  try {
    rows.next()
  } catch (error) {
    // It is of this pattern then; its events will be read when their key comes.
    if (!(error instanceof SchemaNotLoaded)) throw error
  } finally {
    rows.return?.()
  }
}
