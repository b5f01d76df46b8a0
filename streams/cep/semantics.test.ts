/** The examples of FlinkCEP's documentation on contiguity, loops, groups and skipping, as it does them. */
import { describe, expect, it } from 'vitest'
import { Matcher } from './matcher.ts'
import { compilePattern } from './nfa.ts'
import { Pattern } from './pattern.ts'
import type { PatternOf, Stages } from './pattern-types.ts'

/** Events are words: the letter is their type, the number tells them apart. */
const is =
  (type: string) =>
  (event: string): boolean =>
    event.startsWith(type)

/** Matches as words in the order of the events' stages; one event a second. */
function matchesOf<S extends Stages>(pattern: PatternOf<string, S>, input: string): string[] {
  const matcher = new Matcher(compilePattern(pattern))
  const state = matcher.newState()
  const found = input.split(' ').flatMap((event, i) => matcher.take(state, event, 1000 * i))
  found.push(...matcher.advance(state, Number.POSITIVE_INFINITY))
  return found.flatMap((finding) =>
    finding.kind === 'match' ? [Object.values<readonly string[]>(finding.events).flat().join(' ')] : [],
  )
}

const events = Pattern.of<string>()
const a = events.begin('a').where(is('a'))

describe('contiguity', () => {
  const input = 'a c b1 b2'

  it('should find nothing with next when another event lies between', () => {
    expect(matchesOf(a.next('b').where(is('b')), input)).toEqual([])
  })

  it('should find the next b with followedBy', () => {
    expect(matchesOf(a.followedBy('b').where(is('b')), input)).toEqual(['a b1'])
  })

  it('should find each b with followedByAny', () => {
    expect(matchesOf(a.followedByAny('b').where(is('b')), input)).toEqual(['a b1', 'a b2'])
  })

  it('should find nothing with notNext when the next event is it', () => {
    const pattern = a.notNext('not').where(is('b')).followedBy('c').where(is('c'))
    expect(matchesOf(pattern, 'a b c')).toEqual([])
    expect(matchesOf(pattern, 'a x b c')).toEqual(['a c'])
  })

  it('should find nothing with notFollowedBy when it comes anywhere before', () => {
    const pattern = a.notFollowedBy('not').where(is('b')).followedBy('c').where(is('c'))
    expect(matchesOf(pattern, 'a x b c')).toEqual([])
    expect(matchesOf(pattern, 'a x c')).toEqual(['a c'])
  })

  it('should decide a last notFollowedBy when the window closes', () => {
    const pattern = a.notFollowedBy('not').where(is('b')).within(3000)
    expect(matchesOf(pattern, 'a x b')).toEqual([])
    expect(matchesOf(pattern, 'a x x b')).toEqual(['a'])
  })
})

describe('contiguity inside of loops', () => {
  const input = 'a b1 d1 b2 d2 b3 c'
  const bs = a.followedBy('b').where(is('b')).oneOrMore()
  const c = <L extends string>(pattern: Pattern<string, Stages, L>) => pattern.next('c').where(is('c'))

  it('should need neighbours with consecutive', () => {
    expect(matchesOf(c(bs.consecutive()), input)).toEqual([])
    expect(matchesOf(c(a.followedByAny('b').where(is('b')).oneOrMore().consecutive()), input)).toEqual([
      'a b3 c',
    ])
  })

  it('should take each b on the way when relaxed', () => {
    const pattern = a.followedByAny('b').where(is('b')).oneOrMore().followedBy('c').where(is('c'))
    expect(matchesOf(pattern, input).sort()).toEqual(
      ['a b1 c', 'a b1 b2 c', 'a b1 b2 b3 c', 'a b2 c', 'a b2 b3 c', 'a b3 c'].sort(),
    )
  })

  it('should also leave out some with allowCombinations', () => {
    const pattern = bs.allowCombinations().followedBy('c').where(is('c'))
    expect(matchesOf(pattern, input).sort()).toEqual(
      ['a b1 c', 'a b1 b2 c', 'a b1 b3 c', 'a b1 b2 b3 c'].sort(),
    )
  })

  // C D A1 A2 A3 D A4 B, as the documentation of `consecutive` and `allowCombinations` has it.
  const longer = 'c d a1 a2 a3 d a4 b'
  const loop = events.begin('c').where(is('c')).followedBy('a').where(is('a')).oneOrMore()
  const untilB = <L extends string>(pattern: Pattern<string, Stages, L>) =>
    pattern.followedBy('b').where(is('b'))

  it.each([
    ['consecutive', loop.consecutive(), ['a1', 'a1 a2', 'a1 a2 a3']],
    ['nothing', loop, ['a1', 'a1 a2', 'a1 a2 a3', 'a1 a2 a3 a4']],
    [
      'allowCombinations',
      loop.allowCombinations(),
      ['a1', 'a1 a2', 'a1 a3', 'a1 a4', 'a1 a2 a3', 'a1 a2 a4', 'a1 a3 a4', 'a1 a2 a3 a4'],
    ],
  ])('should take of c a+ b with %s what the documentation lists', (_call, pattern, expected) => {
    expect(matchesOf(untilB(pattern), longer).sort()).toEqual(expected.map((as) => `c ${as} b`).sort())
  })

  it('should begin at any b and leave out some with followedByAny and allowCombinations', () => {
    const any = a.followedByAny('b').where(is('b')).oneOrMore().allowCombinations()
    expect(matchesOf(any.followedBy('c').where(is('c')), input).sort()).toEqual(
      ['a b1 c', 'a b1 b2 c', 'a b1 b3 c', 'a b1 b2 b3 c', 'a b2 c', 'a b2 b3 c', 'a b3 c'].sort(),
    )
  })

  it('should end a loop at its until', () => {
    const pattern = events.begin('a').where(is('a')).oneOrMore().until(is('b'))
    expect(matchesOf(pattern, 'a1 c a2 b a3')).toEqual(['a1', 'a1 a2', 'a2', 'a3'])
  })
})

