/**
 * Patterns find the same whatever happens on the way: however the input comes in parts, tasks batch, commit and yield,
 * instances share them, stop and crash.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Matcher } from '../../streams/cep/matcher.ts'
import { compilePattern } from '../../streams/cep/nfa.ts'
import { defineTopology, Pattern, type PatternOf, type Stages, serdes, topic } from '../../streams/index.ts'
import { type Case, input } from './cases.ts'
import {
  allEvents,
  type Event,
  Feed,
  finish,
  phase,
  places,
  runPhase,
  settings,
  worldOfInputs,
} from './phases.ts'

const disorderMs = 25

const rising = Pattern.of<number>()
  .begin('low')
  .where((value) => value < 40)
  .followedBy('higher')
  .where((value, taken) => value > (taken.higher.at(-1) ?? taken.low[0]!))
  .times(1, 3)
  .notFollowedBy('reset')
  .where((value) => value % 10 === 0)
  .followedByAny('high')
  .where((value) => value > 60)
  .within(300)
const runsOf = Pattern.of<number>()
  .begin('even')
  .where((value) => value % 2 === 0)
  .oneOrMore()
  .consecutive()
  .next('odd')
  .where((value) => value % 2 === 1)
  .within(150)
  .afterMatch('skipPastLastEvent')
const quiet = Pattern.of<number>()
  .begin('alarm')
  .where((value) => value > 50)
  .notFollowedBy('clear')
  .where((value) => value < 20)
  .within(60)
  .afterMatch('skipToNext')

const patterns = { rising, runsOf, quiet }
type Name = keyof typeof patterns
const names: readonly Name[] = ['rising', 'runsOf', 'quiet']
/** Late events, and a pattern over keys whose events lie in several partitions, so that equal times need an order. */
const others = ['late', 'shared'] as const

const byValue = (left: number, right: number): number => left - right
const sharedKey = (key: string): string => key.slice(2)

/** All that was taken, by which stage, in one number; time-outs are negative. */
function numberOf(taken: Readonly<Record<string, readonly number[]>>, timestampMs: number): number {
  const all = Object.values(taken).flatMap((list) => [list.length + 100, ...list])
  return all.reduce((hash, value) => (hash * 131 + value) % 1_000_003, timestampMs) + 1
}

function out(name: Name | (typeof others)[number]) {
  return topic(name, { key: serdes.string, value: serdes.long })
}

const matching: Case = {
  name: 'patterns',
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
  topology: () =>
    defineTopology('patterns', (builder) => {
      const source = builder.stream(input, { disorderMs, idle: 'wait' })
      const events = source.groupByKey()
      for (const name of names) {
        const { main, timedOut, late } = events.match<Stages, number, number>(patterns[name], {
          store: name,
          select: (match, { timestampMs }) => numberOf(match, timestampMs),
          timedOut: (taken, { timestampMs }) => -numberOf(taken, timestampMs),
        })
        main.merge(timedOut).to(out(name))
        if (name === 'rising') late.to(out('late'))
      }
      const shared = source
        .groupBy((_value, key) => sharedKey(key), serdes.string, serdes.long)
        .match<Stages, number, number>(runsOf, {
          store: 'shared',
          ties: byValue,
          select: (match, { timestampMs }) => numberOf(match, timestampMs),
          timedOut: (taken, { timestampMs }) => -numberOf(taken, timestampMs),
        })
      shared.main.merge(shared.timedOut).to(out('shared'))
    }),
}

type Results = readonly (readonly [key: string, value: number])[]

function sorted(results: Results): Results {
  return [...results].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

/** Which events of the input come in time, and which come too late. */
function judged(partitions: readonly (readonly Event[])[]) {
  const inTime: Event[] = []
  const late: Event[] = []
  for (const [index, events] of partitions.entries()) {
    if (places[index]!.topic !== input.name) continue
    let newestMs = Number.NEGATIVE_INFINITY
    for (const event of events) {
      newestMs = Math.max(newestMs, event.timestampMs)
      const isLate = event.timestampMs < newestMs - disorderMs
      if (isLate) late.push(event)
      else inTime.push(event)
    }
  }
  return { inTime, late }
}

/** What a matcher finds in the events of each key, in the order of their times. */
function expectedOf(
  inTime: readonly Event[],
  pattern: PatternOf<number, Stages>,
  keyOf = (key: string) => key,
  ties?: typeof byValue,
): Results {
  const byKey = new Map<string, Event[]>()
  for (const event of inTime) {
    const key = keyOf(event.key!)
    byKey.set(key, [...(byKey.get(key) ?? []), event])
  }
  const results: [string, number][] = []
  for (const [key, events] of byKey) {
    const matcher = new Matcher(compilePattern(pattern))
    const state = matcher.newState()
    for (const { value, timestampMs } of events) state.expect(value, timestampMs, ties)
    for (const finding of matcher.advance(state, Number.POSITIVE_INFINITY)) {
      if (finding.kind === 'discarded') throw new Error('too much for one key')
      const number = numberOf(finding.events, finding.timestampMs)
      results.push([key, finding.kind === 'match' ? number : -number])
    }
  }
  return sorted(results)
}

describe('patterns', () => {
  it('should find the same whatever happens on the way', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (events, phases, last) => {
          let world = await worldOfInputs()
          const feed = new Feed(events)
          for (const one of phases) world = await runPhase(matching, world.snapshot(), feed, one)
          const found = await finish(matching, [...names, ...others], world.snapshot(), feed, last)
          const { inTime, late } = judged(events)
          for (const name of names)
            expect(sorted(found[name]), name).toEqual(expectedOf(inTime, patterns[name]))
          expect(sorted(found.shared)).toEqual(expectedOf(inTime, runsOf, sharedKey, byValue))
          expect(sorted(found.late)).toEqual(sorted(late.map(({ key, value }) => [key!, value])))
        },
      ),
      { numRuns: 60 },
    )
  })
})
