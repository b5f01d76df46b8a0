/**
 * Windows that pass results on early: by event time what is passed on, and when, is the same whatever happens on the way, as long
 * as one partition tells the time; in the end it is so always. See windows.test.ts.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  hopping,
  type KTable,
  serdes,
  session,
  sliding,
  summing,
  topic,
  tumbling,
  type Windowed,
} from '../../streams/index.ts'
import { earlyResultsOf, idOf } from '../support/early-oracle.ts'
import { type Content, sessionsInOrder, slidingWindowsOf, takenOf } from '../support/listed-window-oracle.ts'
import { type Bounds, judge, type Timed } from '../support/window-oracle.ts'
import { type Case, input } from './cases.ts'
import {
  allEvents,
  type Event,
  Feed,
  finish,
  more,
  phase,
  places,
  runPhase,
  settings,
  worldOfInputs,
} from './phases.ts'

const disorderMs = 25
const tumblingBounds = { sizeMs: 100, advanceMs: 100, graceMs: 30, disorderMs }
const hoppingBounds = { sizeMs: 100, advanceMs: 40, graceMs: 0, disorderMs }
const combinedBounds = { sizeMs: 70, advanceMs: 70, graceMs: 30, disorderMs }
const sessionBounds = { gapMs: 20, graceMs: 15, disorderMs }
const clockBounds = { gapMs: 12, graceMs: 40, disorderMs }
/** Nothing is late. */
const slidingBounds = { differenceMs: 50, graceMs: 150, disorderMs }

const everyMs = { tumbling: 40, hopping: 30, sessions: 15, sliding: 35 }
const outputs = ['tumbling', 'hopping', 'sessions', 'sliding', 'totals', 'combined', 'by-clock'] as const
type Output = (typeof outputs)[number]

function out(name: Output) {
  return topic(name, { key: serdes.string, value: serdes.long })
}

const gone = -1
const summed = summing<number>((value) => value)
const letterOf = (key: string): string => key.at(-1)!
const digitOf = (value: number): string => `digit-${value % 3}`

function written(table: KTable<Windowed<string>, number>, name: Output): void {
  table
    .toStream(({ key, startMs, endMs }) => `${key}@${startMs}-${endMs}`)
    .mapValues((sum) => sum ?? gone)
    .to(out(name))
}

