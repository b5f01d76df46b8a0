/**
 * Runs a pattern over the events of keys: one matcher for all keys, one `MatchState` for each.
 *
 * Invariants:
 * 1. Events of a key are taken in the order of their times, as time comes to them. Before an event is taken, all that is due
 *    by its time is judged, one due time after the other: results do not hang on how far time moves at once.
 * 2. An event is judged before anything changes. When a condition throws, the state is as it was before the event.
 * 3. A state whose runs an event leaves as they are costs one look at its steps, however many runs are in it.
 * 4. With a skip strategy a match waits while a run that began before it is open, for a match of that could discard it.
 */
import { StreamsError } from '../errors.ts'
import { Judge, type TakenEvents } from './condition.ts'
import { type HeldEvent, MatchState, type Run, type TakenNode } from './match-state.ts'
import { matched, type Nfa, type Step } from './nfa.ts'
import type { Match, PartialMatch, Stages } from './pattern-types.ts'
import { eventsOf, type TakenView, takenView } from './taken-view.ts'

/** What a key may hold, and what gives way when it holds more. */
export interface MatchLimits {
  /** Open partial matches, and matches that wait for them. */
  readonly maxRuns: number
  /** Events in them. */
  readonly maxEvents: number
  /** Which partial matches are discarded, those that began first or last; or the task stops. */
  readonly whenFull: 'discard-oldest' | 'discard-newest' | 'fail'
}

/**
 * What a key has is one row, which must fit into a record: 5,000 events of 200 bytes do. What began first gives way, for one hot key must
 * stop neither the others nor what is to come of its own events.
 */
export const defaultLimits: MatchLimits = {
  maxRuns: 10_000,
  maxEvents: 5_000,
  whenFull: 'discard-oldest',
}

/** `timestampMs`: the event or the due time that brought it about. */
export type Finding<E, S extends Stages> =
  | { readonly kind: 'match'; readonly events: Match<E, S>; readonly timestampMs: number }
  | { readonly kind: 'timed-out'; readonly events: PartialMatch<E, S>; readonly timestampMs: number }
  /** A partial match, or a match that waited, which gave way to the limits. */
  | { readonly kind: 'discarded'; readonly events: PartialMatch<E, S>; readonly timestampMs: number }

/** What finding took so far, over all keys: none of it grows with runs that an event leaves as they are. */
export interface MatchWork {
  /** Tests called. */
  readonly conditionsAsked: number
  /** Runs that an event or the time was held against, one by one. */
  readonly runsTouched: number
}

/** A step that an event makes a run do. */
interface Fired<E> {
  readonly step: Step<E>
  readonly completes: boolean
}

/** What an event makes of a run; without a run, what it begins. */
interface Outcome<E> {
  readonly run: Run<E> | undefined
  readonly fired: readonly Fired<E>[]
}

/** Ends in a node, and comes from a run that keeps its place in the list until what it came to is in order. */
interface FromRun<E> {
  readonly node: TakenNode<E>
  readonly run: Run<E> | undefined
}

export class Matcher<E, S extends Stages> {
  readonly nfa: Nfa<E, S>
  private readonly limits: MatchLimits
  private readonly judge: Judge<E>
  private readonly view: TakenView<E>
  private runsTouched = 0

  constructor(nfa: Nfa<E, S>, limits: MatchLimits = defaultLimits) {
    this.nfa = nfa
    this.limits = limits
    this.judge = new Judge(nfa.eventTests)
    this.view = takenView(nfa.stages)
  }

  get work(): MatchWork {
    return { conditionsAsked: this.judge.asked, runsTouched: this.runsTouched }
  }

  newState(): MatchState<E> {
    return new MatchState()
  }

  /** When there is something to do for the key: a time-out, or an early event; Infinity: never, as it is. */
  dueMs(state: MatchState<E>): number {
    // What timed out when it came about is judged once time moves on.
    const timeOutMs = Math.max(this.timeOutMs(state), state.timeMs + 1)
    return Math.min(state.early[0]?.timestampMs ?? Number.POSITIVE_INFINITY, timeOutMs)
  }

  /** Takes an event, and judges all that is due by its time. Events come in the order of their times. */
  take(state: MatchState<E>, event: E, timestampMs: number): Finding<E, S>[] {
    state.expect(event, timestampMs)
    return this.advance(state, timestampMs)
  }

