/** The partial matches of a key as data, for whoever looks at them from outside. */
import type { OpenRun } from '../topology/store-view.ts'
import type { MatchState, Run } from './match-state.ts'
import type { Nfa } from './nfa.ts'
import { eventsOf } from './taken-view.ts'

/** In the order of their first events. Matches that wait for others, and events for which time has not come, are none. */
export function openRuns<E>(nfa: Nfa<E>, state: MatchState<E>): OpenRun[] {
  const runs: OpenRun[] = []
  for (let run = state.firstRun; run !== undefined; run = run.after) runs.push(openRun(nfa, run))
  return runs
}

function openRun<E>(nfa: Nfa<E>, { state, node }: Run<E>): OpenRun {
  const { steps, isPending, stage, withinPreviousMs = Number.POSITIVE_INFINITY } = nfa.states[state]!
  const taking = steps.flatMap((step) => (step.action === 'take' ? [step.stage] : []))
  const startMs = node.first.timestampMs
  const untilMs = Math.min(
    startMs + (nfa.withinMs ?? Number.POSITIVE_INFINITY),
    node.event.timestampMs + withinPreviousMs,
  )
  return {
    waitsFor: [...new Set(taking)].sort((a, b) => a - b).map((number) => nfa.stages[number]!),
    unless: isPending ? stage : undefined,
    startMs,
    untilMs: Number.isFinite(untilMs) ? untilMs : undefined,
    // A key may have thousands of runs that share their events: lists are made of those that are looked at.
    get events() {
      return eventsOf(node, nfa.stages)
    },
  }
}
