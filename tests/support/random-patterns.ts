/** Random patterns and inputs for property tests. */
import fc from 'fast-check'
import type { CaseCondition, CaseEvent, CasePattern, CaseStage } from '../golden/cep/cases.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

const condition: fc.Arbitrary<CaseCondition> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('A', 'B', 'C').map((type) => ({ type })) },
  { weight: 2, arbitrary: fc.nat(3).map((valueGreaterThan) => ({ valueGreaterThan })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...names.slice(0, 3))
      .map((valueGreaterThanLast) => ({ valueGreaterThanLast })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('A', 'B'), fc.constantFrom(...names.slice(0, 3)))
      .map(([type, stage]) => ({
        and: [{ type }, { sumOfStageBelow: { stage, limit: 5 } }],
      })),
  },
)

interface Vocabulary {
  readonly full: boolean
}

const inner = fc.constantFrom('relaxed', 'relaxed', 'consecutive', 'allowCombinations')

function quantifier({ full }: Vocabulary): fc.Arbitrary<CaseStage['quantifier']> {
  const flags = fc.record({ optional: fc.boolean(), greedy: full ? fc.boolean() : fc.constant(false), inner })
  const one = fc
    .boolean()
    .map((optional) => ({ kind: 'one', optional, greedy: false, inner: 'relaxed' }) as const)
  const times = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 }), flags)
  return fc.oneof(
    { weight: 3, arbitrary: one },
    { weight: 1, arbitrary: times.map(([from, , rest]) => ({ kind: 'times', from, ...rest }) as const) },
    {
      weight: 1,
      arbitrary: times.map(
        ([from, more, rest]) => ({ kind: 'timesRange', from, to: from + more, ...rest }) as const,
      ),
    },
    {
      weight: 1,
      arbitrary: times.map(([from, , rest]) => ({ kind: 'timesOrMore', from, ...rest }) as const),
    },
    { weight: 1, arbitrary: flags.map((rest) => ({ kind: 'oneOrMore', ...rest }) as const) },
  )
}

const positive = fc.constantFrom('next', 'followedBy', 'followedBy', 'followedByAny')
const absence = fc.constantFrom('notNext', 'notFollowedBy')
const once = { kind: 'one', optional: false, greedy: false, inner: 'relaxed' } as const

interface Draft {
  readonly isAbsence: boolean
  readonly contiguity: 'next' | 'followedBy' | 'followedByAny'
  readonly absence: 'notNext' | 'notFollowedBy'
  readonly condition: CaseCondition
  readonly quantifier: CaseStage['quantifier']
  readonly until: CaseCondition | undefined
  readonly withinPreviousMs: number | undefined
  readonly group: boolean
}

function draft(vocabulary: Vocabulary): fc.Arbitrary<Draft> {
  return fc.record({
    isAbsence: fc.nat(4).map((draw) => draw === 0),
    contiguity: positive,
    absence,
    condition,
    quantifier: quantifier(vocabulary),
    until: fc.option(condition, { nil: undefined, freq: 4 }),
    withinPreviousMs: vocabulary.full
      ? fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined, freq: 4 })
      : fc.constant(undefined),
    group: vocabulary.full ? fc.nat(4).map((draw) => draw === 0) : fc.constant(false),
  })
}

/** Patterns that are not refused; with `full`, also groups, greedy, windows between neighbours and skipping. */
export function casePattern(vocabulary: Vocabulary): fc.Arbitrary<CasePattern> {
  const strategy = vocabulary.full
    ? fc.constantFrom('noSkip', 'skipToNext', 'skipPastLastEvent', 'skipToFirst', 'skipToLast')
    : fc.constant('noSkip')
  return fc
    .record({
      drafts: fc.array(draft(vocabulary), { minLength: 1, maxLength: 5 }),
      withinMs: fc.option(fc.integer({ min: 6, max: 12 }), { nil: null }),
      strategy,
      named: fc.nat(9),
    })
    .map(({ drafts, withinMs, strategy, named }) => {
      const stages = stagesOf(drafts, vocabulary, withinMs !== null)
      if (!vocabulary.full) endMandatory(stages)
      const top = stages.filter(({ group }) => group === undefined)
      const stage = top[named % Math.max(top.length, 1)]?.name
      const needsStage = strategy === 'skipToFirst' || strategy === 'skipToLast'
      const skip = needsStage
        ? stage === undefined
          ? { strategy: 'skipToNext' }
          : { strategy, stage }
        : { strategy }
      return { skip, withinMs, ...(withinMs === null ? {} : { withinKind: 'first-and-last' }), stages }
    })
}