const early: Case = {
  name: 'early',
  topology: () =>
    defineTopology('early', (builder) => {
      const events = builder.stream(input, { disorderMs, idle: 'wait' }).groupByKey()
      const tumblingSums = events
        .windowedBy(tumbling(tumblingBounds.sizeMs).grace(tumblingBounds.graceMs))
        .emit({ everyMs: everyMs.tumbling })
        .aggregate(summed, { store: 'tumbling' })
      written(tumblingSums, 'tumbling')
      const hoppingSums = events
        .windowedBy(hopping(hoppingBounds.sizeMs, hoppingBounds.advanceMs))
        .emit({ everyMs: everyMs.hopping })
        .aggregate(summed, { store: 'hopping' })
      written(hoppingSums, 'hopping')
      const sessions = events
        .windowedBy(session(sessionBounds.gapMs).grace(sessionBounds.graceMs))
        .emit({ everyMs: everyMs.sessions })
        .aggregate(summed, { store: 'sessions' })
      written(sessions, 'sessions')
      sessions
        .groupBy(({ key }, sum) => [letterOf(key), sum] as const, { key: serdes.string, value: serdes.long })
        .aggregate(summed, { store: 'totals' })
        .toStream()
        .mapValues((sum) => sum ?? gone)
        .to(out('totals'))
      const slidingSums = events
        .windowedBy(sliding(slidingBounds.differenceMs).grace(slidingBounds.graceMs))
        .emit({ everyMs: everyMs.sliding })
        .aggregate(summed, { store: 'sliding' })
      written(slidingSums, 'sliding')

      const others = builder.stream(more, { disorderMs, idle: 'wait' })
      const combined = others
        .groupBy(digitOf, serdes.string)
        .windowedBy(tumbling(combinedBounds.sizeMs).grace(combinedBounds.graceMs))
        .emit({ everyMs: 20 })
        .aggregate(summed, { store: 'combined' })
      written(combined, 'combined')
      const byClock = others
        .groupByKey()
        .windowedBy(session(clockBounds.gapMs).grace(clockBounds.graceMs))
        .emit({ everyMs: 5, by: 'wall-clock' })
        .aggregate(summed, { store: 'by-clock' })
      written(byClock, 'by-clock')
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

type Pairs = readonly (readonly [key: string, value: number])[]

function pairs(windows: readonly Content<number>[]): Pairs {
  return windows.map((window) => [
    idOf(window),
    window.records.length === 0 ? gone : window.records.reduce((sum, { value }) => sum + value, 0),
  ])
}

/** Of each key what was passed on, in its order. */
function byKey(all: Pairs): Record<string, number[]> {
  const lists: Record<string, number[]> = {}
  for (const [key, value] of all) {
    const list = lists[key] ?? []
    lists[key] = list
    list.push(value)
  }
  return lists
}

function lastOfEach(all: Pairs): Record<string, number> {
  return Object.fromEntries([...new Map(all)].filter(([, value]) => value !== gone))
}

/** Tumbling and hopping windows, of what is in time. */
function aligned(
  records: readonly Timed<number>[],
  bounds: Bounds,
  keyOf: (event: Timed<number>) => string,
): Content<number>[] {
  const contents = new Map<string, Content<number>>()
  for (const { record, inTime } of judge(records, bounds)) {
    for (const startMs of inTime) {
      const key = keyOf(record)
      const window = { key, startMs, endMs: startMs + bounds.sizeMs }
      const before = contents.get(idOf({ ...window, records: [] }))?.records ?? []
      const content = { ...window, records: [...before, { ...record, key }] }
      contents.set(idOf(content), content)
    }
  }
  return [...contents.values()]
}

const ownKey = ({ key }: Timed<number>): string => key!

function expectedByEvents(events: readonly Event[]): Record<string, Content<number>[]> {
  const results = (
    name: keyof typeof everyMs,
    contentsOf: (first: readonly Timed<number>[]) => readonly Content<number>[],
    closeMs: (window: Content<number>) => number,
  ) => earlyResultsOf(events, { everyMs: everyMs[name], disorderMs }, contentsOf, closeMs)
  const ends = (afterMs: number) => (window: Content<number>) => window.endMs + afterMs
  return {
    tumbling: results(
      'tumbling',
      (first) => aligned(first, tumblingBounds, ownKey),
      ends(tumblingBounds.graceMs),
    ),
    hopping: results(
      'hopping',
      (first) => aligned(first, hoppingBounds, ownKey),
      ends(hoppingBounds.graceMs),
    ),
    sessions: results(
      'sessions',
      (first) => sessionsInOrder(first, sessionBounds).sessions,
      ends(sessionBounds.gapMs + sessionBounds.graceMs + 1),
    ),
    sliding: results(
      'sliding',
      (first) => slidingWindowsOf(takenOf(first, slidingBounds).taken, slidingBounds.differenceMs),
      ends(slidingBounds.graceMs + 1),
    ),
  }
}

describe('early results', () => {
  it('should be the same, one by one, whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (partitions, phases, lastSettings) => {
          let world = await worldOfInputs()
          const feed = new Feed(partitions)
          for (const one of phases) world = await runPhase(early, world.snapshot(), feed, one)
          const results = await finish(early, outputs, world.snapshot(), feed, lastSettings)
          const of = (name: string) => partitions.filter((_, index) => places[index]!.topic === name)

          const expected = of(input.name).map(expectedByEvents)
          for (const name of ['tumbling', 'hopping', 'sessions', 'sliding'] as const) {
            const all = expected.flatMap((one) => one[name] ?? [])
            expect(byKey(results[name]), name).toEqual(byKey(pairs(all)))
          }
          const totals: Record<string, number> = {}
          const sessions = of(input.name).flatMap((one) => sessionsInOrder(one, sessionBounds).sessions)
          for (const [id, sum] of pairs(sessions)) {
            const letter = letterOf(id.slice(0, id.indexOf('@')))
            totals[letter] = (totals[letter] ?? 0) + sum
          }
          expect(lastOfEach(results.totals), 'computed of them').toEqual(totals)

          const combined = of(more.name).flatMap((one) =>
            judge(one, combinedBounds).flatMap(({ record, inTime }) =>
              inTime.map(
                (startMs) => [`${digitOf(record.value)}@${startMs}-${startMs + 70}`, record.value] as const,
              ),
            ),
          )
          const sums = Object.entries(byKey(combined)).map(([id, values]) => [
            id,
            values.reduce((a, b) => a + b, 0),
          ])
          expect(lastOfEach(results.combined), 'behind a repartition topic').toEqual(Object.fromEntries(sums))
          for (const values of Object.values(byKey(results.combined)))
            expect(values, 'never goes back').toEqual(values.toSorted((a, b) => a - b))

          const taken = of(more.name).flatMap((one) => sessionsInOrder(one, clockBounds).sessions)
          expect(lastOfEach(results['by-clock']), 'by the clock').toEqual(Object.fromEntries(pairs(taken)))
        },
      ),
      { numRuns: 40 },
    )
  }, 240_000)
})
