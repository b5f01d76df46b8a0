/**
 * A compiled pattern: frozen data that all keys share. What a key has of it is a `MatchState`.
 *
 * A state lists all that an event can do to a run that is in it, in the order in which it is to be done, with the ways that
 * lead through other states without an event folded in. So one look at one list decides a run, and what decides it without
 * regard to the run decides all runs of that state.
 */
import { murmur2 } from '../records/murmur2.ts'
import { checkPattern } from './check-pattern.ts'
import { always, and, type Condition, EventTests, never, or } from './condition.ts'
import type { PatternDefinition, Skip, Stage } from './pattern-definition.ts'
import { isAbsence } from './pattern-definition.ts'
import { patternError } from './pattern-error.ts'
import type { PatternOf, Stages } from './pattern-types.ts'
import { buildGraph, type GraphState } from './state-graph.ts'

/** Stands for the end of the pattern where a state is named. */
export const matched = -1

export type Step<E> =
  | {
      readonly action: 'take'
      readonly condition: Condition<E>
      readonly stage: number
      readonly target: number
      /** Whether the run is a match then, although it may go on; judged, like `condition`, before the event is taken. */
      readonly completes: Condition<E>
    }
  | { readonly action: 'ignore'; readonly condition: Condition<E>; readonly target: number }
  /** Nothing comes of the run, whatever else the event would do to it, but matches. */
  | { readonly action: 'stop'; readonly condition: Condition<E> }

export interface NfaState<E> {
  readonly steps: readonly Step<E>[]
  /** A run that is here when its window closes is a match, and not a time-out. */
  readonly isPending: boolean
  /** The stage that takes here, or whose absence is watched. */
  readonly stage: string
  readonly withinPreviousMs: number | undefined
}

export interface Nfa<E, S extends Stages = Stages> {
  /** Names of the stages that take events, in the order of the pattern. */
  readonly stages: readonly string[]
  readonly states: readonly NfaState<E>[]
  /** What an event can begin. */
  readonly starts: readonly Step<E>[]
  readonly withinMs: number | undefined
  /** Whether a run may time out by its last event. */
  readonly hasPreviousWindows: boolean
  readonly skip: Skip
  /** Of `skip`; -1 if it names none that takes. */
  readonly skipStage: number
  readonly eventTests: number
  /** Changes with the shape of the pattern, not with its tests and windows: stored runs belong to one shape. */
  readonly fingerprint: number
  readonly fields?: S
}

/** @throws PATTERN_INVALID */
export function compilePattern<E, S extends Stages>({ definition }: PatternOf<E, S>): Nfa<E, S> {
  checkPattern(definition)
  const stages = takingStages(definition.stages)
  const tests = new EventTests<E>()
  const numbers = new Map<GraphState<E>, number>()
  const found: GraphState<E>[] = []
  const numberOf = (state: GraphState<E>): number => {
    if (state.kind === 'final') return matched
    const known = numbers.get(state)
    if (known !== undefined) return known
    numbers.set(state, found.length)
    return found.push(state) - 1
  }
  const stepsOf = (state: GraphState<E>): Step<E>[] => reachable(state, stages, tests, numberOf)
  const starts = stepsOf(buildGraph(definition)).filter(({ action }) => action === 'take')
  const states: NfaState<E>[] = []
  // What a state leads to is numbered while its steps are listed.
  for (let i = 0; i < found.length; i++) {
    const state = found[i]!
    states.push({
      steps: Object.freeze(stepsOf(state)),
      isPending: state.kind === 'pending',
      stage: state.stage,
      withinPreviousMs: state.withinPreviousMs,
    })
  }
  checkWindows(definition, found)
  const { skip, withinMs } = definition
  return Object.freeze({
    stages: Object.freeze(stages),
    states: Object.freeze(states),
    starts: Object.freeze(starts),
    withinMs,
    hasPreviousWindows: states.some((state) => state.withinPreviousMs !== undefined),
    skip,
    skipStage: 'stage' in skip ? stages.indexOf(skip.stage) : -1,
    eventTests: tests.count,
    fingerprint: fingerprintOf(stages, starts, states),
  })
}

/** All steps from a state, depth first, of the states proceeded to the last one first. */
function reachable<E>(
  from: GraphState<E>,
  stages: readonly string[],
  tests: EventTests<E>,
  numberOf: (state: GraphState<E>) => number,
): Step<E>[] {
  const steps: Step<E>[] = []
  const open = [{ state: from, path: always as Condition<E> }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { state, path } = next
    for (const edge of state.edges) {
      const condition = tests.number(and(path, edge.condition))
      if (condition.kind === 'never') continue
      const { target } = edge
      if (state.kind === 'stop') steps.push({ action: 'stop', condition })
      else if (edge.action === 'proceed') open.push({ state: target, path: and(path, edge.condition) })
      else if (edge.action === 'ignore') steps.push({ action: 'ignore', condition, target: numberOf(target) })
      else {
        const stage = stages.indexOf(state.stage)
        const completes = tests.number(endWithoutEvent(target))
        steps.push({ action: 'take', condition, stage, target: numberOf(target), completes })
      }
    }
  }
  return steps
}

/** When the end of the pattern can be proceeded to from a state. */
function endWithoutEvent<E>(state: GraphState<E>): Condition<E> {
  let ends: Condition<E> = never
  for (const { action, target, condition } of state.edges) {
    if (action !== 'proceed') continue
    ends = or(ends, and(condition, target.kind === 'final' ? always : endWithoutEvent(target)))
  }
  return ends
}

function takingStages(stages: readonly Stage<never>[]): string[] {
  return stages.flatMap((stage) => {
    if (stage.kind === 'group') return takingStages(stage.stages)
    return isAbsence(stage) ? [] : [stage.name]
  })
}

function checkWindows<E>({ withinMs }: PatternDefinition<E>, states: readonly GraphState<E>[]): void {
  for (const { stage, withinPreviousMs } of states) {
    if (withinMs === undefined || withinPreviousMs === undefined || withinPreviousMs <= withinMs) continue
    throw patternError(
      `stage "${stage}"`,
      `its window of ${withinPreviousMs} ms is longer than the ${withinMs} ms of the whole pattern`,
      'shorten it, or lengthen within(…)',
    )
  }
}

function fingerprintOf<E>(
  stages: readonly string[],
  starts: readonly Step<E>[],
  states: readonly NfaState<E>[],
): number {
  const steps = (list: readonly Step<E>[]) =>
    list.map((step) => {
      if (step.action === 'stop') return 'stop'
      return step.action === 'ignore' ? ['ignore', step.target] : ['take', step.stage, step.target]
    })
  const shape = JSON.stringify([
    stages,
    steps(starts),
    states.map((state) => [steps(state.steps), state.isPending]),
  ])
  const bytes = Buffer.from(shape, 'utf8')
  return murmur2(bytes, 0, bytes.length) >>> 0
}
