import { describe, expect, it } from 'vitest'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { keyValueStore } from '../topology/store-spec.ts'
import { output } from './process.ts'
import { defineTopology, type StreamBuilder } from './stream-builder.ts'

const numbers = jsonTopic<number>('numbers')
const others = jsonTopic<number>('others')

const parity = (n: number) => (n % 2 === 0 ? 'even' : 'odd')

const mistakes: readonly [mistake: string, declare: (builder: StreamBuilder) => void, message: RegExp][] = [
  [
    'a topic is read twice',
    (builder) => {
      builder.stream(numbers)
      builder.stream(numbers)
    },
    /topic numbers is read twice in topology wrong; keep the stream or table of the first in a variable/,
  ],
  [
    'a topic is a stream and a table',
    (builder) => {
      builder.stream(numbers)
      builder.table(numbers)
    },
    /topic numbers is read twice .*toTable and toStream turn one into the other/,
  ],
  [
    'a topic is two global tables',
    (builder) => {
      builder.globalTable(numbers, { store: 'one' })
      builder.globalTable(numbers, { store: 'two' })
    },
    /topic numbers is two global tables in topology wrong; keep the first in a variable/,
  ],
  [
    'two operators have one name',
    (builder) => {
      builder
        .stream(numbers)
        .mapValues((n) => n, 'same')
        .filter(() => true, 'same')
    },
    /two nodes are named "same"; give one of them another name/,
  ],
  [
    'two tables have one store',
    (builder) => {
      builder.table(numbers, { store: 'rows' })
      builder.stream(others).groupByKey().count({ store: 'rows' })
    },
    /two stores are named "rows"; give one of them another name/,
  ],
  [
    'a global table has the store of another table',
    (builder) => {
      builder.table(numbers, { store: 'rows' })
      builder.globalTable(others, { store: 'rows' })
    },
    /two stores are named "rows"/,
  ],
  [
    'two different stores of processors have one name',
    (builder) => {
      for (const [name, input] of [
        ['p1', numbers],
        ['p2', others],
      ] as const) {
        builder.stream(input).process(name, {
          stores: { s: keyValueStore({ name: 's', key: serdes.string, value: serdes.long }) },
          outputs: { out: output<string, number>() },
          create: ({ outputs }) => outputs.out,
        })
      }
    },
    /two stores are named "s"/,
  ],
  [
    'a name has letters that topics and paths do not take',
    (builder) => {
      builder.stream(numbers).mapValues((n) => n, 'my mapper')
    },
    /node name "my mapper": use 1 to 200 of letters, digits, "\.", "_" and "-"/,
  ],
  [
    'a store has no name that works',
    (builder) => {
      builder.stream(numbers).groupByKey().count({ store: '' })
    },
    /store name ""|node name/,
  ],
  [
    'an aggregate has no serde for its values',
    (builder) => {
      builder
        .stream(numbers)
        .groupByKey()
        .aggregate({ init: () => 0, add: (sum, n) => sum + n }, { store: 'sums' })
    },
    /store "sums" needs a serde that is not known here; pass { value: … } beside the store name/,
  ],
  [
    'a group has no serde for its keys',
    (builder) => {
      builder.stream(numbers).selectKey(parity).groupByKey().count({ store: 'counts' })
    },
    /store "counts" needs a serde that is not known here; pass { key: … } to groupByKey, or a serde to groupBy/,
  ],
  [
    'a group is repartitioned value by value and has no serde for them',
    (builder) => {
      builder
        .stream(numbers)
        .mapValues((n) => n)
        .groupBy(parity, serdes.string)
        .reduce((a, b) => a + b, { store: 'sums', value: serdes.long })
    },
    /repartition topic of "sums" needs a serde .* pass the value serde to groupBy or groupByKey, or give the aggregator a merge/,
  ],
  [
    'a re-keyed stream is joined and the join has no name',
    (builder) => {
      builder
        .stream(numbers)
        .selectKey(parity, { key: serdes.string })
        .join(builder.table(others), (a, b) => a + b)
    },
    /the join of "select-key-1" with a table has no name, .* pass { name: … }/,
  ],
  [
    'a re-keyed stream becomes a table without a name',
    (builder) => {
      builder.stream(numbers).selectKey(parity, { key: serdes.string }).toTable()
    },
    /toTable of "select-key-1" has no name, .* pass { store: … }/,
  ],
  [
    'a table of a stream needs a store and has no name for it',
    (builder) => {
      builder
        .stream(numbers)
        .toTable()
        .join(builder.table(others), (a, b) => a + b)
    },
    /the store of "table-1" has no name, .* pass { store: … } to toTable/,
  ],
  [
    'a repartition has no serde',
    (builder) => {
      builder
        .stream(numbers)
        .map((key, n) => [key, n])
        .repartition({ name: 'again' })
    },
    /repartition "again" needs a serde that is not known here; pass { key: … }/,
  ],
]

describe('a topology that cannot be', () => {
  it.each(mistakes)('should be refused with what to do: %s', (_mistake, declare, message) => {
    let thrown: unknown
    try {
      defineTopology('wrong', declare)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'TOPOLOGY_INVALID' })
    expect(String(thrown)).toMatch(message)
  })

  it('should be refused for a name of its own that topics do not take', () => {
    expect(() => defineTopology('my topology', () => {})).toThrow('topology name "my topology"')
  })
})
