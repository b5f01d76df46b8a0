import { describe, it } from 'vitest'
import { defineTopology, type KTable, serdes } from '../../../streams/index.ts'
import { casesOf, goldenTopic, type Json, output, type Versioned, versionedIf } from './cases.ts'
import { expectGolden } from './run-case.ts'

type Rows = KTable<string, string>
type Pair = readonly [string | null, string | null]

const pair = (left: string | null, right: string | null): Pair => [left, right]

const joins = {
  inner: (left: Rows, right: Rows, store: object): KTable<string, Json> => left.join(right, pair, store),
  left: (left: Rows, right: Rows, store: object): KTable<string, Json> => left.leftJoin(right, pair, store),
  outer: (left: Rows, right: Rows, store: object): KTable<string, Json> => left.outerJoin(right, pair, store),
}

describe('join of two tables', () => {
  it.each(casesOf<Versioned & { type: keyof typeof joins; materialized: boolean }>('table-table-join'))(
    'should answer as Kafka Streams does: $name $parameters.type, materialized $parameters.materialized',
    async (golden) => {
      const { type, materialized } = golden.parameters
      const topology = defineTopology('table-table-join', (builder) => {
        const left = builder.table(goldenTopic<string>('left'), versionedIf(golden.parameters))
        const right = builder.table(goldenTopic<string>('right'), versionedIf(golden.parameters))
        const store = materialized ? { store: 'joined', value: serdes.json<Pair>() } : {}
        joins[type](left, right, store).toStream().to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})