  /** Moves time on, and judges all that is due by then. */
  advance(state: MatchState<E>, timeMs: number): Finding<E, S>[] {
    const found: Finding<E, S>[] = []
    for (let step = this.step(state, timeMs); step !== undefined; step = this.step(state, timeMs)) {
      for (const finding of step) found.push(finding)
    }
    return found
  }

  /**
   * The same one step at a time: what is due at one time, or one early event; undefined when nothing is left to do by then. What
   * a condition throws comes out: its event is gone then, and nothing else has changed.
   */
  step(state: MatchState<E>, timeMs: number): Finding<E, S>[] | undefined {
    const next = state.early[0]
    const nextMs = Math.min(next?.timestampMs ?? Number.POSITIVE_INFINITY, timeMs)
    // Events of the same time see the same runs: nothing becomes due between them.
    if (nextMs > state.timeMs) {
      const dueMs = this.timeOutMs(state)
      if (dueMs <= nextMs && dueMs !== Number.POSITIVE_INFINITY) {
        state.changes++
        return this.expire(state, dueMs)
      }
      if (nextMs !== Number.POSITIVE_INFINITY) state.timeMs = nextMs
    }
    if (next === undefined || next.timestampMs > timeMs) return undefined
    state.early.shift()
    state.changes++
    return this.accept(state, next.value, next.timestampMs)
  }

  /** Takes an event when nothing is due before it. What a condition throws comes out; then nothing has changed. */
  accept(state: MatchState<E>, event: E, timestampMs: number): Finding<E, S>[] {
    if (timestampMs > state.timeMs) state.timeMs = timestampMs
    const outcomes = this.outcomes(state, event)
    if (outcomes.length === 0) return nothing
    state.changes++
    const found: Finding<E, S>[] = []
    const completed = this.apply(state, outcomes, event, timestampMs)
    this.settle(state, completed, timestampMs, found)
    this.keepLimits(state, timestampMs, found)
    return found
  }

  /** When the first run times out; Infinity: none will. */
  private timeOutMs(state: MatchState<E>): number {
    const { firstRun } = state
    const { withinMs, hasPreviousWindows } = this.nfa
    const wholeMs =
      firstRun === undefined || withinMs === undefined
        ? Number.POSITIVE_INFINITY
        : firstRun.node.first.timestampMs + withinMs
    return hasPreviousWindows ? Math.min(wholeMs, state.neighbourDueMs()) : wholeMs
  }

  private outcomes(state: MatchState<E>, event: E): Outcome<E>[] {
    const { judge, nfa } = this
    const outcomes: Outcome<E>[] = []
    judge.begin(event)
    for (let number = 0; number < nfa.states.length; number++) {
      const runs = state.inState(number)
      if (runs.length === 0) continue
      const { steps } = nfa.states[number]!
      const forAll = this.firedForAll(steps)
      if (forAll !== undefined && leavesAlone(forAll, number)) continue
      this.runsTouched += runs.length
      for (const run of runs) {
        const fired = forAll ?? this.firedFor(steps, this.view(run.node))
        if (forAll !== undefined || !leavesAlone(fired, number)) outcomes.push({ run, fired })
      }
    }
    const begun = this.firedForAll(nfa.starts) ?? this.firedFor(nfa.starts, this.view(undefined))
    if (begun.length > 0) outcomes.push({ run: undefined, fired: begun })
    return outcomes
  }

  /** The steps that any run of a state takes; undefined: that depends on the run. */
  private firedForAll(steps: readonly Step<E>[]): Fired<E>[] | undefined {
    const { judge } = this
    const fired: Fired<E>[] = []
    for (const step of steps) {
      const verdict = judge.ofEvent(step.condition)
      if (verdict === 'depends') return undefined
      if (verdict === 'no') continue
      const completes = step.action === 'take' ? judge.ofEvent(step.completes) : 'no'
      if (completes === 'depends') return undefined
      fired.push({ step, completes: completes === 'yes' })
    }
    return fired
  }

  private firedFor(steps: readonly Step<E>[], taken: TakenEvents<E>): Fired<E>[] {
    const { judge } = this
    const fired: Fired<E>[] = []
    for (const step of steps) {
      if (!judge.ofRun(step.condition, taken)) continue
      fired.push({ step, completes: step.action === 'take' && judge.ofRun(step.completes, taken) })
    }
    return fired
  }

