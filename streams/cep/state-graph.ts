/**
 * From stages to a graph of states. The graph is built from its end, one state or a few for each time a stage takes an event:
 *
 *   take     the event becomes part of the run, which goes on at the target
 *   ignore   the event is passed over, and the run goes on at the target (mostly the state itself)
 *   proceed  the target's edges are looked at as well, for the same event
 *
 * A stage of `from` to `to` times is a chain of states; a loop ends in one that takes into itself. A state that may be left
 * without an event proceeds to what is behind it. A stage that may be left and may also pass events over has a second state
 * for "passed over already, still waiting", which does not proceed: or each passed event would leave the stage once more.
 * An absence is an edge to a `stop` state, which discards what the event would have made of the run.
 *
 * Edges are tried in the order in which they were added, and that order shows in the results; see `Nfa`.
 */
import { always, and, type Condition, not } from './condition.ts'
import {
  type Contiguity,
  type GroupStage,
  type InnerContiguity,
  isAbsence,
  type PatternDefinition,
  type SingleStage,
  type Stage,
} from './pattern-definition.ts'

export interface GraphEdge<E> {
  readonly action: 'take' | 'ignore' | 'proceed'
  readonly target: GraphState<E>
  condition: Condition<E>
}

export interface GraphState<E> {
  /** `pending`: a run that is still here when the window closes is a match. */
  readonly kind: 'waiting' | 'pending' | 'stop' | 'final'
  /** The stage that takes here, or whose absence is watched. */
  readonly stage: string
  /** From the last event that a run took. */
  readonly withinPreviousMs: number | undefined
  readonly edges: GraphEdge<E>[]
}

/** A row of stages: the pattern itself, or a group in one of its rounds. */
interface Row<E> {
  readonly stages: readonly Stage<E>[]
  readonly group: GroupStage<E> | undefined
  readonly isFirstRound: boolean
  /** What comes behind the row. */
  readonly following: Stage<E> | undefined
}

/** A stage where it stands. */
interface Place<E, K extends Stage<E> = Stage<E>> {
  readonly row: Row<E>
  readonly index: number
  readonly stage: K
  readonly following: Stage<E> | undefined
}

/** The first state of the pattern's graph. */
export function buildGraph<E>(definition: PatternDefinition<E>): GraphState<E> {
  return new GraphBuilder(definition).start()
}

class GraphBuilder<E> {
  private readonly definition: PatternDefinition<E>
  private readonly named = new Set<string>()
  private readonly stops = new Map<string, GraphState<E>>()
  /** By the state behind a greedy loop: the same as it was before the loop closed it to events that it takes itself. */
  private readonly open = new Map<GraphState<E>, GraphState<E>>()

  constructor(definition: PatternDefinition<E>) {
    this.definition = definition
  }

  start(): GraphState<E> {
    const { stages } = this.definition
    const end: GraphState<E> = { kind: 'final', stage: '', withinPreviousMs: undefined, edges: [] }
    return this.row({ stages, group: undefined, isFirstRound: true, following: undefined }, end)
  }

  /** @param sink where the row leads to */
  private row(row: Row<E>, sink: GraphState<E>): GraphState<E> {
    let next = sink
    let following = row.following
    for (let index = row.stages.length - 1; index >= 0; index--) {
      const stage = row.stages[index]!
      next = this.stage({ row, index, stage, following }, next)
      following = stage
    }
    return next
  }

  private stage(place: Place<E>, sink: GraphState<E>): GraphState<E> {
    const { stage } = place
    if (isSingle(place) && isAbsence(place.stage)) return this.absence(place, sink)
    const { repeat } = stage
    let first: GraphState<E>
    if (repeat.kind === 'loop') {
      const looping = this.loop(place, this.withoutAbsences(place, sink))
      first = this.times(place, looping, sink, repeat.from, repeat.from)
    } else if (repeat.kind === 'times') {
      first = this.times(place, sink, sink, repeat.from, repeat.to)
    } else {
      const { row } = place
      first = this.once(place, sink, sink, takes(row, stage), ignores(row, stage), stage.optional, true)
    }
    this.watchAbsences(place, first)
    return first
  }

