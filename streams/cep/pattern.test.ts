import { describe, expect, it } from 'vitest'
import { compilePattern } from './nfa.ts'
import { Pattern } from './pattern.ts'
import type { PatternOf, Stages } from './pattern-types.ts'

const events = Pattern.of<number>()
const group = events.begin('x').next('y')

/** Patterns that FlinkCEP takes and we refuse; those that it refuses are golden cases. */
const refused: [what: string, pattern: () => PatternOf<number, Stages>, message: string][] = [
  [
    'a group that ends in notFollowedBy, which nothing would watch for',
    () => events.begin(events.begin('x').notFollowedBy('n')).next('c'),
    'a group that ends in notFollowedBy("n"): what follows the group does not see it; move the notFollowedBy behind',
  ],
  [
    'a repeated group of which every stage is optional, which would never return',
    () => events.begin('a').next(events.begin('x').optional().next('y').optional()).oneOrMore(),
    'a round of it may take nothing, for ever; make one of its stages mandatory',
  ],
  [
    'a window between the rounds of a group, which would do nothing',
    () => events.begin('a').next(group).times(2, { withinMs: 5 }),
    'give it to a stage inside of the group',
  ],
  [
    'withinPrevious on a group, which would do nothing',
    () => events.begin('a').next(group).withinPrevious(5),
    'inside',
  ],
  ['a group with a window of its own', () => events.begin('a').next(group.within(5)), 'call within(…)'],
  [
    'allowCombinations behind greedy',
    () => events.begin('a').oneOrMore().greedy().allowCombinations(),
    'choose one',
  ],
  ['a window of no length', () => events.begin('a').within(0), '0 ms is no window; give a time above 0'],
  ['a stage that no match could have a field for', () => events.begin('__proto__'), 'choose another name'],
  [
    'a count that is not whole',
    () => events.begin('a').times(1.5),
    'times was given 1.5; give a whole number',
  ],
]

describe('a pattern', () => {
  it.each(refused)('should refuse %s, and say what to do', (_what, pattern, message) => {
    expect(() => compilePattern(pattern())).toThrow(
      expect.objectContaining({ code: 'PATTERN_INVALID', message: expect.stringContaining(message) }),
    )
  })

  it('should be a value: refining it leaves it as it was', () => {
    const one = events.begin('a')
    const many = one.oneOrMore()
    expect(one.definition.stages[0]!.repeat.kind).toBe('once')
    expect(many.definition.stages[0]!.repeat.kind).toBe('loop')
    expect(Object.isFrozen(compilePattern(many))).toBe(true)
  })

  it('should be bound by the shortest of its windows', () => {
    expect(compilePattern(events.begin('a').within(9).next('b').within(5).within(7)).withinMs).toBe(5)
  })
})
