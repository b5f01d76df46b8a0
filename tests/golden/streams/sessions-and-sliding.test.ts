import { describe, expect, it } from 'vitest'
import {
  type Aggregator,
  defineTopology,
  type KGroupedStream,
  type KTable,
  type StreamBuilder,
  serdes,
  session,
  sliding,
  type Topology,
  type Windowed,
  type WindowedStream,
} from '../../../streams/index.ts'
import { type AggregatorName, aggregators, type Reduced, type ReducerName, reducers } from './aggregators.ts'
import {
  casesOf,
  type GoldenCase,
  type GoldenDrop,
  type GoldenInput,
  type GoldenOutput,
  goldenTopic,
  type Json,
  output,
} from './cases.ts'
import { inWindow, runCase, writtenOutput } from './run-case.ts'

interface Windows {
  readonly window: 'session' | 'sliding'
  readonly inactivityGapMs: number
  readonly timeDifferenceMs: number
  readonly graceMs: number
  /** Suppressed until windows close is closing them. */
  readonly emit: 'update' | 'close' | 'suppress'
  readonly groupBy?: 'all'
}

type Aggregate = Windows & { readonly aggregator: AggregatorName }
type Reduce = Windows & { readonly reducer: ReducerName }
type Values<V> = KGroupedStream<string, V | null>

/** What is grouped anew goes combined through a repartition topic, or through one record by record. */
type Way = 'combined' | 'record by record'

function topologyOf<V extends Json, A extends Json>(
  parameters: Windows,
  way: Way,
  aggregate: (windowed: WindowedStream<string, V | null>) => KTable<Windowed<string>, A>,
): Topology {
  const { window, inactivityGapMs, timeDifferenceMs, graceMs, emit } = parameters
  return defineTopology('windows', (builder) => {
    const windows =
      window === 'session'
        ? session(inactivityGapMs).grace(graceMs)
        : sliding(timeDifferenceMs).grace(graceMs)
    const grouped = groupedAs<V>(builder, parameters, way)
    aggregate(grouped.windowedBy(windows).emit(emit === 'update' ? 'on-change' : 'on-close'))
      .toStream()
      .map(({ key, ...bounds }, value) => [key, inWindow(bounds, value)])
      .to(output)
  })
}

function groupedAs<V extends Json>(builder: StreamBuilder, { groupBy }: Windows, way: Way): Values<V> {
  const input = goldenTopic<V>('input')
  const stream = builder.stream(input)
  if (groupBy === undefined) return stream.groupByKey()
  const { string: key } = serdes
  return way === 'combined'
    ? stream.groupBy(() => 'all', key, input.value)
    : stream
        .selectKey(() => 'all')
        .repartition({ name: 'all', key, value: input.value })
        .groupByKey()
}

const merges: { readonly [N in AggregatorName]: (left: Folded, right: Folded) => Folded } = {
  count: (left, right) => Number(left) + Number(right),
  sum: (left, right) => Number(left) + Number(right),
  min: (left, right) => Math.min(Number(left), Number(right)),
  max: (left, right) => Math.max(Number(left), Number(right)),
  concat: (left, right) => [...listOf(left), ...listOf(right)],
}

type Folded = number | number[]

function listOf(folded: Folded): number[] {
  return Array.isArray(folded) ? folded : []
}

/** Aggregators of sessions are given null values, too; in the cases only those that count or list. */
function aggregatorOf(name: AggregatorName): Aggregator<number | null, Folded, string> {
  const { init, add } = aggregators[name]
  return {
    init,
    add: (aggregate, value, key) => add(aggregate, value as number, key),
    merge: merges[name],
  }
}

function aggregateTopology(parameters: Aggregate, way: Way): Topology {
  return topologyOf<number, Json>(parameters, way, (windowed) =>
    windowed.aggregate(aggregatorOf(parameters.aggregator), { store: 'aggregates', value: serdes.json() }),
  )
}

function reduceTopology(parameters: Reduce): Topology {
  return topologyOf<Reduced, Json>(parameters, 'record by record', (windowed) =>
    windowed.reduce(reducers[parameters.reducer], { store: 'reduced', value: serdes.json() }),
  )
}

const sessions = casesOf<Aggregate>('session-aggregate')
const slidings = casesOf<Aggregate>('sliding-aggregate')
const reduces = casesOf<Reduce>('windowed-reduce').filter(
  ({ parameters: { window } }) => window === 'session' || window === 'sliding',
)

/**
 * The cases in which it matters that records without a key, or to sliding windows without a value, tell the time here:
 * docs/semantics.md says why they do.
 */
const nullsPassTime = [
  'sliding-aggregate-0027',
  'sliding-aggregate-0054',
  'sliding-aggregate-0056',
  'sliding-aggregate-0066',
  'windowed-reduce-0002',
  'windowed-reduce-0042',
]

/** Those in which records older than the grace are late when they are combined, and would have found an open session. */
const combinedAreLate = [
  'session-aggregate-0000',
  'session-aggregate-0001',
  'session-aggregate-0002',
  'session-aggregate-0008',
  'session-aggregate-0033',
  'session-aggregate-0051',
  'session-aggregate-0059',
]

describe('aggregate in sessions and sliding windows', () => {
  it.each([...sessions, ...slidings].filter(({ name }) => !nullsPassTime.includes(name)))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      await expectWindows(aggregateTopology(golden.parameters, 'record by record'), golden)
    },
  )
})

