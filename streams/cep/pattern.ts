/** How patterns are written down. */
import { always, and, type Condition, or } from './condition.ts'
import {
  type Contiguity,
  type GroupStage,
  isAbsence,
  type PatternDefinition,
  type Repeat,
  type SingleStage,
  type Stage,
} from './pattern-definition.ts'
import { patternError } from './pattern-error.ts'
import type { Maybe, PartialMatch, PatternOf, Stages, With } from './pattern-types.ts'

/**
 * Whether a stage takes an event. A test that declares a second parameter also sees what the run has taken so far, by stage, and
 * is called for each run; one that does not is called once per event. It must answer the same for the same arguments.
 */
export type StageTest<E, S extends Stages> = (event: E, taken: PartialMatch<E, S>) => boolean

/** Refines a count: each event of the loop but the last must come sooner than this after the one before. */
export interface Gap {
  readonly withinMs: number
}

/**
 * A pattern over the events of one key, with FlinkCEP's vocabulary and semantics. Each call answers a new pattern; calls that
 * refine (`where`, `times`, `optional` …) are about the stage named last. A match has a field for each stage.
 *
 * @example
 * const escalating = Pattern.of<Order>()
 *   .begin('first')
 *   .followedBy('higher')
 *   .where((order, taken) => order.amount > taken.first[0]!.amount)
 *   .times(2)
 *   .within(hours(1))
 *
 * @throws PATTERN_INVALID from the call that cannot be, or, about the pattern as a whole, where it is used.
 */
export class Pattern<E, S extends Stages, Last extends string> implements PatternOf<E, S> {
  declare readonly fields?: S
  readonly definition: PatternDefinition<E>

  private constructor(definition: PatternDefinition<E>) {
    this.definition = definition
  }

  /** A pattern over events of this type; groups are written the same way and then given to a stage of another. */
  static of<E>(): PatternStart<E> {
    const nothing = new Pattern<E, Record<never, never>, never>({ stages: [], skip: { strategy: 'noSkip' } })
    return {
      begin: (stage: string | PatternOf<E, Stages>) => nothing.add<never, never>('begin', stage),
    }
  }

  /** Its first event directly follows: no event of the key may lie between. */
  next<Name extends string>(name: Name): Pattern<E, With<S, Record<Name, 'always'>>, Name>
  next<G extends Stages>(group: PatternOf<E, G>): Pattern<E, With<S, G>, keyof G & string>
  next(stage: string | PatternOf<E, Stages>) {
    return this.add<never, never>('next', stage)
  }

  /** Its first event is the next one that satisfies its condition: only events that do not may lie between. */
  followedBy<Name extends string>(name: Name): Pattern<E, With<S, Record<Name, 'always'>>, Name>
  followedBy<G extends Stages>(group: PatternOf<E, G>): Pattern<E, With<S, G>, keyof G & string>
  followedBy(stage: string | PatternOf<E, Stages>) {
    return this.add<never, never>('followedBy', stage)
  }

  /** Its first event is any later one that satisfies its condition. */
  followedByAny<Name extends string>(name: Name): Pattern<E, With<S, Record<Name, 'always'>>, Name>
  followedByAny<G extends Stages>(group: PatternOf<E, G>): Pattern<E, With<S, G>, keyof G & string>
  followedByAny(stage: string | PatternOf<E, Stages>) {
    return this.add<never, never>('followedByAny', stage)
  }

  /** The event that directly follows must not satisfy its condition. At the end: a next event must come, and be another. */
  notNext(name: string): Pattern<E, S, never> {
    return this.absence('notNext', name)
  }

  /** No event that satisfies its condition may come before the next stage; at the end, before the window closes. */
  notFollowedBy(name: string): Pattern<E, S, never> {
    return this.absence('notFollowedBy', name)
  }

  /** The stage takes events that pass; several of these must all pass. */
  where(test: StageTest<E, S>): Pattern<E, S, Last> {
    const added = conditionOf<E, S>(test)
    return this.replaceSingle('where', ({ condition }) => ({ condition: and(condition, added) }))
  }

  /** The stage also takes events that pass this instead of all that was said before. */
  or(test: StageTest<E, S>): Pattern<E, S, Last> {
    const added = conditionOf<E, S>(test)
    return this.replaceSingle('or', ({ condition }) => ({
      // Without a condition so far there is nothing to be an alternative to.
      condition: condition.kind === 'always' ? added : or(condition, added),
    }))
  }

  oneOrMore(gap?: Gap): Pattern<E, S, Last> {
    return this.repeat('oneOrMore()', { kind: 'loop', from: 1, ...gapOf(gap) })
  }

  timesOrMore(from: number, gap?: Gap): Pattern<E, S, Last> {
    return this.repeat(`timesOrMore(${from})`, {
      kind: 'loop',
      from: this.count('timesOrMore', from),
      ...gapOf(gap),
    })
  }

