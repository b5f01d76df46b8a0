import { describe, expect, it } from 'vitest'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { output } from '../dsl/process.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { serdes } from '../serde/serdes.ts'
import { keyValueStore } from './store-spec.ts'

const [a, b, c] = ['a', 'b', 'c'].map((name) => jsonTopic<number>(name))

describe('sub-topologies', () => {
  it('should be the parts that no topic lies between, named by what they read', () => {
    const topology = defineTopology('parts', (builder) => {
      const first = builder.stream(a!)
      builder.stream(c!).merge(first).to(jsonTopic<number>('merged'))
      builder.stream(b!).groupBy(String, serdes.string).count({ store: 'counts' })
    })
    expect(topology.subTopologies.map(({ name }) => name)).toEqual(['a+c', 'b', 'parts-counts-repartition'])
    expect(topology.subTopologies.map(({ stores }) => stores.map(({ name }) => name))).toEqual([
      [],
      [],
      ['counts'],
    ])
    expect(topology.repartitionTopics.map(({ name }) => name)).toEqual(['parts-counts-repartition'])
    expect(topology.topics.map(({ name }) => name)).toEqual(['a', 'c', 'merged', 'b'])
  })

  it('should be one where processors share a store', () => {
    const seen = keyValueStore({ name: 'seen', key: serdes.string, value: serdes.long })
    const topology = defineTopology('sharing', (builder) => {
      for (const [name, input] of [
        ['p1', a!],
        ['p2', b!],
      ] as const) {
        builder.stream(input).process(name, {
          stores: { seen },
          outputs: { out: output<string, number>() },
          create: ({ outputs }) => outputs.out,
        })
      }
    })
    expect(topology.subTopologies.map(({ name, stores }) => [name, stores])).toEqual([['a+b', [seen]]])
  })

  it('should not be joined by a global table', () => {
    const topology = defineTopology('global', (builder) => {
      const table = builder.globalTable(c!, { store: 'rows' })
      for (const input of [a!, b!]) {
        builder
          .stream(input)
          .joinGlobal(table, String, (n, row) => n + row)
          .to(jsonTopic<number>(`${input.name}-joined`))
      }
    })
    expect(topology.subTopologies.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(topology.topics.map(({ name }) => name)).toContain('c')
  })

  it('should keep names when another part of the topology is edited', () => {
    const namesOf = (edited: boolean) =>
      defineTopology('edited', (builder) => {
        if (edited)
          builder
            .stream(c!)
            .filter(() => true)
            .to(jsonTopic<number>('more'))
        builder
          .stream(a!)
          .filter(() => true)
          .groupBy(String, serdes.string)
          .count({ store: 'counts' })
      })
    const [before, after] = [namesOf(false), namesOf(true)]
    expect(after.repartitionTopics.map(({ name }) => name)).toEqual(
      before.repartitionTopics.map(({ name }) => name),
    )
    expect(after.subTopologies.map(({ name }) => name)).toEqual(
      expect.arrayContaining(before.subTopologies.map(({ name }) => name)),
    )
  })
})