  private absence(place: Place<E, SingleStage<E>>, sink: GraphState<E>): GraphState<E> {
    const { row, stage } = place
    const condition = takes(row, stage)
    if (stage.contiguity === 'notFollowedBy') {
      // Elsewhere the states of the stages around watch for it.
      if (sink.kind !== 'final') return sink
      const pending = this.state('pending', stage, true)
      proceed(pending, this.stop(stage, condition), condition)
      ignore(pending, pending, not(condition))
      return pending
    }
    const state = this.state('waiting', stage, true)
    // What ends a pattern is another event, not the arrival at its end.
    if (sink.kind === 'final') ignore(state, sink, not(condition))
    else proceed(state, sink, not(condition))
    proceed(state, this.stop(stage, condition), condition)
    return state
  }

  /** States that take `from` to `to` events. */
  private times(
    place: Place<E>,
    sink: GraphState<E>,
    behind: GraphState<E>,
    from: number,
    to: number,
  ): GraphState<E> {
    const { row, stage } = place
    const take = barred(takes(row, stage), stage.until)
    const ignoreInside = barredOr(ignoresInside(row, stage), stage.until)
    if (stage.greedy && from !== to) this.close(sink, take, stage.until !== undefined)
    let next = sink
    for (let i = from; i < to; i++) next = this.again(place, next, behind, take, ignoreInside, true)
    for (let i = 1; i < from; i++) next = this.again(place, next, next, take, ignoreInside, false)
    return this.once(place, next, behind, take, ignores(row, stage), stage.optional, true)
  }

  /** One of the further times of a stage. */
  private again(
    place: Place<E>,
    sink: GraphState<E>,
    behind: GraphState<E>,
    take: Condition<E>,
    ignored: Condition<E> | undefined,
    optional: boolean,
  ): GraphState<E> {
    const state = this.once(place, sink, behind, take, ignored, optional, false)
    this.watchFollowingAbsence(place, state)
    return state
  }

  /** One time of a stage. @param behind where an optional one leads without an event */
  private once(
    place: Place<E>,
    sink: GraphState<E>,
    behind: GraphState<E>,
    take: Condition<E>,
    ignored: Condition<E> | undefined,
    optional: boolean,
    isFirstRound: boolean,
  ): GraphState<E> {
    if (!isSingle(place)) return this.round(place, sink, behind, optional, isFirstRound)
    const { row, stage } = place
    const state = this.state('waiting', stage, true)
    const taken = this.withoutAbsences(place, sink)
    addEdge(state, 'take', taken, take)
    if (optional) this.leave(state, behind, row, stage)
    if (ignored === undefined) return state
    if (!optional && !isHeadOfOptional(place)) {
      ignore(state, state, ignored)
      return state
    }
    const still = this.state('waiting', stage, false)
    addEdge(still, 'take', taken, take)
    ignore(still, still, ignored)
    this.watchAbsences(place, still)
    ignore(state, still, ignored)
    return state
  }

  /** A group's stages, once. */
  private round(
    { stage, following }: Place<E>,
    sink: GraphState<E>,
    behind: GraphState<E>,
    optional: boolean,
    isFirstRound: boolean,
  ): GraphState<E> {
    if (stage.kind !== 'group') return sink
    const row = { stages: stage.stages, group: stage, isFirstRound, following }
    const first = this.row(row, sink)
    if (optional) proceed(first, behind, passable(row))
    return first
  }