  /** Exactly so often. */
  times(count: number, gap?: Gap): Pattern<E, S, Last>
  /** At least and at most so often; from 0 is the same as from 1 and optional. */
  times<From extends number>(
    from: From,
    to: number,
    gap?: Gap,
  ): Pattern<E, number extends From ? Maybe<S, Last> : From extends 0 ? Maybe<S, Last> : S, Last>
  times(from: number, toOrGap?: number | Gap, gap?: Gap): Pattern<E, Stages, string> {
    if (typeof toOrGap !== 'number') {
      const count = this.count('times', from)
      return this.repeat(`times(${from})`, { kind: 'times', from: count, to: count, ...gapOf(toOrGap) })
    }
    const call = `times(${from}, ${toOrGap})`
    if (from !== 0) this.count('times', from)
    this.count('times', toOrGap)
    if (toOrGap < from)
      throw patternError(this.place, `${call} ends below its start`, `write times(${toOrGap}, ${from})`)
    const repeated = this.repeat(call, { kind: 'times', from: Math.max(from, 1), to: toOrGap, ...gapOf(gap) })
    return from === 0 ? repeated.replace(() => ({ optional: true })) : repeated
  }

  /** The stage may also take nothing. */
  optional(): Pattern<E, Maybe<S, Last>, Last> {
    this.refuseAbsence('optional()')
    if (this.last.optional) throw patternError(this.place, 'it is optional already', 'say so once')
    if (this.definition.stages.at(-2)?.greedy === true) {
      throw patternError(
        this.place,
        'an optional stage cannot stand behind a greedy one',
        'leave greedy() out',
      )
    }
    return this.replace(() => ({ optional: true })) as Pattern<E, Stages, string> as Pattern<
      E,
      Maybe<S, Last>,
      Last
    >
  }

  /** Between two events of the loop no other may lie. */
  consecutive(): Pattern<E, S, Last> {
    this.refuseUnrepeated('consecutive()')
    if (this.last.inner === 'allowCombinations') {
      throw patternError(
        this.place,
        'it allows combinations already',
        'choose one of consecutive() and allowCombinations()',
      )
    }
    return this.replace(() => ({ inner: 'consecutive' }))
  }

  /** Between two events of the loop others that satisfy the condition may lie as well. */
  allowCombinations(): Pattern<E, S, Last> {
    this.refuseUnrepeated('allowCombinations()')
    if (this.last.inner === 'consecutive') {
      throw patternError(
        this.place,
        'it is consecutive already',
        'choose one of consecutive() and allowCombinations()',
      )
    }
    if (this.last.greedy) throw this.greedyCombinations()
    return this.replace(() => ({ inner: 'allowCombinations' }))
  }

  /** What the loop can take is not left to the stage behind it. */
  greedy(): Pattern<E, S, Last> {
    if (this.last.kind === 'group') {
      throw patternError(this.place, 'a group cannot be greedy', 'make a stage inside of it greedy')
    }
    this.refuseUnrepeated('greedy()')
    if (this.last.inner === 'allowCombinations') throw this.greedyCombinations()
    return this.replace(() => ({ greedy: true }))
  }

  /** Ends the loop before the first event that passes; the run goes on with the next stage. */
  until(test: StageTest<E, S>): Pattern<E, S, Last> {
    if (this.last.repeat.kind !== 'loop') {
      throw patternError(
        this.place,
        'until(…) ends a loop, and it is none',
        'call oneOrMore() or timesOrMore(n) first',
      )
    }
    if (this.last.until !== undefined) {
      throw patternError(this.place, 'it has an until(…) already', 'join both in one test')
    }
    const until = conditionOf<E, S>(test)
    return this.replace(() => ({ until }))
  }

  /** A match's last event must come sooner than this after its first; called several times, the shortest counts. */
  within(windowMs: number): Pattern<E, S, Last> {
    positive('within', windowMs)
    const { withinMs = Number.POSITIVE_INFINITY } = this.definition
    return new Pattern({ ...this.definition, withinMs: Math.min(withinMs, windowMs) })
  }

  /** The stage's event must come sooner than this after the one taken before it. It binds stages that take once only. */
  withinPrevious(windowMs: number): Pattern<E, S, Last> {
    positive('withinPrevious', windowMs)
    return this.replaceSingle('withinPrevious', () => ({ withinPreviousMs: windowMs }))
  }

  /**
   * What a match discards: nothing (`noSkip`); what began with the same event (`skipToNext`); what began at or before its
   * last event (`skipPastLastEvent`); what began before the first or last event of a stage. With any but `noSkip` a match
   * waits until no run that began before it is open.
   */
  afterMatch(strategy: 'noSkip' | 'skipToNext' | 'skipPastLastEvent'): Pattern<E, S, Last>
  afterMatch(strategy: 'skipToFirst' | 'skipToLast', stage: keyof S & string): Pattern<E, S, Last>
  afterMatch(strategy: PatternDefinition<E>['skip']['strategy'], stage?: string): Pattern<E, S, Last> {
    const skip =
      strategy === 'skipToFirst' || strategy === 'skipToLast'
        ? { strategy, stage: stage ?? '' }
        : { strategy }
    return new Pattern({ ...this.definition, skip })
  }

