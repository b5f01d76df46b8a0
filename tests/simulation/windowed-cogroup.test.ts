/** Cogroups in windows come to the same whatever happens on the way: see windows.test.ts. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CogroupInit,
  defineTopology,
  hopping,
  type KTable,
  nullable,
  serdes,
  session,
  sliding,
  topic,
  tumbling,
  type Windowed,
} from '../../streams/index.ts'
import { type Content, sessionsOf, slidingWindowsOf, takenOf } from '../support/listed-window-oracle.ts'
import { type Bounds, judge } from '../support/window-oracle.ts'
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
const bounds = {
  own: { sizeMs: 90, advanceMs: 30, graceMs: 15, disorderMs },
  combined: { sizeMs: 100, advanceMs: 100, graceMs: 0, disorderMs },
  early: { sizeMs: 80, advanceMs: 80, graceMs: 10, disorderMs },
} satisfies Record<string, Bounds>
const sessions = { gapMs: 12, graceMs: 20, disorderMs }
const slidings = { differenceMs: 40, graceMs: 30, disorderMs }
const outputs = ['own', 'combined', 'early', 'sessions', 'sliding'] as const

/** What a record of the second stream counts for beside one of the first. */
const weight = 1_000
const sums: CogroupInit<number> = {
  init: () => 0,
  merge: (left, right) => left + right,
  serde: serdes.long,
}

function written(table: KTable<Windowed<string>, number>, name: (typeof outputs)[number]): void {
  table
    .toStream(({ key, startMs, endMs }) => `${key}@${startMs}-${endMs}`)
    .to(topic(name, { key: serdes.string, value: nullable(serdes.long) }))
}

const digitOf = (value: number): string => `digit-${value % 3}`

const cogroups: Case = {
  name: 'cogroups',
  topology: () =>
    defineTopology('cogroups', (builder) => {
      const first = builder.stream(input, { disorderMs, idle: 'wait' })
      const second = builder.stream(more, { disorderMs, idle: 'wait' })
      const add = (sum: number, value: number) => sum + value
      const addMore = (sum: number, value: number) => sum + value * weight
      const own = first.groupByKey().cogroup<number>(add).cogroup(second.groupByKey(), addMore)
      const byDigit = first
        .groupBy(digitOf, serdes.string)
        .cogroup<number>(add)
        .cogroup(second.groupBy(digitOf, serdes.string), addMore)
      const { sizeMs, advanceMs, graceMs } = bounds.own
      written(
        own
          .windowedBy(hopping(sizeMs, advanceMs).grace(graceMs))
          .emit('on-close')
          .aggregate(sums, { store: 'own' }),
        'own',
      )
      written(
        byDigit
          .windowedBy(tumbling(bounds.combined.sizeMs))
          .emit('on-close')
          .aggregate(sums, { store: 'combined' }),
        'combined',
      )
      written(
        byDigit
          .windowedBy(tumbling(bounds.early.sizeMs).grace(bounds.early.graceMs))
          .emit({ everyMs: 20 })
          .aggregate(sums, { store: 'early' }),
        'early',
      )
      written(
        byDigit
          .windowedBy(session(sessions.gapMs).grace(sessions.graceMs))
          .emit('on-close')
          .aggregate(sums, { store: 'sessions' }),
        'sessions',
      )
      written(
        own
          .windowedBy(sliding(slidings.differenceMs).grace(slidings.graceMs))
          .emit('on-close')
          .aggregate(sums, { store: 'sliding' }),
        'sliding',
      )
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

type Pairs = readonly (readonly [key: string, value: number])[]

/** The records with what they count for. */
function weighted(partitions: readonly (readonly Event[])[]): Event[][] {
  return partitions.map((events, index) => {
    const times = places[index]!.topic === more.name ? weight : 1
    return events.map((event) => ({ ...event, value: event.value * times }))
  })
}

function aligned(
  partitions: readonly (readonly Event[])[],
  window: Bounds,
  keyOf: (key: string, value: number) => string,
): Pairs {
  const totals = new Map<string, number>()
  partitions.forEach((events, index) => {
    const counted = weighted(partitions)[index]!
    judge(events, window).forEach(({ record, inTime }, at) => {
      for (const startMs of inTime) {
        const id = `${keyOf(record.key!, record.value)}@${startMs}-${startMs + window.sizeMs}`
        totals.set(id, (totals.get(id) ?? 0) + counted[at]!.value)
      }
    })
  })
  return sorted([...totals])
}

function listed(windows: readonly Content<number>[]): Pairs {
  return sorted(
    windows.map(({ key, startMs, endMs, records }) => [
      `${key}@${startMs}-${endMs}`,
      records.reduce((sum, { value }) => sum + value, 0),
    ]),
  )
}

function sorted(all: Pairs): Pairs {
  return all.toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

const byDigit = (_key: string, value: number): string => digitOf(value)

describe('cogroups in windows', () => {
  it('should come to the same whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (partitions, phases, lastSettings) => {
          let world = await worldOfInputs()
          const feed = new Feed(partitions)
          for (const one of phases) world = await runPhase(cogroups, world.snapshot(), feed, one)
          const results = await finish(cogroups, outputs, world.snapshot(), feed, lastSettings)

          expect(sorted(results.own), 'own keys').toEqual(aligned(partitions, bounds.own, (key) => key))
          expect(sorted(results.combined), 'combined').toEqual(aligned(partitions, bounds.combined, byDigit))
          expect(sorted([...new Map(results.early)]), 'early, the last of each').toEqual(
            aligned(partitions, bounds.early, byDigit),
          )
          const digits = partitions.map((events) =>
            events.map((event) => ({ ...event, key: digitOf(event.value) })),
          )
          const inSessions = weighted(digits).flatMap((events) => takenOf(events, sessions).taken)
          expect(sorted(results.sessions), 'sessions').toEqual(listed(sessionsOf(inSessions, sessions.gapMs)))
          const inTime = weighted(partitions).flatMap((events) => takenOf(events, slidings).taken)
          expect(sorted(results.sliding), 'sliding').toEqual(
            listed(slidingWindowsOf(inTime, slidings.differenceMs)),
          )
        },
      ),
      { numRuns: 40 },
    )
  }, 240_000)
})