  private loop(place: Place<E>, sink: GraphState<E>): GraphState<E> {
    if (!isSingle(place)) return this.loopOfGroup(place, sink)
    const { row, stage } = place
    const take = barred(takes(row, stage), stage.until)
    const ignored = barredOr(ignoresInside(row, stage), stage.until)
    const state = this.state('waiting', stage, true)
    if (stage.greedy) this.close(sink, takes(row, stage), stage.until !== undefined)
    this.leave(state, sink, row, stage)
    addEdge(state, 'take', state, take)
    this.watchFollowingAbsence(place, state)
    if (ignored === undefined) return state
    const still = this.state('waiting', stage, false)
    addEdge(still, 'take', state, take)
    ignore(still, still, ignored)
    ignore(state, still, ignored)
    this.watchFollowingAbsence(place, still)
    return state
  }

  private loopOfGroup({ stage, following }: Place<E>, sink: GraphState<E>): GraphState<E> {
    if (stage.kind !== 'group') return sink
    const row = { stages: stage.stages, group: stage, isFirstRound: false, following }
    const roundTaken: GraphState<E> = { kind: 'waiting', stage: '', withinPreviousMs: undefined, edges: [] }
    const first = this.row(row, roundTaken)
    proceed(first, sink, passable(row))
    proceed(roundTaken, first, passable(row))
    return first
  }

  /** Lets a state be left without an event; behind a greedy loop that its `until` ended everything is open again. */
  private leave(state: GraphState<E>, behind: GraphState<E>, row: Row<E>, stage: SingleStage<E>): void {
    const pass = passable(row)
    if (!stage.greedy || stage.until === undefined) {
      proceed(state, behind, pass)
      return
    }
    proceed(state, this.open.get(behind) ?? behind, and(pass, stage.until))
    proceed(state, behind, and(pass, not(stage.until)))
  }

  /** Closes what is behind a greedy stage to events that the stage can take. */
  private close(behind: GraphState<E>, take: Condition<E>, keepOpen: boolean): void {
    if (keepOpen) this.open.set(behind, this.copyOf(behind))
    for (const edge of behind.edges) edge.condition = and(edge.condition, not(take))
  }

  /** Absences in front of a stage, with only optional stages between. */
  private absencesBefore({ row, index }: Place<E>): SingleStage<E>[] {
    const found: SingleStage<E>[] = []
    for (let i = index - 1; i >= 0; i--) {
      const stage = row.stages[i]!
      if (stage.contiguity === 'notFollowedBy' && stage.kind === 'single') found.push(stage)
      else if (!stage.optional) break
    }
    return found
  }

  private watchAbsences(place: Place<E>, state: GraphState<E>): void {
    for (const stage of this.absencesBefore(place)) this.watch(place.row, state, stage)
  }

  private watchFollowingAbsence({ row, following }: Place<E>, state: GraphState<E>): void {
    if (following?.contiguity !== 'notFollowedBy' || following.kind !== 'single') return
    this.watch(row, state, following)
  }

  private watch(row: Row<E>, state: GraphState<E>, absence: SingleStage<E>): void {
    const condition = takes(row, absence)
    proceed(state, this.stop(absence, condition), condition)
  }

  /** What is behind an optional stage once that has taken an event: absences in front of the stage are over. */
  private withoutAbsences(place: Place<E>, sink: GraphState<E>): GraphState<E> {
    if (!place.stage.optional) return sink
    const over = new Set(this.absencesBefore(place).map(({ name }) => name))
    return over.size === 0 ? sink : this.copyWithout(over, sink)
  }

  private copyWithout(absences: ReadonlySet<string>, state: GraphState<E>): GraphState<E> {
    const copy: GraphState<E> = { ...state, withinPreviousMs: undefined, edges: [] }
    for (const { action, target, condition } of state.edges) {
      if (action !== 'proceed') addEdge(copy, action, target === state ? copy : target, condition)
      else if (target.kind !== 'stop') proceed(copy, this.copyWithout(absences, target), condition)
      else if (!absences.has(target.stage)) proceed(copy, target, condition)
    }
    return copy
  }

