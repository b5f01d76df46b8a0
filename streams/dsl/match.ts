/**
 * Finding patterns in streams: each key's events in the order of their times, its partial matches as a row of a store.
 *
 * Invariants:
 * 1. An event waits in its key's row until the watermark has reached its time; then it is taken, behind all that was due before.
 *    So what is found does not hang on the order in which records of different times arrive.
 * 2. A key with something to wait for lies among the due keys, at the time of it; both rows change in one commit. A key with
 *    nothing to wait for and no partial matches has no row.
 * 3. A record that is older than its input's watermark is late, or than what its key has taken already: it changes nothing.
 */
import type { MatchState } from '../cep/match-state.ts'
import { matchStateSerde } from '../cep/match-state-codec.ts'
import { defaultLimits, type Finding, Matcher, type MatchLimits } from '../cep/matcher.ts'
import { compilePattern, type Nfa } from '../cep/nfa.ts'
import type { Match, PartialMatch, PatternOf, Stages } from '../cep/pattern-types.ts'
import type { Serde } from '../serde/serde.ts'
import { DueKeys, type DueStore, dueKeysSpec } from '../state/due-keys.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { LiveEntry, StoreSpec, TableStore } from '../topology/store-spec.ts'
import type { Alarm, TaskContext } from '../topology/task-context.ts'
import type { Grouping } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import { keyedInput } from './keyed-process.ts'
import type { KStream } from './kstream.ts'

/** Of what a match, or a partial match, was found for. */
export interface MatchContext<K> {
  readonly key: K
  /** The event that completed it, or the time at which it was due: also the time of what is made of it. */
  readonly timestampMs: number
}

/** What is made of a match: one value (`select`), or any number (`flatSelect`). */
export type Selecting<K, E, S extends Stages, R> =
  | { select(match: Match<E, S>, context: MatchContext<K>): R }
  | { flatSelect(match: Match<E, S>, context: MatchContext<K>): Iterable<R> }

export type MatchOptions<K, E, S extends Stages, R, T> = Selecting<K, E, S, R> & {
  /** Names the partial matches of all keys, which are kept as state. */
  readonly store: string
  /** What is made of a partial match that timed out. */
  timedOut?(taken: PartialMatch<E, S>, context: MatchContext<K>): T
  /** What a key may hold; partial matches that give way are counted as `pattern-limit`. */
  readonly limits?: Partial<MatchLimits>
  /** Of the events, where the stream does not know it. */
  readonly value?: Serde<E>
  /** Of what is selected, for what is repartitioned behind it. */
  readonly selected?: Serde<R>
}

export interface MatchStreams<K, V, R, T> {
  readonly main: KStream<K, R>
  readonly timedOut: KStream<K, T>
  readonly late: KStream<K, V>
}

interface Specs<K, E> {
  readonly states: StoreSpec<K, MatchState<E>>
  readonly due: DueStore<K>
}

/** Where what is found goes. */
interface Outlets<K, E, S extends Stages> {
  match(match: Match<E, S>, context: MatchContext<K>): void
  timedOut(taken: PartialMatch<E, S>, context: MatchContext<K>): void
}

export function matchPattern<K, V, S extends Stages, R, T>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  pattern: PatternOf<NonNullable<V>, S>,
  options: MatchOptions<K, NonNullable<V>, S, R, T>,
): MatchStreams<K, V, R, T> {
  const { store: name } = options
  const nfa = compilePattern(pattern)
  const where = `store "${name}"`
  const keys = build.serde(grouping.keySerde, where, 'pass { key: … } to groupByKey, or a serde to groupBy')
  // Null values are no events, so the serde of values that may be null serves.
  const known = options.value ?? (grouping.valueSerde as Serde<NonNullable<V>> | undefined)
  const events = build.serde(known, where, 'pass { value: … } beside the store name')
  const specs = specsOf(name, nfa, keys, events)
  const input = keyedInput(build, grouping, keys, name)
  const node = build.graph.add({
    name,
    role: { kind: 'operator', operator: 'match', usesTime: true },
    parents: [input.node],
    stores: [specs.states, specs.due],
  })
  const main = build.branch<K, R>(node, `${name}.main`)
  const timedOut = build.branch<K, T>(node, `${name}.timedOut`)
  const late = build.branch<K, V>(node, `${name}.late`)
  const limits = { ...defaultLimits, ...options.limits }

  input.attach((task) => {
    const passMain = main.compile(task)
    const passTimedOut = timedOut.compile(task)
    const outlets: Outlets<K, NonNullable<V>, S> = {
      match(match, context) {
        const { key, timestampMs } = context
        if ('select' in options) passMain(key, options.select(match, context), timestampMs)
        else for (const one of options.flatSelect(match, context)) passMain(key, one, timestampMs)
      },
      timedOut(taken, context) {
        if (options.timedOut === undefined) return
        passTimedOut(context.key, options.timedOut(taken, context), context.timestampMs)
      },
    }
    if (grouping.repartition || grouping.fromSource) task.readsAhead(specs.states)
    const matching = new PatternMatching(task, node, specs, new Matcher(nfa, limits), outlets)
    const passLate = late.compile(task)
    return (key, value, timestampMs) => {
      if (value === null || value === undefined) task.dropped(node, 'null-value')
      else if (!matching.take(key, value, timestampMs)) {
        task.dropped(node, 'late')
        passLate(key, value, timestampMs)
      }
    }
  })

  const traits = { keySerde: keys, keyChanged: false, fromSource: false }
  return {
    main: build.stream(main, { ...traits, valueSerde: options.selected }),
    timedOut: build.stream(timedOut, { ...traits, valueSerde: undefined }),
    late: build.stream(late, { ...traits, valueSerde: grouping.valueSerde }),
  }
}

