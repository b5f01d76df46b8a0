import { describe, it } from 'vitest'
import { type Aggregator, defineTopology, serdes } from '../../../streams/index.ts'
import { type AggregatorName, aggregators, type Reduced, type ReducerName, reducers } from './aggregators.ts'
import { casesOf, goldenTopic, output } from './cases.ts'
import { expectGolden } from './run-case.ts'

describe('aggregate of a stream', () => {
  it.each(casesOf<{ aggregator: AggregatorName }>('stream-aggregate'))(
    'should answer as Kafka Streams does: $name $parameters.aggregator',
    async (golden) => {
      const topology = defineTopology('stream-aggregate', (builder) => {
        builder
          .stream(goldenTopic<number>('input'))
          .groupByKey()
          .aggregate(aggregators[golden.parameters.aggregator], { store: 'aggregates', value: serdes.json() })
          .toStream()
          .to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})

describe('reduce of a stream', () => {
  it.each(casesOf<{ reducer: ReducerName }>('stream-reduce'))(
    'should answer as Kafka Streams does: $name $parameters.reducer',
    async (golden) => {
      const topology = defineTopology('stream-reduce', (builder) => {
        builder
          .stream(goldenTopic<Reduced>('input'))
          .groupByKey()
          .reduce(reducers[golden.parameters.reducer], { store: 'reduced' })
          .toStream()
          .to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})

type CogroupFold = 'sum' | 'minus' | 'concat'

const adders: { readonly [N in CogroupFold]: Aggregator<number, number | number[]>['add'] } = {
  sum: aggregators.sum.add,
  minus: (sum, value) => Number(sum) - value,
  concat: aggregators.concat.add,
}

describe('cogroup of two streams', () => {
  it.each(casesOf<{ leftAggregator: CogroupFold; rightAggregator: CogroupFold }>('cogroup'))(
    'should answer as Kafka Streams does: $name $parameters.leftAggregator, $parameters.rightAggregator',
    async (golden) => {
      const { leftAggregator, rightAggregator } = golden.parameters
      const { init } = leftAggregator === 'concat' ? aggregators.concat : aggregators.sum
      const topology = defineTopology('cogroup', (builder) => {
        builder
          .stream(goldenTopic<number>('left'))
          .groupByKey()
          .cogroup(adders[leftAggregator])
          .cogroup(builder.stream(goldenTopic<number>('right')).groupByKey(), adders[rightAggregator])
          .aggregate({ init }, { store: 'aggregates', value: serdes.json() })
          .toStream()
          .to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})