describe('aggregate in sessions, combined before the network', () => {
  const combined = sessions.filter(({ parameters: { groupBy } }) => groupBy === 'all')

  it.each(combined.filter(({ name }) => !combinedAreLate.includes(name)))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      await expectWindows(aggregateTopology(golden.parameters, 'combined'), golden)
    },
  )

  it.each(combined.filter(({ name }) => combinedAreLate.includes(name)))(
    'should leave out what is older than the watermark by more than the grace, as Kafka Streams does not: $name',
    async (golden) => {
      const inTime = without(golden, isBehind(golden))
      const outcome = await runCase(aggregateTopology(golden.parameters, 'combined'), golden)
      const expected = await runCase(aggregateTopology(golden.parameters, 'record by record'), inTime.golden)
      expect(outcome.output).toEqual(inTime.asBefore(expected.output))
      expect(outcome.drops.map(({ inputIndex }) => inputIndex)).toEqual(inTime.left)
      expect(sorted(outcome.output)).not.toEqual(sorted(writtenOutput(golden)))
    },
  )
})

describe('reduce in sessions and sliding windows', () => {
  it.each(reduces.filter(({ name }) => !nullsPassTime.includes(name)))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      await expectWindows(reduceTopology(golden.parameters), golden)
    },
  )
})

describe('records that sliding windows leave out for their nulls', () => {
  const topologies = new Map<string, { topology: Topology; golden: GoldenCase<Windows> }>([
    ...slidings.map((golden) => {
      return [
        golden.name,
        { golden, topology: aggregateTopology(golden.parameters, 'record by record') },
      ] as const
    }),
    ...reduces.map(
      (golden) => [golden.name, { golden, topology: reduceTopology(golden.parameters) }] as const,
    ),
  ])

  it.each(nullsPassTime)('should tell the time, as with Kafka Streams they do not: %s', async (name) => {
    const { topology, golden } = topologies.get(name)!
    await expect(expectWindows(topology, golden)).rejects.toThrow()
    const present = without(golden, ({ key, value }) => key === null || value === null)
    const { output: emitted } = await runCase(topology, present.golden)
    expectSame(golden, present.asBefore(emitted))
  })
})

/** Whether a record is older than the newest before it by more than the grace. */
function isBehind({ input, parameters }: GoldenCase<Windows>): (record: GoldenInput) => boolean {
  return (record) => {
    const before = input.slice(0, input.indexOf(record) + 1).map(({ timestampMs }) => timestampMs)
    return record.timestampMs + parameters.graceMs < Math.max(...before)
  }
}

/** A case without some of its records, and its results by the positions that they had with them. */
function without(golden: GoldenCase<Windows>, isLeftOut: (record: GoldenInput) => boolean) {
  const positions = golden.input.map((_, index) => index)
  const kept = positions.filter((index) => !isLeftOut(golden.input[index]!))
  return {
    golden: { ...golden, input: kept.map((index) => golden.input[index]!) },
    left: positions.filter((index) => !kept.includes(index)),
    asBefore: (emitted: readonly GoldenOutput[]) =>
      emitted.map((line) => ({ ...line, inputIndex: kept[line.inputIndex]! })),
  }
}

async function expectWindows(topology: Topology, golden: GoldenCase<Windows>): Promise<void> {
  const outcome = await runCase(topology, golden)
  expectSame(golden, outcome.output)
  // What is counted as late there are, with sliding windows, the attempts of its algorithm.
  const isComparable = ({ reason }: GoldenDrop) => golden.parameters.window === 'session' || reason !== 'late'
  expect(outcome.drops.filter(isComparable)).toEqual(golden.drops.filter(isComparable))
}

function expectSame(golden: GoldenCase<Windows>, emitted: readonly GoldenOutput[]): void {
  const expected = writtenOutput(golden)
  const { emit, window } = golden.parameters
  if (emit === 'suppress') expect(sorted(emitted.map(anytime))).toEqual(sorted(finals(golden).map(anytime)))
  else if (emit === 'update' && window === 'session') expect(emitted).toEqual(expected)
  // The order is that of its stores. A window may be made twice for one record there, with the same value.
  else expect(new Set(sorted(emitted))).toEqual(new Set(sorted(expected)))
  if (emit !== 'update') expect(emitted).toEqual(inOrder(emitted))
}

/**
 * Suppressing lets results go while their windows still take records at that very time, and then lets them go again. Here
 * each comes once, when it is final.
 */
function finals({ output: emitted, input, parameters }: GoldenCase<Windows>): GoldenOutput[] {
  const { window, inactivityGapMs, graceMs } = parameters
  const lastMs = Math.max(...input.map(({ timestampMs }) => timestampMs))
  const openMs = graceMs + (window === 'session' ? inactivityGapMs : 0)
  const closed = emitted.filter(({ window: bounds }) => bounds !== null && bounds.endMs + openMs < lastMs)
  const last = new Map(
    closed.map((line) => [`${line.key}/${line.window?.startMs}/${line.window?.endMs}`, line]),
  )
  return writtenOutput({ output: [...last.values()] })
}

const anytime = ({ inputIndex: _position, ...line }: GoldenOutput) => line

/** What closes with one record, each key's windows by their ends. */
function inOrder(emitted: readonly GoldenOutput[]): GoldenOutput[] {
  const endOf = ({ value }: GoldenOutput) => (value as { readonly endMs: number }).endMs
  return emitted.toSorted((a, b) => a.inputIndex - b.inputIndex || endOf(a) - endOf(b))
}

function sorted(lines: readonly object[]): string[] {
  const asText = (line: object) => JSON.stringify(Object.entries(line).sort(([a], [b]) => (a < b ? -1 : 1)))
  return lines.map(asText).sort()
}
