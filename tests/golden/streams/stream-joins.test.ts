import { describe, it } from 'vitest'
import { defineTopology } from '../../../streams/index.ts'
import { casesOf, goldenTopic, output } from './cases.ts'
import { expectGolden } from './run-case.ts'

type JoinType = 'inner' | 'left'

const pair = <L, R>(left: L, right: R): readonly [L, R] => [left, right]

describe('join of a stream with a table', () => {
  it.each(casesOf<{ type: JoinType }>('stream-table-join'))(
    'should answer as Kafka Streams does: $name $parameters.type',
    async (golden) => {
      const topology = defineTopology('stream-table-join', (builder) => {
        const stream = builder.stream(goldenTopic<string>('stream'))
        const table = builder.table(goldenTopic<string>('table'))
        const joined =
          golden.parameters.type === 'inner' ? stream.join(table, pair) : stream.leftJoin(table, pair)
        joined.to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})

describe('join of a stream with a global table', () => {
  it.each(casesOf<{ type: JoinType }>('stream-global-table-join'))(
    'should answer as Kafka Streams does: $name $parameters.type',
    async (golden) => {
      type Reference = { readonly ref: string | null; readonly n: number }
      const topology = defineTopology('stream-global-table-join', (builder) => {
        const stream = builder.stream(goldenTopic<Reference>('stream'))
        const table = builder.globalTable(goldenTopic<string>('table'), { store: 'rows' })
        const joined =
          golden.parameters.type === 'inner'
            ? stream.joinGlobal(table, ({ ref }) => ref, pair)
            : stream.leftJoinGlobal(table, ({ ref }) => ref, pair)
        joined.to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})