  /** Changes the runs, and answers what they completed, in the order of matches. */
  private apply(
    state: MatchState<E>,
    outcomes: readonly Outcome<E>[],
    event: E,
    timestampMs: number,
  ): readonly TakenNode<E>[] {
    const completed: FromRun<E>[] = []
    const ended: Run<E>[] = []
    const held = outcomes.some(takes) ? state.hold(event, timestampMs) : undefined
    for (const { run, fired } of outcomes) {
      const goesOn = this.applyTo(state, run, fired, held, completed)
      if (run !== undefined && !goesOn) ended.push(run)
    }
    inOrder(completed)
    for (const run of ended) state.remove(run)
    return completed.length === 0 ? nothing : completed.map(({ node }) => node)
  }

  /** Answers whether the run goes on: the first that comes of it takes its place, others stand behind it. */
  private applyTo(
    state: MatchState<E>,
    run: Run<E> | undefined,
    fired: readonly Fired<E>[],
    held: HeldEvent<E> | undefined,
    completed: FromRun<E>[],
  ): boolean {
    const from = run?.node
    const stopped = isStopped(fired)
    let last = run
    let goesOn = false
    // Later steps still build on the node that the first one may leave.
    if (from !== undefined) from.references++
    for (const { step, completes } of fired) {
      if (step.action === 'stop') continue
      const { target } = step
      const follows = target !== matched && !stopped
      const ends = target === matched || completes
      if (!follows && !ends) continue
      const node = step.action === 'take' ? state.node(step.stage, held!, from) : from!
      if (follows) {
        if (run === undefined || goesOn) last = state.add(target, node, last)
        else if (run.state !== target || run.node !== node) state.move(run, target, node)
        const { withinPreviousMs } = this.nfa.states[target]!
        if (withinPreviousMs !== undefined) state.watch(last!, node.event.timestampMs + withinPreviousMs)
        goesOn = true
      }
      if (!ends) continue
      node.references++
      completed.push({ node, run })
    }
    if (from !== undefined) state.release(from)
    return goesOn
  }

  /** What is due at a time: runs that time out, and those for which nothing but the time was to come. */
  private expire(state: MatchState<E>, dueMs: number): Finding<E, S>[] {
    const { nfa } = this
    const found: Finding<E, S>[] = []
    const due = this.dueRuns(state, dueMs)
    this.runsTouched += due.length
    const completed: TakenNode<E>[] = []
    for (const { run, node } of due) {
      if (nfa.states[run.state]!.isPending) {
        node.references++
        completed.push(node)
      } else {
        found.push({ kind: 'timed-out', events: this.takenBy(node), timestampMs: dueMs })
      }
    }
    for (const { run } of due) state.remove(run)
    this.settle(state, completed, dueMs, found)
    return found
  }

  private dueRuns(state: MatchState<E>, dueMs: number): (FromRun<E> & { readonly run: Run<E> })[] {
    const { withinMs } = this.nfa
    const due = new Set<Run<E>>()
    if (withinMs !== undefined) {
      for (let run = state.firstRun; run !== undefined; run = run.after) {
        if (run.node.first.timestampMs + withinMs > dueMs) break
        due.add(run)
      }
    }
    const wholeOnly = due.size
    while (this.nfa.hasPreviousWindows && state.neighbourDueMs() <= dueMs) due.add(state.nextNeighbourDue())
    const found = Array.from(due, (run) => ({ run, node: run.node }))
    if (due.size > wholeOnly) inOrder(found)
    return found
  }

  /** Passes matches on that nothing can discard any more, each of which may discard others. */
  private settle(
    state: MatchState<E>,
    completed: readonly TakenNode<E>[],
    timestampMs: number,
    found: Finding<E, S>[],
  ): void {
    const { nfa } = this
    const { waiting } = state
    for (const node of completed) insert(waiting, node)
    const skips = nfa.skip.strategy !== 'noSkip'
    for (let node = waiting[0]; node !== undefined; node = waiting[0]) {
      if (skips && state.firstRun !== undefined && isBefore(state.firstRun.node, node)) return
      waiting.shift()
      if (skips) discard(state, this.discardsBefore(node))
      // A match has events of each stage that its type promises: a run gets to the end by taking them.
      const events = eventsOf(node, nfa.stages) as object as Match<E, S>
      found.push({ kind: 'match', events, timestampMs })
      state.release(node)
    }
  }

  /** A match discards what began before the event of this number. */
  private discardsBefore(match: TakenNode<E>): number {
    const { skip, skipStage } = this.nfa
    switch (skip.strategy) {
      case 'noSkip':
        return 0
      case 'skipToNext':
        return match.first.sequence + 1
      case 'skipPastLastEvent':
        return match.event.sequence + 1
      case 'skipToFirst':
      case 'skipToLast': {
        let sequence = 0
        for (let at: TakenNode<E> | undefined = match; at !== undefined; at = at.previous) {
          if (at.stage !== skipStage) continue
          sequence = at.event.sequence
          if (skip.strategy === 'skipToLast') break
        }
        return sequence
      }
    }
  }

