/**
 * Joins give the same results whatever happens on the way: however the partitions interleave, the input comes in parts, tasks batch,
 * commit and yield, instances share them, stop and crash.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defineTopology, type KTable, serdes, topic } from '../../streams/index.ts'
import { type JoinRecord, type JoinWindow, windowJoin } from '../support/window-join-oracle.ts'
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
const unused = { output: undefined, store: undefined, expected: () => [], emits: 'last' } as const

/** Both sides of a pair in one number, 0 for none. */
const pair = (left: number | null, right: number | null): number =>
  (left === null ? 0 : left + 1) * 1_000 + (right === null ? 0 : right + 1)

const joins = {
  own: { type: 'left', beforeMs: 40, afterMs: 90, graceMs: 10 },
  byLetter: { type: 'outer', beforeMs: 30, afterMs: 30, graceMs: 0 },
  apart: { type: 'outer', beforeMs: -20, afterMs: 120, graceMs: 30 },
  inner: { type: 'inner', beforeMs: 100, afterMs: 0, graceMs: 5 },
  self: { type: 'inner', beforeMs: 15, afterMs: 50, graceMs: 0 },
} satisfies Record<string, JoinWindow>

const streamOutputs = ['own', 'byLetter', 'apart', 'inner', 'self', 'held'] as const

function out(name: string) {
  return topic(name, { key: serdes.string, value: serdes.long })
}

const letterOf = (key: string): string => key.at(-1)!

const joinsOfStreams: Case = {
  ...unused,
  name: 'joins of streams',
  topology: () =>
    defineTopology('joins', (builder) => {
      const left = builder.stream(input, { disorderMs, idle: 'wait' })
      const right = builder.stream(more, { disorderMs, idle: 'wait' })
      left.leftJoin(right, pair, { store: 'own', ...joins.own }).to(out('own'))
      left.outerJoin(right, pair, { store: 'apart', ...joins.apart }).to(out('apart'))
      left.join(right, pair, { store: 'inner', ...joins.inner }).to(out('inner'))
      left.join(left, pair, { store: 'self', ...joins.self }).to(out('self'))
      const byLetter = (stream: typeof left) =>
        stream.selectKey((_value, key) => letterOf(key), { key: serdes.string })
      byLetter(left)
        .outerJoin(byLetter(right), pair, { store: 'by-letter', ...joins.byLetter })
        .to(out('byLetter'))
      const rows = right.toTable({ store: 'rows', versioned: { historyMs: 1_000_000 } })
      left.leftJoin(rows, pair, { name: 'held', graceMs: 60 }).to(out('held'))
    }),
}

/** Records with the watermark of their own partition. */
function judged(
  partitions: readonly (readonly Event[])[],
  topicName: string,
  keyOf: (key: string) => string,
): JoinRecord<number>[] {
  return partitions.flatMap((events, index) => {
    if (places[index]!.topic !== topicName) return []
    let newestMs = Number.NEGATIVE_INFINITY
    return events.map(({ key, value, timestampMs }) => {
      newestMs = Math.max(newestMs, timestampMs)
      return { key: keyOf(key!), value, timestampMs, watermarkMs: newestMs - disorderMs }
    })
  })
}

type Results = readonly (readonly [key: string, value: number])[]