  private get last(): Stage<E> {
    return this.definition.stages.at(-1)!
  }

  private get place(): string {
    return this.last.kind === 'single' ? `stage "${this.last.name}"` : 'a group'
  }

  private add<S2 extends Stages, Last2 extends string>(
    contiguity: Contiguity,
    stage: string | PatternOf<E, Stages>,
  ): Pattern<E, S2, Last2> {
    const added =
      typeof stage === 'string' ? singleStage<E>(contiguity, stage) : groupStage(contiguity, stage.definition)
    return new Pattern({ ...this.definition, stages: [...this.definition.stages, added] })
  }

  private absence(contiguity: 'notNext' | 'notFollowedBy', name: string): Pattern<E, S, never> {
    if (this.last.optional) {
      throw patternError(
        `stage "${name}"`,
        `${contiguity} cannot stand behind an optional stage`,
        'make the stage before it mandatory, or put a mandatory one between',
      )
    }
    return this.add<S, never>(contiguity, name)
  }

  private repeat(call: string, repeat: Repeat): Pattern<E, S, Last> {
    this.refuseAbsence(call)
    if (this.last.repeat.kind !== 'once') {
      throw patternError(this.place, `${call} comes on top of another count`, 'give one count a stage')
    }
    if (this.last.kind === 'group' && repeat.kind !== 'once' && repeat.gapMs !== undefined) {
      throw patternError(
        this.place,
        'a window between rounds would do nothing',
        'give it to a stage inside of the group',
      )
    }
    return this.replace(() => ({ repeat }))
  }

  private replace(
    change: (stage: Stage<E>) => Partial<Omit<GroupStage<E>, 'kind' | 'stages'>>,
  ): Pattern<E, S, Last> {
    return this.withLast({ ...this.last, ...change(this.last) })
  }

  private replaceSingle(
    call: string,
    change: (stage: SingleStage<E>) => Partial<SingleStage<E>>,
  ): Pattern<E, S, Last> {
    const { last } = this
    if (last.kind === 'group') {
      throw patternError('a group', `${call}(…) is about one stage`, 'call it on a stage inside of the group')
    }
    return this.withLast({ ...last, ...change(last) })
  }

  private withLast(stage: Stage<E>): Pattern<E, S, Last> {
    return new Pattern({ ...this.definition, stages: [...this.definition.stages.slice(0, -1), stage] })
  }

  private count(call: string, count: number): number {
    if (Number.isSafeInteger(count) && count >= 1) return count
    throw patternError(this.place, `${call} was given ${count}`, 'give a whole number from 1 on')
  }

  private refuseAbsence(call: string): void {
    if (!isAbsence(this.last)) return
    throw patternError(
      this.place,
      `${call} is not for a stage of absence, which takes nothing`,
      'leave it out; until the next stage it holds for any number of events',
    )
  }

  private refuseUnrepeated(call: string): void {
    this.refuseAbsence(call)
    if (this.last.repeat.kind !== 'once') return
    throw patternError(
      this.place,
      `${call} is about the events of a loop`,
      'call oneOrMore(), times(…) or timesOrMore(n) first',
    )
  }

  private greedyCombinations() {
    return patternError(this.place, 'greedy() and allowCombinations() exclude each other', 'choose one')
  }
}

export interface PatternStart<E> {
  /** The first stage: a match begins with its first event. */
  begin<Name extends string>(name: Name): Pattern<E, Record<Name, 'always'>, Name>
  begin<G extends Stages>(group: PatternOf<E, G>): Pattern<E, G, keyof G & string>
}

function singleStage<E>(contiguity: Contiguity, name: string): SingleStage<E> {
  return { kind: 'single', name, contiguity, condition: always, ...plain }
}

function groupStage<E>(contiguity: Contiguity, group: PatternDefinition<E>): GroupStage<E> {
  if (group.withinMs !== undefined || group.skip.strategy !== 'noSkip') {
    throw patternError(
      'a group',
      'it has a window or a skip strategy of its own',
      'call within(…) and afterMatch(…) on the whole pattern',
    )
  }
  return { kind: 'group', stages: group.stages, contiguity, ...plain }
}

const plain = { repeat: { kind: 'once' }, optional: false, greedy: false, inner: 'relaxed' } as const

function conditionOf<E, S extends Stages>(test: StageTest<E, S>): Condition<E> {
  // The names in `taken` are those of the pattern: the type says more than the data does.
  const untyped = test as (event: E, taken: object) => boolean
  if (untyped.length >= 2) return { kind: 'run', test: untyped }
  return { kind: 'event', test: (event) => untyped(event, {}), slot: 0 }
}

function gapOf(gap: Gap | undefined): { gapMs?: number } {
  if (gap === undefined) return {}
  positive('the window between the events of a loop', gap.withinMs)
  return { gapMs: gap.withinMs }
}

function positive(what: string, ms: number): void {
  if (ms > 0) return
  throw patternError(what, `${ms} ms is no window`, 'give a time above 0')
}
