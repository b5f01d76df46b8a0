/**
 * Sessions, sliding and count windows, and tables that hold back, come to the same whatever happens on the way: see
 * windows.test.ts.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CountWindows,
  countWindow,
  defineTopology,
  type KTable,
  serdes,
  session,
  sliding,
  summing,
  topic,
  type Windowed,
} from '../../streams/index.ts'
import {
  type Content,
  countWindowsOf,
  sessionsInOrder,
  sessionsOf,
  slidingWindowsOf,
  type Taken,
  takenOf,
} from '../support/listed-window-oracle.ts'
import { type Case, input } from './cases.ts'
import {
  allEvents,
  type Event,
  Feed,
  finish,
  more,
  type Phase,
  phase,
  places,
  runPhase,
  settings,
  worldOfInputs,
} from './phases.ts'

const disorderMs = 25
const own = { gapMs: 20, graceMs: 15, disorderMs }
const combined = { gapMs: 12, graceMs: 10, disorderMs }
const single = { gapMs: 12, graceMs: 40, disorderMs }
const slidingOwn = { differenceMs: 50, graceMs: 150, disorderMs }
const slidingSingle = { differenceMs: 40, graceMs: 20, disorderMs }

const outputs = [
  'own',
  'late',
  'combined',
  'single',
  'sliding-own',
  'sliding-single',
  'last',
  'calm',
] as const
type Output = (typeof outputs)[number]

function out(name: Output) {
  return topic(name, { key: serdes.string, value: serdes.long })
}

const gone = -1

function written(table: KTable<Windowed<string>, number>, name: Output): void {
  table
    .toStream(({ key, startMs, endMs }) => `${key}@${startMs}-${endMs}`)
    .mapValues((sum) => sum ?? gone)
    .to(out(name))
}

const digitOf = (value: number): string => `digit-${value % 3}`
const summed = summing<number>((value) => value)

function caseOf(lastRecords: () => CountWindows): Case {
  return {
    name: 'listed-windows',
    topology: () =>
      defineTopology('listed-windows', (builder) => {
        const events = builder.stream(input, { disorderMs, idle: 'wait' })
        const byKey = events.groupByKey()
        const ownSessions = byKey
          .windowedBy(session(own.gapMs).grace(own.graceMs))
          .lateTo((late) => late.to(out('late')))
          .emit('on-close')
        written(ownSessions.aggregate(summed, { store: 'own' }), 'own')
        const combinedSessions = events
          .merge(builder.stream(more, { disorderMs, idle: 'wait' }))
          .groupBy(digitOf, serdes.string)
          .windowedBy(session(combined.gapMs).grace(combined.graceMs))
          .emit('on-close')
        written(combinedSessions.aggregate(summed, { store: 'combined' }), 'combined')
        const byDigit = events
          .selectKey(digitOf)
          .repartition({ name: 'digits', key: serdes.string, value: serdes.long })
          .groupByKey()
        written(
          byDigit
            .windowedBy(session(single.gapMs).grace(single.graceMs))
            .aggregate(summed, { store: 'single' }),
          'single',
        )
        const ownSliding = byKey
          .windowedBy(sliding(slidingOwn.differenceMs).grace(slidingOwn.graceMs))
          .emit('on-close')
        written(ownSliding.aggregate(summed, { store: 'sliding-own' }), 'sliding-own')
        const singleSliding = byDigit
          .windowedBy(sliding(slidingSingle.differenceMs).grace(slidingSingle.graceMs))
          .emit('on-close')
        written(singleSliding.aggregate(summed, { store: 'sliding-single' }), 'sliding-single')
        byKey
          .windowedBy(lastRecords())
          .aggregate(summed, { store: 'last' })
          .map((key, { fromRecord, toRecord, value }) => [`${key}@${fromRecord}-${toRecord}`, value])
          .to(out('last'))
        byKey
          .count({ store: 'counts' })
          .suppress({ untilMs: 50, maxRecords: 2, store: 'calm' })
          .toStream()
          .mapValues((count) => count ?? gone)
          .to(out('calm'))
      }),
    output: undefined,
    store: undefined,
    expected: () => [],
    emits: 'last',
  }
}

type Pairs = readonly (readonly [key: string, value: number])[]

const sum = (contents: readonly Taken<number>[]): number =>
  contents.reduce((total, { value }) => total + value, 0)

function pairs(windows: readonly Content<number>[]): Pairs {
  return windows.map(({ key, startMs, endMs, records }) => [`${key}@${startMs}-${endMs}`, sum(records)])
}

function sorted(all: Pairs): Pairs {
  return all.toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

function lastOfEach(all: Pairs): Pairs {
  return [...new Map(all)].filter(([, value]) => value !== gone)
}

/** What is in time of each partition, under its digit. */
function digits(partitions: readonly (readonly Event[])[], bounds: { graceMs: number; disorderMs: number }) {
  return partitions.flatMap((events) =>
    takenOf(events, bounds).taken.map((record) => ({ ...record, key: digitOf(record.value) })),
  )
}