  private copyOf(state: GraphState<E>): GraphState<E> {
    const copy: GraphState<E> = { ...state, withinPreviousMs: undefined, edges: [] }
    for (const { action, target, condition } of state.edges) {
      addEdge(copy, action, target === state ? copy : target, condition)
    }
    return copy
  }

  private stop({ name }: SingleStage<E>, condition: Condition<E>): GraphState<E> {
    const known = this.stops.get(name)
    if (known !== undefined) return known
    const stop: GraphState<E> = { kind: 'stop', stage: name, withinPreviousMs: undefined, edges: [] }
    addEdge(stop, 'take', stop, condition)
    this.stops.set(name, stop)
    this.named.add(name)
    return stop
  }

  private state(kind: 'waiting' | 'pending', stage: SingleStage<E>, arrives: boolean): GraphState<E> {
    const withinPreviousMs = arrives ? this.windowOf(stage) : undefined
    this.named.add(stage.name)
    return { kind, stage: stage.name, withinPreviousMs, edges: [] }
  }

  /** The window between neighbours binds a stage that takes once; that of a loop all of its states but the first made. */
  private windowOf({ name, repeat, withinPreviousMs }: SingleStage<E>): number | undefined {
    if (repeat.kind === 'once') return withinPreviousMs
    return this.named.has(name) ? repeat.gapMs : undefined
  }
}

function addEdge<E>(
  from: GraphState<E>,
  action: GraphEdge<E>['action'],
  target: GraphState<E>,
  condition: Condition<E>,
): void {
  from.edges.push({ action, target, condition })
}

function ignore<E>(from: GraphState<E>, target: GraphState<E>, condition: Condition<E>): void {
  addEdge(from, 'ignore', target, condition)
}

function proceed<E>(from: GraphState<E>, target: GraphState<E>, condition: Condition<E>): void {
  addEdge(from, 'proceed', target, condition)
}

function isSingle<E>(place: Place<E>): place is Place<E, SingleStage<E>> {
  return place.stage.kind === 'single'
}

function isHeadOfOptional<E>({ row, index }: Place<E>): boolean {
  return index === 0 && row.isFirstRound && row.group?.optional === true
}

/** A condition that events of the `until` do not satisfy. */
function barred<E>(condition: Condition<E>, until: Condition<E> | undefined): Condition<E> {
  return until === undefined ? condition : and(not(until), condition)
}

function barredOr<E>(condition: Condition<E> | undefined, until: Condition<E> | undefined) {
  return condition === undefined ? undefined : barred(condition, until)
}

function takes<E>({ group }: Row<E>, stage: Stage<E>): Condition<E> {
  return barred(stage.kind === 'single' ? stage.condition : always, group?.until)
}

function passable<E>({ group }: Row<E>): Condition<E> {
  return barred<E>(always, group?.until)
}

/** What may lie before the stage's first event; undefined: nothing. */
function ignores<E>(row: Row<E>, stage: Stage<E>): Condition<E> | undefined {
  const { group, stages, isFirstRound } = row
  const isHead = group !== undefined && stages[0] === stage
  if (!isHead) return ignored(row, stage, stage.contiguity)
  return ignored(row, stage, isFirstRound ? group.contiguity : group.inner)
}

/** What may lie between the events of a loop. */
function ignoresInside<E>(row: Row<E>, stage: Stage<E>): Condition<E> | undefined {
  const isHead = row.group !== undefined && row.stages[0] === stage
  return ignored(row, stage, isHead ? row.group.inner : stage.inner)
}

function ignored<E>(
  { group }: Row<E>,
  stage: Stage<E>,
  contiguity: Contiguity | InnerContiguity,
): Condition<E> | undefined {
  switch (contiguity) {
    case 'followedBy':
    case 'relaxed':
      return barred(not(stage.kind === 'single' ? stage.condition : always), group?.until)
    case 'followedByAny':
    case 'allowCombinations':
      return barred(always, group?.until)
    default:
      return undefined
  }
}
