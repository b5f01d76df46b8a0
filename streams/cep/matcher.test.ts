import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, goldenCases, patternOf, run } from '../../tests/golden/cep/cases.ts'
import { plainMatches, plainRun } from '../../tests/support/plain-matcher.ts'
import { caseInput, casePattern } from '../../tests/support/random-patterns.ts'
import { Matcher } from './matcher.ts'
import { compilePattern } from './nfa.ts'
import { Pattern } from './pattern.ts'

describe('a matcher', () => {
  it('should find what plain lists of runs find, for the whole vocabulary', () => {
    fc.assert(
      fc.property(casePattern({ full: true }), caseInput, (pattern, input) => {
        const found = run({ pattern, input })
        expect(canonical(found)).toEqual(canonical(plainRun(compilePattern(patternOf(pattern)), input)))
      }),
      { numRuns: 1500 },
    )
  })

  it('should find every way to hand events to stages that the words allow, and no other', () => {
    fc.assert(
      fc.property(casePattern({ full: false }), caseInput, (pattern, input) => {
        const { matches } = run({ pattern, input })
        const expected = plainMatches({ pattern, input })
        expect(canonical({ matches, timedOut: [] })).toEqual(canonical({ matches: expected, timedOut: [] }))
      }),
      { numRuns: 1500 },
    )
  })

  it('should agree with both on the golden cases that they take', () => {
    for (const golden of goldenCases) {
      const plain = plainRun(compilePattern(patternOf(golden.pattern)), golden.input)
      expect(canonical(plain), golden.name).toEqual(canonical(golden))
    }
  })

  it('should hold no event that no run can use', () => {
    fc.assert(
      fc.property(casePattern({ full: true }), caseInput, (pattern, input) => {
        run({ pattern, input }, (state) => {
          const used = new Set<unknown>()
          for (let at = state.firstRun; at !== undefined; at = at.after) {
            for (let node = at.node as typeof at.node | undefined; node !== undefined; node = node.previous)
              used.add(node.event)
          }
          for (const match of state.waiting) {
            for (let node = match as typeof match | undefined; node !== undefined; node = node.previous)
              used.add(node.event)
          }
          expect(state.heldEvents).toBe(used.size)
          return state
        })
      }),
      { numRuns: 500 },
    )
  })
})

interface Sensor {
  readonly kind: string
  readonly value: number
}

describe('many open runs', () => {
  const open = 5000

  it('should not be touched by an event that leaves them as they are', () => {
    let asked = 0
    const pattern = Pattern.of<Sensor>()
      .begin('on')
      .where(({ kind }) => kind === 'on')
      .followedBy('off')
      .where(({ kind }) => {
        asked++
        return kind === 'off'
      })
      .where((event, taken) => {
        asked++
        return event.value > taken.on[0]!.value
      })
      .within(1_000_000)
    const matcher = new Matcher(compilePattern(pattern))
    const state = matcher.newState()
    for (let i = 0; i < open; i++) matcher.take(state, { kind: 'on', value: i }, i)
    expect(state.runs).toBe(open)

    asked = 0
    for (let i = 0; i < 1000; i++) matcher.take(state, { kind: 'noise', value: 0 }, open + i)
    expect(asked).toBe(1000)
    expect(state.runs).toBe(open)
  })

  it('should time out one by one, each at its own time', () => {
    const pattern = Pattern.of<Sensor>()
      .begin('on')
      .followedBy('off')
      .where(({ kind }) => kind === 'off')
      .within(100)
    const matcher = new Matcher(compilePattern(pattern))
    const state = matcher.newState()
    for (let i = 0; i < 50; i++) matcher.take(state, { kind: 'on', value: i }, i)
    const found = matcher.advance(state, 124)
    expect(found.map(({ timestampMs }) => timestampMs)).toEqual(Array.from({ length: 25 }, (_, i) => 100 + i))
    expect(matcher.dueMs(state)).toBe(125)
  })
})

describe('limits of a key', () => {
  const pattern = Pattern.of<number>()
    .begin('a')
    .followedBy('b')
    .where((event) => event < 0)
  const feed = (whenFull: 'discard-oldest' | 'discard-newest' | 'fail') => {
    const matcher = new Matcher(compilePattern(pattern), { maxRuns: 3, maxEvents: 100, whenFull })
    const state = matcher.newState()
    const found = [1, 2, 3, 4, 5, -1].flatMap((event, i) => matcher.take(state, event, i))
    return {
      begins: found.flatMap((finding) => (finding.kind === 'match' ? [finding.events.a[0]] : [])),
      discarded: found.flatMap((finding) => (finding.kind === 'discarded' ? [finding.events.a[0]] : [])),
    }
  }

  it('should discard what began first, and say what it was', () => {
    expect(feed('discard-oldest')).toEqual({ begins: [3, 4, 5], discarded: [1, 2] })
  })

  it('should discard what began last, and say what it was', () => {
    expect(feed('discard-newest')).toEqual({ begins: [1, 2, 3], discarded: [4, 5] })
  })

  it('should fail when told to', () => {
    expect(() => feed('fail')).toThrow(expect.objectContaining({ code: 'PATTERN_LIMIT_REACHED' }))
  })

  it('should bound the events of one long loop too', () => {
    const loop = Pattern.of<number>()
      .begin('a')
      .where((event) => event === 0)
      .next('b')
      .where((event) => event > 0)
      .oneOrMore()
      .consecutive()
      .next('c')
      .where((event) => event < 0)
    const matcher = new Matcher(compilePattern(loop), {
      maxRuns: 100,
      maxEvents: 4,
      whenFull: 'discard-oldest',
    })
    const state = matcher.newState()
    const found = [0, 1, 2, 3, 4, 5].flatMap((event, i) => matcher.take(state, event, i))
    expect(found).toEqual([{ kind: 'discarded', events: { a: [0], b: [1, 2, 3, 4], c: [] }, timestampMs: 4 }])
    expect(state).toMatchObject({ heldEvents: 0, runs: 0, isEmpty: true })
  })
})

describe('a condition that throws', () => {
  it('should leave the runs as they were before its event', () => {
    const pattern = Pattern.of<number>()
      .begin('a')
      .where((event) => event > 0)
      .followedBy('b')
      .where((event, taken) => {
        if (event === 13 && taken.a[0] === 2) throw new Error('unlucky')
        return event === 13 || event === 14
      })
    const matcher = new Matcher(compilePattern(pattern))
    const state = matcher.newState()
    matcher.take(state, 1, 1)
    matcher.take(state, 2, 2)
    expect(() => matcher.take(state, 13, 3)).toThrow('unlucky')
    expect(state.runs).toBe(2)
    const found = matcher.take(state, 14, 4)
    expect(found.map((finding) => (finding.kind === 'match' ? finding.events.a[0] : 0))).toEqual([1, 2])
  })
})
