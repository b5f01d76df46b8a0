import { describe, it } from 'vitest'
import { defineTopology, serdes } from '../../../streams/index.ts'
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
