import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CaseEvent, canonical, goldenCases, run } from '../../tests/golden/cep/cases.ts'
import { caseInput, casePattern } from '../../tests/support/random-patterns.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { serdes } from '../serde/serdes.ts'
import { MemoryRegistry } from '../testing/memory-registry.ts'
import type { MatchState } from './match-state.ts'
import { matchStateCodec } from './match-state-codec.ts'
import { Matcher } from './matcher.ts'
import { compilePattern, type Nfa } from './nfa.ts'
import { Pattern } from './pattern.ts'
import type { Stages } from './pattern-types.ts'

const cases = await serdes.json<CaseEvent>().open({ registry: new MemoryRegistry(), subject: 'events' })
const words = await serdes.string.open({ registry: new MemoryRegistry(), subject: 'words' })

function written<E>(nfa: Nfa<E>, codec: typeof words | typeof cases, state: MatchState<E>): Buffer {
  const writer = new ByteWriter()
  // Each test passes the codec of its own events.
  matchStateCodec(nfa, codec as Parameters<typeof matchStateCodec<E>>[1]).encode(state, writer)
  return writer.copy(0, writer.position)
}

/** Writes and reads the state after each event. */
function throughBytes(state: MatchState<CaseEvent>, { nfa }: Matcher<CaseEvent, Stages>) {
  const bytes = written(nfa, cases, state)
  const read = matchStateCodec(nfa, cases).decode(bytes, 0, bytes.length)
  expect(written(nfa, cases, read)).toEqual(bytes)
  expect(read).toMatchObject({ runs: state.runs, heldEvents: state.heldEvents, isEmpty: state.isEmpty })
  return read
}

describe('the state of a key as bytes', () => {
  it('should go on as the one that was written, after any event of any golden case', () => {
    for (const golden of goldenCases) {
      expect(canonical(run(golden, throughBytes)), golden.name).toEqual(canonical(golden))
    }
  })

  it('should go on as the one that was written, in the order of its findings too', () => {
    fc.assert(
      fc.property(casePattern({ full: true }), caseInput, (pattern, input) => {
        const { matches, timedOut } = run({ pattern, input })
        expect(run({ pattern, input }, throughBytes)).toMatchObject({ matches, timedOut })
      }),
      { numRuns: 300 },
    )
  })

  const pattern = Pattern.of<string>()
    .begin('a')
    .followedBy('b')
    .where((event) => event === 'b')
  const nfa = compilePattern(pattern)

  it('should hold each event once, however many runs share it', () => {
    const loop = Pattern.of<string>()
      .begin('a')
      .where((event) => event.startsWith('a'))
      .followedByAny('b')
      .oneOrMore()
      .allowCombinations()
    const matcher = new Matcher(compilePattern(loop))
    const state = matcher.newState()
    const long = 'b'.repeat(1000)
    for (const [i, event] of ['a', long, long, long, long].entries()) matcher.take(state, event, i)
    expect(state.runs).toBeGreaterThan(8)
    expect(written(matcher.nfa, words, state).length).toBeLessThan(4 * 1000 + 300)
  })

  it('should keep events for which time has not come', () => {
    const matcher = new Matcher(nfa)
    const state = matcher.newState()
    state.expect('b', 20)
    state.expect('a', 10)
    const bytes = written(nfa, words, state)
    const read = matchStateCodec(nfa, words).decode(bytes, 0, bytes.length)
    expect(matcher.advance(read, 15)).toEqual([])
    expect(matcher.advance(read, 20)).toEqual([
      { kind: 'match', events: { a: ['a'], b: ['b'] }, timestampMs: 20 },
    ])
  })

  it('should refuse the state of a pattern with other stages, and say what to do', () => {
    const other = compilePattern(pattern.followedBy('c'))
    const bytes = written(nfa, words, new Matcher(nfa).newState())
    expect(() => matchStateCodec(other, words).decode(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({
        code: 'STATE_FORMAT_UNSUPPORTED',
        message: expect.stringContaining('store name'),
      }),
    )
  })

  it('should read the state of a pattern of which only tests and windows changed', () => {
    const changed = compilePattern(
      Pattern.of<string>()
        .begin('a')
        .followedBy('b')
        .where((event) => event === 'B')
        .within(5),
    )
    const bytes = written(nfa, words, new Matcher(nfa).newState())
    expect(matchStateCodec(changed, words).decode(bytes, 0, bytes.length).isEmpty).toBe(true)
  })

  it('should refuse a format of another release', () => {
    const bytes = written(nfa, words, new Matcher(nfa).newState())
    bytes[0] = 9
    expect(() => matchStateCodec(nfa, words).decode(bytes, 0, bytes.length)).toThrow(
      expect.objectContaining({ code: 'STATE_FORMAT_UNSUPPORTED' }),
    )
  })

  it('should refuse bytes that are cut off', () => {
    const matcher = new Matcher(nfa)
    const state = matcher.newState()
    matcher.take(state, 'a', 1)
    const bytes = written(nfa, words, state)
    for (let end = 13; end < bytes.length; end++) {
      expect(() => matchStateCodec(nfa, words).decode(bytes, 0, end)).toThrow()
    }
  })
})
