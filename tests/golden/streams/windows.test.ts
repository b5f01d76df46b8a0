import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  hopping,
  type KTable,
  serdes,
  tumbling,
  type Windowed,
  type WindowedStream,
} from '../../../streams/index.ts'
import { type Judged, judge, resultsOf, type Timed } from '../../support/window-oracle.ts'
import { type AggregatorName, aggregators, type Reduced, type ReducerName, reducers } from './aggregators.ts'
import { casesOf, type GoldenCase, type GoldenDrop, goldenTopic, type Json, output } from './cases.ts'
import { expectGolden, expectInstead, inWindow } from './run-case.ts'

interface Windows {
  readonly window: 'tumbling' | 'hopping'
  readonly sizeMs: number
  readonly advanceMs?: number
  readonly graceMs: number
  /** Suppressed until windows close is closing them: what passes here is what passes there. */
  readonly emit: 'update' | 'close' | 'suppress'
  readonly groupBy?: 'all'
}

type Aggregate = Windows & { readonly aggregator: AggregatorName }
type WindowedValues<V> = WindowedStream<string, V | null>

function emissionOf({ emit }: Windows): 'on-change' | 'on-close' {
  return emit === 'update' ? 'on-change' : 'on-close'
}

function topologyOf<V extends Json, A extends Json>(
  parameters: Windows,
  aggregate: (windowed: WindowedValues<V>) => KTable<Windowed<string>, A>,
) {
  const { sizeMs, advanceMs, graceMs, groupBy } = parameters
  return defineTopology('windows', (builder) => {
    const input = goldenTopic<V>('input')
    const stream = builder.stream(input)
    const grouped =
      groupBy === 'all' ? stream.groupBy(() => 'all', serdes.string, input.value) : stream.groupByKey()
    const windows = advanceMs === undefined ? tumbling(sizeMs) : hopping(sizeMs, advanceMs)
    aggregate(grouped.windowedBy(windows.grace(graceMs)).emit(emissionOf(parameters)))
      .toStream()
      .map(({ key, ...bounds }, value) => [key, inWindow(bounds, value)])
      .to(output)
  })
}

/** Aggregators of windows are given null values, too; in the cases only those that count or list. */
function nullsToo(name: AggregatorName) {
  const { init, add } = aggregators[name]
  return {
    init,
    add: (aggregate: number | number[], value: number | null, key: string) =>
      add(aggregate, value as number, key),
  }
}

function aggregateTopology(parameters: Aggregate, way: 'combined' | 'record by record') {
  return topologyOf<number, Json>(parameters, (windowed) =>
    parameters.aggregator === 'count' && way === 'combined'
      ? windowed.count({ store: 'aggregates' })
      : windowed.aggregate(nullsToo(parameters.aggregator), { store: 'aggregates', value: serdes.json() }),
  )
}

const aggregates = ['tumbling-aggregate', 'hopping-aggregate'].flatMap((operator) =>
  casesOf<Aggregate>(operator),
)

/** The cases in which it matters that a record without a key tells the time here: docs/semantics.md says why it does. */
const nullKeysPassTime = [
  'tumbling-aggregate-0019',
  'tumbling-aggregate-0043',
  'hopping-aggregate-0012',
  'hopping-aggregate-0028',
  'hopping-aggregate-0033',
]

/** What is counted can be merged, and then goes combined through a repartition topic; or it goes record by record. */
describe.each(['combined', 'record by record'] as const)('aggregate in windows, %s', (way) => {
  it.each(aggregates.filter(({ name }) => !nullKeysPassTime.includes(name)))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      await expectGolden(aggregateTopology(golden.parameters, way), golden)
    },
  )
})

describe('aggregate in windows of records without a key', () => {
  const cases = aggregates.filter(({ name }) => nullKeysPassTime.includes(name))

  it.each(cases)('should let them tell the time, as Kafka Streams does not: $name', async (golden) => {
    await expectInstead(
      aggregateTopology(golden.parameters, 'record by record'),
      golden,
      plainly(golden, () => true),
    )
  })

  it.each(cases)('should differ in nothing else: $name', (golden) => {
    const { output: emitted, drops } = plainly(golden, ({ key }) => key !== null)
    expect(emitted).toEqual(golden.output)
    expect(drops).toEqual(golden.drops)
  })
})

/** A case by the plain oracle. */
function plainly(
  { input, parameters }: GoldenCase<Aggregate>,
  passesTime: (record: Timed<Json>) => boolean,
): Pick<GoldenCase<unknown>, 'output' | 'drops'> {
  const { init, add } = aggregators[parameters.aggregator]
  const { sizeMs, graceMs, advanceMs = sizeMs } = parameters
  const bounds = { sizeMs, advanceMs, graceMs, disorderMs: 0 }
  const judged = judge(input, bounds, passesTime)
  // The cases' aggregators take what the cases' values are.
  const fold = (values: readonly Json[]): Json =>
    values.reduce<number | number[]>((aggregate, value) => add(aggregate, value as number, ''), init())
  const results = resultsOf(judged, bounds, emissionOf(parameters), fold)
  return {
    output: results.map(({ key, startMs, endMs, value, timestampMs, index }) => ({
      key,
      window: { startMs, endMs },
      value,
      timestampMs,
      inputIndex: index,
    })),
    drops: judged.flatMap(dropOf),
  }
}

function dropOf({ record, index, late }: Judged<Json>): GoldenDrop[] {
  if (record.key === null) return [{ inputIndex: index, count: 1, reason: 'null' }]
  return late.length === 0 ? [] : [{ inputIndex: index, count: late.length, reason: 'late' }]
}

describe('reduce in windows', () => {
  const isAligned = ({ parameters: { window } }: GoldenCase<{ window: string }>) =>
    window === 'tumbling' || window === 'hopping'
  it.each(casesOf<Windows & { reducer: ReducerName }>('windowed-reduce').filter(isAligned))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      const topology = topologyOf<Reduced, Reduced>(golden.parameters, (windowed) =>
        windowed.reduce(reducers[golden.parameters.reducer], { store: 'reduced', value: serdes.json() }),
      )
      await expectGolden(topology, golden)
    },
  )
})
