/**
 * A pattern as data, as `Pattern` collects it and the compiler reads it.
 *
 *   PatternDefinition ── stages[] ──┬─ SingleStage: name, condition
 *                                   └─ GroupStage: stages[] of its own
 *
 * A stage says how it may stand behind the one before (contiguity), how often it takes (repeat), and how its events may stand
 * to each other then (inner).
 */
import type { Condition } from './condition.ts'

export type Contiguity = 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy'

/** Between the events of one loop; relaxed unless said otherwise. */
export type InnerContiguity = 'relaxed' | 'consecutive' | 'allowCombinations'

/** How often a stage takes: once, `from` to `to` times, or `from` times or more. */
export type Repeat =
  | { readonly kind: 'once' }
  | { readonly kind: 'times'; readonly from: number; readonly to: number; readonly gapMs?: number }
  | { readonly kind: 'loop'; readonly from: number; readonly gapMs?: number }

interface StageBase<E> {
  readonly contiguity: Contiguity
  readonly repeat: Repeat
  readonly optional: boolean
  readonly greedy: boolean
  readonly inner: InnerContiguity
  readonly until?: Condition<E>
}

export interface SingleStage<E> extends StageBase<E> {
  readonly kind: 'single'
  readonly name: string
  readonly condition: Condition<E>
  /** From the event taken before to this stage's. */
  readonly withinPreviousMs?: number
}

export interface GroupStage<E> extends StageBase<E> {
  readonly kind: 'group'
  readonly stages: readonly Stage<E>[]
}

export type Stage<E> = SingleStage<E> | GroupStage<E>

/** What a match discards of the open runs and of the matches that wait; see `Pattern.afterMatch`. */
export type Skip =
  | { readonly strategy: 'noSkip' | 'skipToNext' | 'skipPastLastEvent' }
  | { readonly strategy: 'skipToFirst' | 'skipToLast'; readonly stage: string }

export interface PatternDefinition<E> {
  readonly stages: readonly Stage<E>[]
  /** From a match's first event; its last one lies before that. */
  readonly withinMs?: number
  readonly skip: Skip
}

export function isAbsence(stage: Stage<never>): boolean {
  return stage.contiguity === 'notNext' || stage.contiguity === 'notFollowedBy'
}
