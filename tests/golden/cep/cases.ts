/** The golden cases of patterns, and how they are run; README.md says where they are from and how to read them. */
import { readFileSync } from 'node:fs'
import type { MatchState } from '../../../streams/cep/match-state.ts'
import { Matcher } from '../../../streams/cep/matcher.ts'
import { compilePattern } from '../../../streams/cep/nfa.ts'
import { Pattern } from '../../../streams/cep/pattern.ts'
import type { PatternOf, Stages } from '../../../streams/cep/pattern-types.ts'

export interface CaseEvent {
  readonly id: number
  readonly type: string
  readonly value: number
  readonly timestampMs: number
}

export type CaseCondition =
  | { readonly type: string }
  | { readonly valueGreaterThan: number }
  | { readonly valueLessThan: number }
  | { readonly and: readonly CaseCondition[] }
  | { readonly or: readonly CaseCondition[] }
  | { readonly valueGreaterThanLast: string }
  | { readonly sumOfStageBelow: { readonly stage: string; readonly limit: number } }

export interface CaseStage {
  readonly name?: string
  readonly contiguity: 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy'
  readonly condition?: CaseCondition
  readonly quantifier: {
    readonly kind: 'one' | 'times' | 'timesRange' | 'timesOrMore' | 'oneOrMore'
    readonly from?: number
    readonly to?: number
    readonly optional: boolean
    readonly greedy: boolean
    readonly inner: 'relaxed' | 'consecutive' | 'allowCombinations'
    readonly withinMs?: number
  }
  readonly until?: CaseCondition
  readonly withinPreviousMs?: number
  readonly group?: readonly CaseStage[]
}

export interface CasePattern {
  readonly skip: { readonly strategy: string; readonly stage?: string }
  readonly withinMs: number | null
  readonly withinKind?: string
  readonly stages: readonly CaseStage[]
}

/** Ids of the events by stage. */
export type CaseMatch = Readonly<Record<string, readonly number[]>>

export interface Outcome {
  readonly matches: readonly CaseMatch[]
  readonly timedOut: readonly { readonly match: CaseMatch; readonly timestampMs: number }[]
}

export interface GoldenCase extends Outcome {
  readonly name: string
  readonly seed: number
  readonly features: readonly string[]
  readonly orderSensitive?: boolean
  readonly pattern: CasePattern
  readonly input: readonly CaseEvent[]
}

export interface RefusedPattern {
  readonly name: string
  readonly pattern: CasePattern
  readonly refused: { readonly exception: string; readonly reason: string }
}

// The files are our own, and their tests fail where they are not as declared.
export const goldenCases = readLines('cases.ndjson') as GoldenCase[]
export const refusedPatterns = readLines('refused.ndjson') as RefusedPattern[]

function readLines(file: string): unknown[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
}

export type AnyPattern = Pattern<CaseEvent, Stages, string>

/** The pattern of a case, by the calls that a user would write. */
export function patternOf({ stages, skip, withinMs, withinKind }: CasePattern): PatternOf<CaseEvent, Stages> {
  let pattern = rowOf(stages)
  if (withinMs !== null) {
    pattern =
      withinKind === 'previous-and-current' ? pattern.withinPrevious(withinMs) : pattern.within(withinMs)
  }
  switch (skip.strategy) {
    case 'noSkip':
    case 'skipToNext':
    case 'skipPastLastEvent':
      return pattern.afterMatch(skip.strategy)
    case 'skipToFirst':
    case 'skipToLast':
      return pattern.afterMatch(skip.strategy, skip.stage ?? '')
    default:
      throw new Error(`unknown strategy ${skip.strategy}`)
  }
}

function rowOf([first, ...others]: readonly CaseStage[]): AnyPattern {
  const begin = Pattern.of<CaseEvent>()
  let pattern: AnyPattern =
    first!.group === undefined ? begin.begin(first!.name ?? '') : begin.begin(rowOf(first!.group))
  pattern = refined(pattern, first!)
  for (const stage of others) pattern = refined(added(pattern, stage), stage)
  return pattern
}

function added(pattern: AnyPattern, { contiguity, name = '', group }: CaseStage): AnyPattern {
  switch (contiguity) {
    case 'next':
      return group === undefined ? pattern.next(name) : pattern.next(rowOf(group))
    case 'followedBy':
      return group === undefined ? pattern.followedBy(name) : pattern.followedBy(rowOf(group))
    case 'followedByAny':
      return group === undefined ? pattern.followedByAny(name) : pattern.followedByAny(rowOf(group))
    case 'notNext':
      return pattern.notNext(name)
    case 'notFollowedBy':
      return pattern.notFollowedBy(name)
    default:
      throw new Error(`${contiguity} cannot stand here`)
  }
}