function specsOf<K, E, S extends Stages>(
  name: string,
  nfa: Nfa<E, S>,
  keys: Serde<K>,
  events: Serde<E>,
): Specs<K, E> {
  return {
    states: { name, key: keys, value: matchStateSerde(nfa, events) },
    due: dueKeysSpec(`${name}-due`, keys),
  }
}

type Row<K, E> = LiveEntry<K, MatchState<E>>

/** A pattern in one task. */
class PatternMatching<K, E, S extends Stages> {
  private readonly task: TaskContext
  private readonly node: GraphNode
  private readonly matcher: Matcher<E, S>
  private readonly outlets: Outlets<K, E, S>
  private readonly states: TableStore<K, MatchState<E>>
  private readonly due: DueKeys<K>
  private readonly alarm: Alarm

  constructor(
    task: TaskContext,
    node: GraphNode,
    specs: Specs<K, E>,
    matcher: Matcher<E, S>,
    outlets: Outlets<K, E, S>,
  ) {
    this.task = task
    this.node = node
    this.matcher = matcher
    this.outlets = outlets
    this.states = task.store(specs.states)
    this.due = new DueKeys(task.store(specs.due))
    this.alarm = task.alarm(node, (reachedMs, maxRows) => this.wake(reachedMs, maxRows))
    this.alarm.at(this.due.nextMs)
  }

  /** Answers false when it came too late. */
  take(key: K, event: E, timestampMs: number): boolean {
    const { task, matcher } = this
    const { recordWatermarkMs, watermarkMs } = task.time
    const row = this.states.entry(key)
    const state = row.value ?? matcher.newState()
    if (timestampMs < recordWatermarkMs || timestampMs < state.timeMs) return false
    const wasDueMs = matcher.dueMs(state)
    state.expect(event, timestampMs)
    this.states.update(row, state, Math.max(row.timestampMs, timestampMs))
    const failures: unknown[] = []
    // What an operator in front made when it was woken waits until all of them have done so: earlier events may be among it.
    const isOfNow = recordWatermarkMs >= watermarkMs
    if (isOfNow && timestampMs <= watermarkMs) {
      this.run(key, state, watermarkMs, Number.POSITIVE_INFINITY, (error) => failures.push(error))
      task.time.happenedAt(recordWatermarkMs)
    }
    const dueMs = this.keep(row, state)
    if (dueMs !== wasDueMs) this.move(key, wasDueMs, dueMs)
    if (failures.length === 0) return true
    // One makes the record a dead letter, the others what its key has.
    for (const failure of failures.slice(1)) this.states.reject(key, failure)
    task.enter(this.node)
    throw failures[0]
  }

  private wake(reachedMs: number, maxRows: number): number {
    let left = maxRows
    while (left > 0) {
      const next = this.due.take(reachedMs)
      if (next === undefined) break
      const { key, timeMs } = next
      const row = this.states.entry(key)
      const state = row.value ?? this.matcher.newState()
      if (row.value !== null) this.states.update(row, state, row.timestampMs)
      left -= 1 + this.run(key, state, reachedMs, left, (error) => this.states.reject(key, error))
      // It may lie at another time than the pattern says, if that had other windows when it was written.
      this.move(key, timeMs, this.keep(row, state))
    }
    return this.due.nextMs
  }

  /** Answers how many steps it took. What user code throws stops nothing of what else was found. */
  private run(
    key: K,
    state: MatchState<E>,
    reachedMs: number,
    maxSteps: number,
    onFailure: (error: unknown) => void,
  ): number {
    for (let steps = 0; steps < maxSteps; steps++) {
      this.task.enter(this.node)
      try {
        const found = this.matcher.step(state, reachedMs)
        if (found === undefined) return steps
        for (const finding of found) this.passOn(key, finding, onFailure)
      } catch (error) {
        onFailure(error)
      }
    }
    return maxSteps
  }

  private passOn(key: K, finding: Finding<E, S>, onFailure: (error: unknown) => void): void {
    const { task, node, outlets } = this
    const { timestampMs } = finding
    if (finding.kind === 'discarded') {
      for (let i = 0; i < finding.runs; i++) task.dropped(node, 'pattern-limit')
      return
    }
    task.time.happenedAt(timestampMs - 1)
    task.enter(node)
    try {
      if (finding.kind === 'match') outlets.match(finding.events, { key, timestampMs })
      else outlets.timedOut(finding.events, { key, timestampMs })
    } catch (error) {
      onFailure(error)
    }
  }

  /** Answers when there is something to do next. A key with nothing to wait for has no row. */
  private keep(row: Row<K, E>, state: MatchState<E>): number {
    if (row.value !== null && state.isEmpty) this.states.update(row, null, row.timestampMs)
    return this.matcher.dueMs(state)
  }

  private move(key: K, fromMs: number, toMs: number): void {
    this.due.move(key, fromMs, toMs, this.task.record.streamTimeMs)
    this.alarm.at(toMs)
  }
}