function sorted(results: Results): Results {
  return [...results].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

function expectedOf(
  partitions: readonly (readonly Event[])[],
  window: JoinWindow,
  rightTopic: string,
  keyOf: (key: string) => string,
): Results {
  const [left, right] = [judged(partitions, input.name, keyOf), judged(partitions, rightTopic, keyOf)]
  return sorted(windowJoin(window, left, right).results.map((one) => [one.key, pair(one.left, one.right)]))
}

const foreignOutputs = ['matched', 'all'] as const

const same = (key: string): string => key
/** The row of the other table that a value names, in either partition; some name none. */
const nameIn = (value: number): string | null =>
  value % 5 === 4 ? null : `${value % 2}-${['a', 'b', 'c'][value % 3]}`
/** Some values are deletions. */
const rowOf = (value: number): number | null => (value % 6 === 5 ? null : value)

const foreignKeys: Case = {
  ...unused,
  name: 'joins by foreign key',
  topology: () =>
    defineTopology('foreign-keys', (builder) => {
      const tableOf = (source: typeof input, store: string) =>
        builder
          .stream(source)
          .mapValues((value) => rowOf(value))
          .toTable({ store, value: serdes.long })
      const [left, right] = [tableOf(input, 'left-rows'), tableOf(more, 'right-rows')]
      // In these inputs the key says the partition.
      const options = { value: serdes.long, partitioner: (key: string) => Number(key[0]) }
      const written = (table: KTable<string, number>, name: string) =>
        table
          .toStream()
          .mapValues((value) => value ?? -1)
          .to(out(name))
      written(left.joinOn(right, nameIn, pair, { store: 'matched', ...options }), 'matched')
      written(left.leftJoinOn(right, nameIn, pair, { store: 'all', ...options }), 'all')
    }),
}

/** The rows of a table in the end. */
function rowsOf(partitions: readonly (readonly Event[])[], topicName: string): Map<string, number | null> {
  const events = partitions.filter((_, index) => places[index]!.topic === topicName).flat()
  return new Map(events.map(({ key, value }) => [key!, rowOf(value)]))
}

function lastOf(results: Results): Map<string, number> {
  return new Map([...new Map(results)].filter(([, value]) => value !== -1).sort())
}

async function runAll<N extends string>(
  testCase: Case,
  outputs: readonly N[],
  partitions: readonly (readonly Event[])[],
  phases: readonly Parameters<typeof runPhase>[3][],
  lastSettings: Parameters<typeof finish>[4],
): Promise<Record<N, Results>> {
  let world = await worldOfInputs()
  const feed = new Feed(partitions)
  for (const one of phases) world = await runPhase(testCase, world.snapshot(), feed, one)
  return finish(testCase, outputs, world.snapshot(), feed, lastSettings)
}

describe('joins of streams', () => {
  it('should come to the same whatever happens on the way', async () => {
    const phases = fc.array(phase, { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(allEvents, phases, settings, async (partitions, ways, lastSettings) => {
        const results = await runAll(joinsOfStreams, streamOutputs, partitions, ways, lastSettings)
        for (const name of ['own', 'apart', 'inner'] as const) {
          expect(sorted(results[name]), name).toEqual(expectedOf(partitions, joins[name], more.name, same))
        }
        expect(sorted(results.self), 'with itself').toEqual(
          expectedOf(partitions, joins.self, input.name, same),
        )
        expect(sorted(results.byLetter), 'repartitioned').toEqual(
          expectedOf(partitions, joins.byLetter, more.name, letterOf),
        )
        const events = judged(partitions, input.name, same)
        const lefts = (all: Results) => sorted(all.map(([key, value]) => [key, Math.floor(value / 1_000)]))
        expect(lefts(results.held), 'each record that waited leaves once').toEqual(
          sorted(events.map(({ key, value }) => [key, value + 1])),
        )
      }),
      { numRuns: 40 },
    )
  }, 240_000)
})

describe('joins by foreign key', () => {
  it('should come to the same rows whatever happens on the way', async () => {
    const phases = fc.array(phase, { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(allEvents, phases, settings, async (partitions, ways, lastSettings) => {
        const results = await runAll(foreignKeys, foreignOutputs, partitions, ways, lastSettings)
        const rights = rowsOf(partitions, more.name)
        const all = [...rowsOf(partitions, input.name)].flatMap(([key, left]) => {
          if (left === null) return []
          const name = nameIn(left)
          return [{ key, left, right: (name === null ? null : rights.get(name)) ?? null }]
        })
        const expected = (rows: typeof all) =>
          new Map(rows.map(({ key, left, right }) => [key, pair(left, right)] as const).sort())
        expect(lastOf(results.all), 'left').toEqual(expected(all))
        expect(lastOf(results.matched), 'inner').toEqual(expected(all.filter(({ right }) => right !== null)))
      }),
      { numRuns: 40 },
    )
  }, 240_000)
})
