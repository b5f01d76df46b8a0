/**
 * Windows give the same final results whatever happens on the way: however the partitions interleave, the input comes in parts, tasks
 * batch, commit and yield, instances share them, stop and crash. Only the order within each partition decides.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  hopping,
  type KTable,
  nullable,
  serdes,
  summing,
  topic,
  tumbling,
  type Windowed,
} from '../../streams/index.ts'
import { type Bounds, judge, WindowContents, type WindowResult } from '../support/window-oracle.ts'
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

/** What the topology computes, in the terms of the oracle. */
const bounds = {
  own: { sizeMs: 100, advanceMs: 100, graceMs: 10, disorderMs },
  combined: { sizeMs: 100, advanceMs: 40, graceMs: 0, disorderMs },
  single: { sizeMs: 70, advanceMs: 70, graceMs: 30, disorderMs },
  /** Over the results of `own`. */
  behind: { sizeMs: 200, advanceMs: 200, graceMs: 10, disorderMs },
} satisfies Record<string, Bounds>

const outputs = ['own', 'combined', 'single', 'behind', 'late'] as const

function out(name: (typeof outputs)[number]) {
  return topic(name, { key: serdes.string, value: nullable(serdes.long) })
}

function written(table: KTable<Windowed<string>, number>, name: (typeof outputs)[number]): void {
  table.toStream(({ key, startMs }) => `${key}@${startMs}`).to(out(name))
}

const windows: Case = {
  name: 'windows',
  topology: () =>
    defineTopology('windows', (builder) => {
      const events = builder.stream(input, { disorderMs, idle: 'wait' })
      const own = events
        .groupByKey()
        .windowedBy(tumbling(100).grace(10))
        .lateTo((late) => late.to(out('late')))
        .emit('on-close')
        .count({ store: 'own' })
      written(own, 'own')
      const behind = own
        .toStream()
        .groupBy((_count, { key }) => letterOf(key), serdes.string, nullable(serdes.long))
        .windowedBy(tumbling(200).grace(10))
        .emit('on-close')
        .aggregate(
          summing((count) => count ?? 0),
          { store: 'behind' },
        )
      written(behind, 'behind')
      const combined = events
        .merge(builder.stream(more, { disorderMs, idle: 'wait' }))
        .groupBy((value) => digitOf(value), serdes.string)
        .windowedBy(hopping(100, 40))
        .emit('on-close')
        .aggregate(
          summing((value) => value),
          { store: 'combined' },
        )
      written(combined, 'combined')
      const single = events
        .groupBy((value) => digitOf(value), serdes.string, serdes.long)
        .windowedBy(tumbling(70).grace(30))
        .aggregate(
          { init: () => 0, add: (sum, value) => sum + value },
          { store: 'single', value: serdes.long },
        )
      written(single, 'single')
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

const letterOf = (key: string): string => key.at(-1)!
const digitOf = (value: number): string => `digit-${value % 3}`

/** All windows in the end: what each partition's own order lets in. */
function expected<A>(
  partitions: readonly (readonly Event[])[],
  window: Bounds,
  keyOf: (event: Event) => string,
  fold: (values: readonly number[]) => A,
): WindowResult<A>[] {
  const contents = new WindowContents<number, A>(window.sizeMs, fold)
  for (const events of partitions) {
    for (const one of judge(events, window)) {
      contents.add({ ...one, record: { ...one.record, key: keyOf(one.record) } })
    }
  }
  return contents.all()
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

function asPairs(results: readonly WindowResult<number>[]): [string, number][] {
  return sorted(results.map(({ key, startMs, value }) => [`${key}@${startMs}`, value]))
}

function sorted(pairs: readonly [string, number][]): [string, number][] {
  return [...pairs].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

describe('windows', () => {
  it('should come to the same whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (partitions, phases, lastSettings) => {
          let world = await worldOfInputs()
          const feed = new Feed(partitions)
          for (const one of phases) world = await runPhase(windows, world.snapshot(), feed, one)
          const results = await finish(windows, outputs, world.snapshot(), feed, lastSettings)

          const ofInput = partitions.filter((_, index) => places[index]!.topic === input.name)
          const own = expected(
            ofInput,
            bounds.own,
            ({ key }) => key!,
            (values) => values.length,
          )
          expect(sorted(results.own), 'own keys, on close').toEqual(asPairs(own))
          const byDigit = ({ value }: Event) => digitOf(value)
          expect(sorted(results.combined), 'combined, on close').toEqual(
            asPairs(expected(partitions, bounds.combined, byDigit, sum)),
          )
          expect(sorted([...new Map(results.single)]), 'record by record, the last of each').toEqual(
            asPairs(expected(ofInput, bounds.single, byDigit, sum)),
          )
          const closed = own.map(({ key, value, timestampMs }) => ({
            key: letterOf(key),
            value,
            timestampMs,
          }))
          const inTime = { ...bounds.behind, graceMs: Number.MAX_SAFE_INTEGER }
          expect(sorted(results.behind), 'windows of windows').toEqual(
            asPairs(expected([closed], inTime, ({ key }) => key!, sum)),
          )
          const late = ofInput.flatMap((events) =>
            judge(events, bounds.own).filter(({ inTime: open }) => open.length === 0),
          )
          expect(sorted(results.late), 'late').toEqual(
            sorted(late.map(({ record: { key, value } }) => [key!, value])),
          )
        },
      ),
      { numRuns: 60 },
    )
  }, 120_000)
})