describe('sessions, sliding and count windows', () => {
  it('should come to the same whatever happens on the way', async () => {
    const testCase = caseOf(() => countWindow(5).every(2))
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (partitions, phases, lastSettings) => {
          let world = await worldOfInputs()
          const feed = new Feed(partitions)
          for (const one of phases) world = await runPhase(testCase, world.snapshot(), feed, one)
          const results = await finish(testCase, outputs, world.snapshot(), feed, lastSettings)

          const ofInput = partitions.filter((_, index) => places[index]!.topic === input.name)
          const judged = ofInput.map((events) => sessionsInOrder(events, own))
          expect(sorted(results.own), 'own sessions, on close').toEqual(
            sorted(pairs(judged.flatMap(({ sessions }) => sessions))),
          )
          expect(sorted(results.late), 'late').toEqual(
            sorted(judged.flatMap(({ late }) => late).map(({ key, value }) => [key!, value])),
          )
          expect(sorted(results.combined), 'combined sessions, on close').toEqual(
            sorted(pairs(sessionsOf(digits(partitions, combined), combined.gapMs))),
          )
          expect(sorted(lastOfEach(results.single)), 'sessions, the last of each').toEqual(
            sorted(pairs(sessionsOf(digits(ofInput, single), single.gapMs))),
          )
          const all = ofInput.flatMap((events) => takenOf(events, slidingOwn).taken)
          expect(sorted(results['sliding-own']), 'own sliding windows, on close').toEqual(
            sorted(pairs(slidingWindowsOf(all, slidingOwn.differenceMs))),
          )
          expect(sorted(results['sliding-single']), 'sliding windows, on close').toEqual(
            sorted(pairs(slidingWindowsOf(digits(ofInput, slidingSingle), slidingSingle.differenceMs))),
          )
          const last = countWindowsOf(all, 5, 2).map(({ key, records }): [string, number] => {
            const from = all.filter((record) => record.key === key).indexOf(records[0]!) + 1
            return [`${key}@${from}-${from + 4}`, sum(records)]
          })
          expect(sorted(results.last), 'count windows').toEqual(sorted(last))
          const counts = new Map<string, number>()
          for (const { key } of all) counts.set(key, (counts.get(key) ?? 0) + 1)
          expect(sorted(lastOfEach(results.calm)), 'held back').toEqual(sorted([...counts]))
        },
      ),
      { numRuns: 40 },
    )
  }, 240_000)

  it('should run count windows that are open to the size that they are given later', async () => {
    let windows = countWindow(6)
    const testCase = caseOf(() => windows)
    const events: Event[] = Array.from({ length: 12 }, (_, index) => ({
      key: 'a',
      value: index,
      timestampMs: index,
    }))
    const feed = new Feed([events, [], [], []])
    const [settingsOfPhase] = fc.sample(settings, 1)
    const given: Phase = {
      given: [4, 0, 0, 0],
      settings: settingsOfPhase!,
      end: { kind: 'stop', instances: 1 },
    }
    const world = await runPhase(testCase, await worldOfInputs(), feed, given)
    windows = countWindow(3)
    const results = await finish(testCase, outputs, world, feed, {})
    // Four were there, and the next one makes five; from then on each has three.
    expect(sorted(results.last)).toEqual([
      ['a@1-5', 10],
      ['a@6-8', 18],
      ['a@9-11', 27],
    ])
  })
})