describe('counts', () => {
  const input = 'c b1 b2 b3 b4 b5 d'
  const bs = events.begin('c').where(is('c')).followedBy('b').where(is('b'))
  const ended = <L extends string>(pattern: Pattern<string, Stages, L>) =>
    pattern.followedBy('d').where(is('d'))

  it.each([
    ['times(2)', bs.times(2), ['b1 b2']],
    ['times(2, 3)', bs.times(2, 3), ['b1 b2', 'b1 b2 b3']],
    ['times(4) optional', bs.times(4).optional(), ['', 'b1 b2 b3 b4']],
    ['timesOrMore(4)', bs.timesOrMore(4), ['b1 b2 b3 b4', 'b1 b2 b3 b4 b5']],
    ['timesOrMore(2) greedy', bs.timesOrMore(2).greedy(), ['b1 b2 b3 b4 b5']],
    ['oneOrMore greedy', bs.oneOrMore().greedy(), ['b1 b2 b3 b4 b5']],
    ['times(0, 1)', bs.times(0, 1), ['', 'b1']],
  ])('should take as often as %s says', (_call, pattern, expected) => {
    const found = matchesOf(ended(pattern), input).sort()
    expect(found).toEqual(expected.map((bs) => `c ${bs} d`.replace('  ', ' ')).sort())
  })
})

describe('groups', () => {
  it('should repeat as a whole', () => {
    const pair = events.begin('c').where(is('c')).followedBy('d').where(is('d'))
    const pattern = a.next(pair).times(2).followedBy('e').where(is('e'))
    // The fields hold the events of all rounds.
    expect(matchesOf(pattern, 'a c1 d1 c2 x d2 e')).toEqual(['a c1 c2 d1 d2 e'])
  })
})

describe('after a match', () => {
  const bc = events.begin('b').where(is('b')).oneOrMore().consecutive().next('c').where(is('c'))

  it.each([
    ['noSkip', bc.afterMatch('noSkip'), ['b1 b2 b3 c', 'b2 b3 c', 'b3 c']],
    ['skipToNext', bc.afterMatch('skipToNext'), ['b1 b2 b3 c', 'b2 b3 c', 'b3 c']],
    ['skipPastLastEvent', bc.afterMatch('skipPastLastEvent'), ['b1 b2 b3 c']],
    ['skipToFirst b', bc.afterMatch('skipToFirst', 'b'), ['b1 b2 b3 c', 'b2 b3 c', 'b3 c']],
    ['skipToLast b', bc.afterMatch('skipToLast', 'b'), ['b1 b2 b3 c', 'b3 c']],
  ])('should discard for b+ c as %s says', (_name, pattern, expected) => {
    expect(matchesOf(pattern, 'b1 b2 b3 c')).toEqual(expected)
  })

  const ab = events.begin('a').where(is('a')).next('b').where(is('b')).oneOrMore()

  it.each([
    ['noSkip', ab.afterMatch('noSkip'), ['a b1', 'a b1 b2', 'a b1 b2 b3']],
    ['skipToNext', ab.afterMatch('skipToNext'), ['a b1']],
  ])('should discard for a b+ as %s says', (_name, pattern, expected) => {
    expect(matchesOf(pattern, 'a b1 b2 b3')).toEqual(expected)
  })

  const either =
    (...types: string[]) =>
    (event: string) =>
      types.some((type) => event.startsWith(type))
  const chain = events
    .begin('abc')
    .where(either('a', 'b', 'c'))
    .next('bc')
    .where(either('b', 'c'))
    .next('cs')
    .where(is('c'))
    .oneOrMore()
    .consecutive()
    .greedy()
    .next('d')
    .where(is('d'))

  it.each([
    ['noSkip', chain.afterMatch('noSkip'), ['a b c1 c2 c3 d', 'b c1 c2 c3 d', 'c1 c2 c3 d']],
    ['skipToFirst c*', chain.afterMatch('skipToFirst', 'cs'), ['a b c1 c2 c3 d', 'c1 c2 c3 d']],
  ])('should discard for (a|b|c) (b|c) c+ d as %s says', (_name, pattern, expected) => {
    expect(matchesOf(pattern, 'a b c1 c2 c3 d')).toEqual(expected)
  })
})

describe('conditions that see what was taken', () => {
  it('should see the events of the run, the event in question not included', () => {
    const sum = (list: readonly string[]) => list.reduce((total, event) => total + Number(event.slice(1)), 0)
    const pattern = events
      .begin('a')
      .where((event, taken) => event.startsWith('a') && sum(taken.a) + Number(event.slice(1)) < 5)
      .oneOrMore()
      .next('b')
      .where(is('b'))
    expect(matchesOf(pattern, 'a1 a2 a1 b')).toEqual(['a1 a2 a1 b', 'a2 a1 b', 'a1 b'])
  })
})
