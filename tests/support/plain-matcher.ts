/**
 * What a matcher should find, two ways that share nothing with it but the pattern.
 *
 * `plainRun` walks the compiled pattern with runs that are plain lists of events: no sharing, no index, no counts, every run
 * asked for every event. It takes the whole vocabulary.
 *
 * `plainMatches` does not know of runs: it tries every way to hand events to stages and keeps those that the words of the
 * documentation allow. It takes patterns without groups, greedy and skipping.
 */
import type { Condition } from '../../streams/cep/condition.ts'
import { matched, type Nfa, type Step } from '../../streams/cep/nfa.ts'
import type { Stages } from '../../streams/cep/pattern-types.ts'
import {
  type CaseEvent,
  type CaseMatch,
  type CaseStage,
  type GoldenCase,
  holds,
  inOrderOfTime,
  type Outcome,
} from '../golden/cep/cases.ts'

interface PlainRun {
  readonly state: number
  readonly taken: readonly (readonly [stage: number, event: number])[]
}

export function plainRun(nfa: Nfa<CaseEvent, Stages>, input: readonly CaseEvent[]): Outcome {
  const events = inOrderOfTime(input)
  const matches: CaseMatch[] = []
  const timedOut: { match: CaseMatch; timestampMs: number }[] = []
  let runs: PlainRun[] = []
  let waiting: PlainRun[] = []

  const first = ({ taken }: PlainRun): number => taken[0]![1]
  const listed = ({ taken }: PlainRun): Record<string, CaseEvent[]> =>
    Object.fromEntries(
      nfa.stages.map((name, stage) => [
        name,
        taken.filter(([at]) => at === stage).map(([, event]) => events[event]!),
      ]),
    )
  const ids = (run: PlainRun): CaseMatch =>
    Object.fromEntries(
      Object.entries(listed(run))
        .filter(([, list]) => list.length > 0)
        .map(([name, list]) => [name, list.map(({ id }) => id)]),
    )
  const satisfies = (condition: Condition<CaseEvent>, event: CaseEvent, run: PlainRun): boolean => {
    switch (condition.kind) {
      case 'always':
      case 'never':
        return condition.kind === 'always'
      case 'event':
        return condition.test(event)
      case 'run':
        return condition.test(event, listed(run))
      case 'not':
        return !satisfies(condition.of, event, run)
      case 'and':
        return satisfies(condition.left, event, run) && satisfies(condition.right, event, run)
      case 'or':
        return satisfies(condition.left, event, run) || satisfies(condition.right, event, run)
    }
  }

  const settle = (completed: readonly PlainRun[]): void => {
    waiting = [...waiting, ...completed].sort((a, b) => first(a) - first(b))
    for (let match = waiting[0]; match !== undefined; match = waiting[0]) {
      const { taken } = match
      const begins = first(match)
      const { skip } = nfa
      if (skip.strategy !== 'noSkip' && runs.some((run) => first(run) < begins)) return
      waiting = waiting.slice(1)
      matches.push(ids(match))
      const ofStage = taken.filter(([stage]) => stage === nfa.skipStage).map(([, event]) => event)
      const survives = (run: PlainRun): boolean => {
        if (skip.strategy === 'skipToNext') return first(run) !== begins
        if (skip.strategy === 'skipPastLastEvent') return first(run) > taken.at(-1)![1]
        if (skip.strategy === 'skipToFirst') return first(run) >= (ofStage[0] ?? 0)
        if (skip.strategy === 'skipToLast') return first(run) >= (ofStage.at(-1) ?? 0)
        return true
      }
      runs = runs.filter(survives)
      waiting = waiting.filter(survives)
    }
  }

  const dueMs = (run: PlainRun): number => {
    const wholeMs = events[first(run)]!.timestampMs + (nfa.withinMs ?? Number.POSITIVE_INFINITY)
    const gapMs = nfa.states[run.state]!.withinPreviousMs ?? Number.POSITIVE_INFINITY
    return Math.min(wholeMs, events[run.taken.at(-1)![1]]!.timestampMs + gapMs)
  }
  const advance = (timeMs: number): void => {
    for (;;) {
      const nextMs = Math.min(...runs.map(dueMs))
      if (nextMs > timeMs || nextMs === Number.POSITIVE_INFINITY) return
      const due = runs.filter((run) => dueMs(run) === nextMs)
      runs = runs.filter((run) => dueMs(run) !== nextMs)
      const pending = due.filter(({ state }) => nfa.states[state]!.isPending)
      for (const run of due) {
        if (!pending.includes(run)) timedOut.push({ match: ids(run), timestampMs: nextMs })
      }
      settle(pending)
    }
  }

  const follow = (steps: readonly Step<CaseEvent>[], run: PlainRun, index: number) => {
    const event = events[index]!
    const fired = steps.filter(({ condition }) => satisfies(condition, event, run))
    const next: PlainRun[] = []
    const completed: PlainRun[] = []
    for (const step of fired) {
      if (step.action === 'stop') continue
      const taken = step.action === 'take' ? [...run.taken, [step.stage, index] as const] : run.taken
      if (step.target === matched || (step.action === 'take' && satisfies(step.completes, event, run))) {
        completed.push({ state: matched, taken })
      }
      if (step.target !== matched) next.push({ state: step.target, taken })
    }
    return { next: fired.some(({ action }) => action === 'stop') ? [] : next, completed }
  }

  let timeMs = Number.NEGATIVE_INFINITY
  events.forEach(({ timestampMs }, index) => {
    if (timestampMs > timeMs) advance(timestampMs)
    timeMs = timestampMs
    const followed = runs.map((run) => follow(nfa.states[run.state]!.steps, run, index))
    followed.push(follow(nfa.starts, { state: matched, taken: [] }, index))
    runs = followed.flatMap(({ next }) => next)
    settle(followed.flatMap(({ completed }) => completed))
  })
  advance(Number.POSITIVE_INFINITY)
  return { matches, timedOut }
}