function stagesOf(drafts: readonly Draft[], { full }: Vocabulary, hasWindow: boolean): CaseStage[] {
  const stages: CaseStage[] = []
  drafts.forEach((draft, index) => {
    const before = stages.at(-1)
    const isLast = index === drafts.length - 1
    const name = names[index]!
    const isPossible = before !== undefined && !isOptional(before) && (full || isPositive(before))
    if (draft.isAbsence && isPossible) {
      const isDecided = !isLast || hasWindow
      const contiguity = isDecided && (full || isPlain(before, isLast)) ? draft.absence : 'notNext'
      stages.push({ name, contiguity, condition: draft.condition, quantifier: once })
      return
    }
    stages.push(stageOf(draft, name, before))
  })
  return stages
}

/**
 * Where the words say what notFollowedBy means. A last one is decided by its window only right behind a stage that takes once.
 * Behind `times(a, b)` it is not watched any more once an event was passed over.
 */
function isPlain({ quantifier }: CaseStage, isLast: boolean): boolean {
  return isLast ? quantifier.kind === 'one' : quantifier.kind !== 'timesRange'
}

function isPositive({ contiguity }: CaseStage): boolean {
  return !contiguity.startsWith('not')
}

/** An absence that only optional stages follow is judged by the event taken before it, which words do not say. */
function endMandatory(stages: CaseStage[]): void {
  const last = stages.at(-1)!
  const isOpen = stages.slice(0, -1).some((stage) => !isPositive(stage))
  if (isOpen && last.quantifier.optional) {
    stages[stages.length - 1] = { ...last, quantifier: { ...last.quantifier, optional: false } }
  }
}

function stageOf(draft: Draft, name: string, before: CaseStage | undefined): CaseStage {
  const { condition, until, withinPreviousMs, group } = draft
  const { kind, inner } = draft.quantifier
  const contiguity = before === undefined ? 'begin' : draft.contiguity
  const optional = draft.quantifier.optional && before?.quantifier.greedy !== true
  const greedy = draft.quantifier.greedy && inner !== 'allowCombinations' && !group
  const loops = kind === 'oneOrMore' || kind === 'timesOrMore'
  const ends = loops && until !== undefined ? { until } : {}
  const quantifier = { ...draft.quantifier, optional, greedy }
  if (group) {
    const second = {
      name: `${name}2`,
      contiguity: 'followedBy',
      condition: { type: 'C' },
      quantifier: { ...once, optional: !loops },
    } as const
    const first = { name, contiguity: 'begin', condition, quantifier: once } as const
    return { contiguity, quantifier, ...ends, group: [first, second] }
  }
  const window = withinPreviousMs === undefined ? {} : { withinPreviousMs }
  return { name, contiguity, condition, quantifier, ...ends, ...window }
}

function isOptional({ quantifier }: CaseStage): boolean {
  return quantifier.optional || (quantifier.kind === 'timesRange' && quantifier.from === 0)
}

export const caseInput: fc.Arbitrary<CaseEvent[]> = fc
  .array(fc.record({ type: fc.constantFrom('A', 'B', 'C', 'X'), value: fc.nat(4), gapMs: fc.nat(3) }), {
    maxLength: 9,
  })
  .map((drafts) => {
    let timestampMs = 1000
    return drafts.map(({ type, value, gapMs }, index) => {
      timestampMs += gapMs
      return { id: index + 1, type, value, timestampMs }
    })
  })
