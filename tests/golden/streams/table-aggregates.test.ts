import { describe, it } from 'vitest'
import { defineTopology, type KGroupedTable, type KTable, serdes, summing } from '../../../streams/index.ts'
import { casesOf, goldenTopic, type Json, output, type Versioned, versionedIf } from './cases.ts'
import { expectGolden } from './run-case.ts'

type Row = { readonly group: string | null; readonly n: number }
type Grouped = KGroupedTable<string, number>

/** What is folded here can be merged, and then goes combined through the repartition topic; or it goes change by change. */
const ways = { combined: true, 'change by change': false }

function tableAggregates(grouped: Grouped, aggregator: string, combined: boolean): KTable<string, Json> {
  if (aggregator === 'count' && combined) return grouped.count({ store: 'groups' })
  if (aggregator === 'sum' && combined)
    return grouped.aggregate(
      summing((n) => n),
      { store: 'groups' },
    )
  if (aggregator === 'concat') {
    return grouped.aggregate<readonly number[]>(
      {
        init: () => [],
        add: (list, n) => [...list, n],
        subtract: (list, n) => list.filter((_, index) => index !== list.indexOf(n)),
      },
      { store: 'groups', value: serdes.json() },
    )
  }
  const amountOf = aggregator === 'count' ? () => 1 : (n: number) => n
  return grouped.aggregate(
    { init: () => 0, add: (sum, n) => sum + amountOf(n), subtract: (sum, n) => sum - amountOf(n) },
    { store: 'groups', value: serdes.json() },
  )
}

function topologyOf(parameters: Versioned, aggregate: (grouped: Grouped) => KTable<string, Json>) {
  return defineTopology('table-aggregate', (builder) => {
    const grouped = builder
      .table(goldenTopic<Row>('table'), versionedIf(parameters))
      .groupBy((_key, row) => [row.group, row.n], { key: serdes.string, value: serdes.json<number>() })
    aggregate(grouped).toStream().to(output)
  })
}

describe.each(Object.entries(ways))('aggregate of a table, %s', (_way, combined) => {
  it.each(casesOf<Versioned & { aggregator: string }>('table-aggregate'))(
    'should answer as Kafka Streams does: $name $parameters.aggregator',
    async (golden) => {
      const { aggregator } = golden.parameters
      await expectGolden(
        topologyOf(golden.parameters, (grouped) => tableAggregates(grouped, aggregator, combined)),
        golden,
      )
    },
  )
})

describe('reduce of a table', () => {
  it.each(casesOf<Versioned & { adder: string }>('table-reduce'))(
    'should answer as Kafka Streams does: $name $parameters.adder',
    async (golden) => {
      const topology = topologyOf(golden.parameters, (grouped) =>
        grouped.reduce(
          (sum, n) => sum + n,
          (sum, n) => sum - n,
          { store: 'groups' },
        ),
      )
      await expectGolden(topology, golden)
    },
  )
})