/** Which event each stage takes, as far as it is chosen. */
interface Choice {
  readonly taken: readonly (readonly [name: string, event: number])[]
}

export function plainMatches({ pattern, input }: Pick<GoldenCase, 'pattern' | 'input'>): CaseMatch[] {
  const events = inOrderOfTime(input)
  const { stages, withinMs } = pattern
  const found: CaseMatch[] = []

  const lists = ({ taken }: Choice): Record<string, CaseEvent[]> => {
    const byName: Record<string, CaseEvent[]> = {}
    for (const [name, event] of taken) byName[name] = [...(byName[name] ?? []), events[event]!]
    return byName
  }
  const satisfies = (condition: CaseStage['condition'], index: number, choice: Choice): boolean =>
    condition === undefined || holds(condition, events[index]!, lists(choice))
  const inWindow = (index: number, { taken }: Choice): boolean => {
    const begin = taken[0]
    if (withinMs === null || begin === undefined) return true
    return events[index]!.timestampMs - events[begin[1]]!.timestampMs < withinMs
  }
  /** The absences between the last event taken and a stage: what it follows, with what was left out between. */
  const absencesBefore = (stage: number, choice: Choice): CaseStage[] => {
    const found: CaseStage[] = []
    for (let i = stage - 1; i >= 0; i--) {
      const { name, contiguity, quantifier } = stages[i]!
      if (contiguity.startsWith('not')) found.push(stages[i]!)
      else if (!isOptional(quantifier) || choice.taken.some(([taken]) => taken === name)) break
    }
    return found
  }
  /** Whether no notNext forbids the event behind the last one taken. */
  const allows = (stage: number, last: number, choice: Choice): boolean =>
    absencesBefore(stage, choice).every(
      ({ contiguity, condition }) => contiguity !== 'notNext' || !satisfies(condition, last + 1, choice),
    )
  /** Whether no notFollowedBy forbids the events since; one in front of a notNext is not watched, here as in FlinkCEP. */
  const allowsAll = (stage: number, last: number, index: number, choice: Choice): boolean => {
    const absences = absencesBefore(stage, choice)
    const unwatched = absences.findIndex(({ contiguity }) => contiguity === 'notNext')
    return absences.slice(0, unwatched < 0 ? absences.length : unwatched).every(({ condition }) => {
      for (let at = last + 1; at <= index; at++) if (satisfies(condition, at, choice)) return false
      return true
    })
  }
  const absent = (stage: number, last: number, index: number, choice: Choice): boolean =>
    allows(stage, last, choice) && allowsAll(stage, last, index, choice)

  const take = (stage: number, count: number, choice: Choice): void => {
    const { name = '', contiguity, condition, quantifier, until } = stages[stage]!
    const last = choice.taken.at(-1)?.[1]
    const behind = stages[stage + 1]
    const mode = count === 0 ? contiguity : quantifier.inner
    for (let index = (last ?? -1) + 1; index < events.length && inWindow(index, choice); index++) {
      const isTaken =
        satisfies(condition, index, choice) && (until === undefined || !satisfies(until, index, choice))
      const stopped =
        last !== undefined &&
        (!absent(count === 0 ? stage : 0, last, index, choice) ||
          (count > 0 &&
            behind?.contiguity === 'notFollowedBy' &&
            satisfies(behind.condition, index, choice)) ||
          isWatchedAgain(stage, count, last, index, choice) ||
          (index === last + 1 && leaves(stage, count) && !remains(stage, index, choice)))
      if (stopped) {
        // What the event completes is a match all the same, here as in FlinkCEP.
        const choiceNow = { taken: [...choice.taken, [name, index] as const] }
        if (isTaken && (count > 0 || allows(stage, last, choice)) && endsNow(stage, count + 1)) end(choiceNow)
        return
      }
      if (isTaken) goOn(stage, count + 1, { taken: [...choice.taken, [name, index]] })
      if (last === undefined) continue
      if (mode === 'next' || mode === 'begin' || mode === 'consecutive') return
      const isRelaxed = mode === 'followedBy' || mode === 'relaxed'
      if (isRelaxed && satisfies(condition, index, choice)) return
      if (count > 0 && until !== undefined && satisfies(until, index, choice)) return
    }
  }

  /** As in FlinkCEP, further times of `times(a, b)` that need not come watch what is absent in front once they pass an event over. */
  const isWatchedAgain = (stage: number, count: number, last: number, index: number, choice: Choice) => {
    if (stages[stage]!.quantifier.kind !== 'timesRange' || !leaves(stage, count) || index === last + 1)
      return false
    for (let i = stage - 1; i >= 0; i--) {
      const { contiguity, quantifier, condition } = stages[i]!
      if (contiguity === 'notFollowedBy') {
        if (satisfies(condition, index, choice)) return true
      } else if (!isOptional(quantifier)) return false
    }
    return false
  }
  /** Whether a loop that may be left is not stopped by an absence behind it. */
  const remains = (stage: number, index: number, choice: Choice): boolean => {
    for (let i = stage + 1; stages[i]?.contiguity.startsWith('not') === true; i++) {
      if (satisfies(stages[i]!.condition, index, choice)) return false
    }
    return true
  }
  const leaves = (stage: number, count: number): boolean =>
    count > 0 && count >= counts(stages[stage]!.quantifier)[0]

  /** Whether the pattern may end at a stage that has taken so many. */
  const endsNow = (stage: number, count: number): boolean =>
    count >= counts(stages[stage]!.quantifier)[0] &&
    stages.slice(stage + 1).every(({ quantifier }) => isOptional(quantifier))

  const goOn = (stage: number, count: number, choice: Choice): void => {
    const { quantifier } = stages[stage]!
    const [from, to] = counts(quantifier)
    if (count < to) take(stage, count, choice)
    if (count >= from || (count === 0 && isOptional(quantifier))) leave(stage + 1, choice)
  }

  const leave = (stage: number, choice: Choice): void => {
    const next = stages[stage]
    if (next?.contiguity === 'notNext' || next?.contiguity === 'notFollowedBy') {
      if (stage + 1 < stages.length) {
        leave(stage + 1, choice)
        return
      }
      const last = choice.taken.at(-1)![1]
      if (next.contiguity === 'notNext') {
        const isOther = last + 1 < events.length && inWindow(last + 1, choice)
        if (isOther && absent(stage + 1, last, last + 1, choice)) end(choice)
        return
      }
      let index = last
      while (index + 1 < events.length && inWindow(index + 1, choice)) index++
      if (absent(stage + 1, last, index, choice)) end(choice)
    } else if (next !== undefined) goOn(stage, 0, choice)
    else if (choice.taken.length > 0) end(choice)
  }

  const end = (choice: Choice): void => {
    const byName = lists(choice)
    const names = stages.flatMap(({ name = '' }) => (byName[name] === undefined ? [] : [name]))
    found.push(Object.fromEntries(names.map((name) => [name, byName[name]!.map(({ id }) => id)])))
  }

  goOn(0, 0, { taken: [] })
  return found
}

function counts({ kind, from = 1, to = 1 }: CaseStage['quantifier']): readonly [number, number] {
  if (kind === 'times') return [from, from]
  if (kind === 'timesRange') return [Math.max(from, 1), to]
  return [from, kind === 'one' ? 1 : Number.POSITIVE_INFINITY]
}

function isOptional({ kind, from, optional }: CaseStage['quantifier']): boolean {
  return optional || (kind === 'timesRange' && from === 0)
}