/** In the order that the README names: condition, quantifier, optional, inner, greedy, until, windows. */
function refined(pattern: AnyPattern, stage: CaseStage): AnyPattern {
  const { condition, quantifier, until, withinPreviousMs } = stage
  if (condition !== undefined) pattern = conditioned(pattern, condition)
  pattern = repeated(pattern, quantifier)
  if (quantifier.optional) pattern = pattern.optional()
  if (quantifier.inner === 'consecutive') pattern = pattern.consecutive()
  if (quantifier.inner === 'allowCombinations') pattern = pattern.allowCombinations()
  if (quantifier.greedy) pattern = pattern.greedy()
  if (until !== undefined) pattern = pattern.until(testOf(until))
  if (withinPreviousMs !== undefined) pattern = pattern.withinPrevious(withinPreviousMs)
  return pattern
}

function repeated(
  pattern: AnyPattern,
  { kind, from = 1, to = 1, withinMs }: CaseStage['quantifier'],
): AnyPattern {
  const gap = withinMs === undefined ? undefined : { withinMs }
  switch (kind) {
    case 'one':
      return pattern
    case 'times':
      return pattern.times(from, gap)
    case 'timesRange':
      return pattern.times(from, to, gap)
    case 'timesOrMore':
      return pattern.timesOrMore(from, gap)
    case 'oneOrMore':
      return pattern.oneOrMore(gap)
  }
}

/** Outer `and`s and `or`s by calls of `where` and `or`, what is inside of them by one function. */
function conditioned(pattern: AnyPattern, condition: CaseCondition): AnyPattern {
  if ('and' in condition) return condition.and.reduce((whole, part) => whole.where(testOf(part)), pattern)
  if ('or' in condition) return condition.or.reduce((whole, part) => whole.or(testOf(part)), pattern)
  return pattern.where(testOf(condition))
}

type Taken = Readonly<Record<string, readonly CaseEvent[]>>
type Test = (event: CaseEvent, taken: Taken) => boolean

export function testOf(condition: CaseCondition): Test {
  if (seesTaken(condition)) return (event, taken) => holds(condition, event, taken)
  const test = (event: CaseEvent): boolean => holds(condition, event, {})
  return test
}

function seesTaken(condition: CaseCondition): boolean {
  if ('and' in condition) return condition.and.some(seesTaken)
  if ('or' in condition) return condition.or.some(seesTaken)
  return 'valueGreaterThanLast' in condition || 'sumOfStageBelow' in condition
}

export function holds(condition: CaseCondition, event: CaseEvent, taken: Taken): boolean {
  if ('type' in condition) return event.type === condition.type
  if ('valueGreaterThan' in condition) return event.value > condition.valueGreaterThan
  if ('valueLessThan' in condition) return event.value < condition.valueLessThan
  if ('and' in condition) return condition.and.every((part) => holds(part, event, taken))
  if ('or' in condition) return condition.or.some((part) => holds(part, event, taken))
  if ('valueGreaterThanLast' in condition) {
    const last = taken[condition.valueGreaterThanLast]?.at(-1)
    return last === undefined || event.value > last.value
  }
  const { stage, limit } = condition.sumOfStageBelow
  return (taken[stage] ?? []).reduce((sum, { value }) => sum + value, event.value) < limit
}

/** The input in the order in which it is to be processed: by time, and as it came where that is equal. */
export function inOrderOfTime(input: readonly CaseEvent[]): CaseEvent[] {
  return [...input].sort((a, b) => a.timestampMs - b.timestampMs)
}

/** What the matcher makes of a case. @param between called after each event, with the state, and answers the state to go on with */
export function run(
  { pattern, input }: Pick<GoldenCase, 'pattern' | 'input'>,
  between: (state: MatchState<CaseEvent>, matcher: Matcher<CaseEvent, Stages>) => MatchState<CaseEvent> = (
    state,
  ) => state,
): Outcome & { readonly state: MatchState<CaseEvent> } {
  const matcher = new Matcher(compilePattern(patternOf(pattern)))
  const matches: CaseMatch[] = []
  const timedOut: { match: CaseMatch; timestampMs: number }[] = []
  let state = matcher.newState()
  const note = (findings: ReturnType<typeof matcher.take>): void => {
    for (const finding of findings) {
      if (finding.kind === 'match') matches.push(idsOf(finding.events))
      else if (finding.kind === 'timed-out') {
        timedOut.push({ match: idsOf(finding.events), timestampMs: finding.timestampMs })
      }
    }
  }
  for (const event of inOrderOfTime(input)) {
    note(matcher.take(state, event, event.timestampMs))
    state = between(state, matcher)
  }
  note(matcher.advance(state, Number.POSITIVE_INFINITY))
  return { matches, timedOut, state }
}

function idsOf(events: Readonly<Record<string, readonly CaseEvent[]>>): CaseMatch {
  return Object.fromEntries(
    Object.entries(events)
      .filter(([, list]) => list.length > 0)
      .map(([name, list]) => [name, list.map(({ id }) => id)]),
  )
}

/** Bags to compare: the order of entries does not count, their number does. */
export function canonical({ matches, timedOut }: Outcome): { matches: string[]; timedOut: string[] } {
  const sorted = (list: readonly unknown[]) => list.map((entry) => JSON.stringify(entry)).sort()
  return {
    matches: sorted(matches),
    timedOut: sorted(timedOut.map(({ match, timestampMs }) => ({ match, timestampMs }))),
  }
}