  private keepLimits(state: MatchState<E>, timestampMs: number, found: Finding<E, S>[]): void {
    const { maxRuns, maxEvents, whenFull } = this.limits
    while (state.runs + state.waiting.length > maxRuns || state.heldEvents > maxEvents) {
      if (whenFull === 'fail') {
        throw new StreamsError(
          'PATTERN_LIMIT_REACHED',
          `a key has ${state.runs} open partial matches, ${state.waiting.length} matches that wait for them and ` +
            `${state.heldEvents} events, where ${maxRuns} and ${maxEvents} are allowed; give the pattern a shorter ` +
            'window, raise the limits, or choose which partial matches are discarded',
        )
      }
      const run = whenFull === 'discard-oldest' ? state.firstRun : state.lastRun
      const match = state.waiting.at(-1)
      if (
        run !== undefined &&
        (whenFull === 'discard-oldest' || match === undefined || !isBefore(run.node, match))
      ) {
        found.push({ kind: 'discarded', events: this.takenBy(run.node), timestampMs })
        state.remove(run)
      } else {
        const waiting = state.waiting.pop()!
        found.push({ kind: 'discarded', events: this.takenBy(waiting), timestampMs })
        state.release(waiting)
      }
      this.settle(state, [], timestampMs, found)
    }
  }

  private takenBy(node: TakenNode<E>): PartialMatch<E, S> {
    // There is a list for each stage of the pattern.
    return eventsOf(node, this.nfa.stages) as PartialMatch<E, S>
  }
}

const nothing: [] = []

/** Whether an event becomes part of a run. */
function takes<E>({ fired }: Outcome<E>): boolean {
  const isStop = isStopped(fired)
  return fired.some(
    ({ step, completes }) => step.action === 'take' && (completes || step.target === matched || !isStop),
  )
}

function isStopped<E>(fired: readonly Fired<E>[]): boolean {
  for (const { step } of fired) if (step.action === 'stop') return true
  return false
}

function leavesAlone<E>(fired: readonly Fired<E>[], state: number): boolean {
  const step = fired[0]?.step
  return fired.length === 1 && step?.action === 'ignore' && step.target === state
}

function isBefore<E>(left: TakenNode<E>, right: TakenNode<E>): boolean {
  return left.first.sequence < right.first.sequence
}

/** Behind all that began no later. */
function insert<E>(waiting: TakenNode<E>[], match: TakenNode<E>): void {
  let at = waiting.length
  while (at > 0 && isBefore(match, waiting[at - 1]!)) at--
  waiting.splice(at, 0, match)
}

function discard<E>(state: MatchState<E>, beforeSequence: number): void {
  const { waiting } = state
  while (state.firstRun !== undefined && state.firstRun.node.first.sequence < beforeSequence) {
    state.remove(state.firstRun)
  }
  while (waiting.length > 0 && waiting[0]!.first.sequence < beforeSequence) state.release(waiting.shift()!)
}

/** By first event, and those of the same first event in the order of the runs that they come from. */
function inOrder<E>(items: FromRun<E>[]): void {
  if (items.length < 2) return
  items.sort(byFirst)
  const ranks = new Map<Run<E>, number>()
  for (let i = 1; i < items.length; i++) {
    const { run, node } = items[i]!
    const other = items[i - 1]!
    if (run === undefined || run === other.run || node.first !== other.node.first) continue
    if (!ranks.has(run)) rank(run, ranks)
  }
  if (ranks.size > 0) items.sort((a, b) => byFirst(a, b) || rankOf(a.run, ranks) - rankOf(b.run, ranks))
}

function byFirst<E>(left: FromRun<E>, right: FromRun<E>): number {
  return left.node.first.sequence - right.node.first.sequence
}

function rankOf<E>(run: Run<E> | undefined, ranks: ReadonlyMap<Run<E>, number>): number {
  return run === undefined ? 0 : (ranks.get(run) ?? 0)
}

/** Numbers all runs that began with the same event. */
function rank<E>(run: Run<E>, ranks: Map<Run<E>, number>): void {
  const { first } = run.node
  let at: Run<E> | undefined = run
  while (at?.before?.node.first === first) at = at.before
  for (let number = 0; at?.node.first === first; at = at.after) ranks.set(at, number++)
}
