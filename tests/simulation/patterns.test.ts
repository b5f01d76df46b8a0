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

/** All that was taken, by which stage, in one number; time-outs are negative. */
function numberOf(taken: Readonly<Record<string, readonly number[]>>, timestampMs: number): number {
  const all = Object.values(taken).flatMap((list) => [list.length + 100, ...list])
  return all.reduce((hash, value) => (hash * 131 + value) % 1_000_003, timestampMs) + 1
}

function out(name: Name) {
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
      const events = builder.stream(input, { disorderMs, idle: 'wait' }).groupByKey()
      for (const name of names) {
        const { main, timedOut } = events.match<Stages, number, number>(patterns[name], {
          store: name,
          select: (match, { timestampMs }) => numberOf(match, timestampMs),
          timedOut: (taken, { timestampMs }) => -numberOf(taken, timestampMs),
        })
        main.merge(timedOut).to(out(name))
      }
    }),
}

type Results = readonly (readonly [key: string, value: number])[]

function sorted(results: Results): Results {
  return [...results].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

/** What a matcher finds in the events of each key that do not come too late, in the order of their times. */
function expectedOf(partitions: readonly (readonly Event[])[], pattern: PatternOf<number, Stages>): Results {
  const byKey = new Map<string, Event[]>()
  for (const [index, events] of partitions.entries()) {
    if (places[index]!.topic !== input.name) continue
    let newestMs = Number.NEGATIVE_INFINITY
    for (const event of events) {
      newestMs = Math.max(newestMs, event.timestampMs)
      if (event.timestampMs < newestMs - disorderMs) continue
      byKey.set(event.key!, [...(byKey.get(event.key!) ?? []), event])
    }
  }
  const results: [string, number][] = []
  for (const [key, events] of byKey) {
    const matcher = new Matcher(compilePattern(pattern))
    const state = matcher.newState()
    for (const { value, timestampMs } of events) state.expect(value, timestampMs)
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
          const found = await finish(matching, names, world.snapshot(), feed, last)
          for (const name of names)
            expect(sorted(found[name]), name).toEqual(expectedOf(events, patterns[name]))
        },
      ),
      { numRuns: 60 },
    )
  })
})
