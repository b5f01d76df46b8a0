import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defineTopology, serdes } from '../../../streams/index.ts'
import {
  caseCount,
  casesOf,
  goldenTopic,
  operatorsWithCases,
  output,
  type Versioned,
  versionedIf,
} from './cases.ts'
import { expectGolden } from './run-case.ts'

interface Steps extends Versioned {
  readonly step: 'none' | 'filter' | 'mapValues'
  readonly sourceMaterialized: boolean
  readonly resultMaterialized: boolean
}

describe.each(['to-table', 'table-filter', 'table-map-values', 'versioned-table'])('%s', (operator) => {
  it.each(casesOf<Steps>(operator))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      const { step, sourceMaterialized, resultMaterialized } = golden.parameters
      const sourceStore = sourceMaterialized ? { store: 'source' } : {}
      const resultStore = resultMaterialized ? { store: 'result', value: serdes.json<number>() } : {}
      const topology = defineTopology(operator, (builder) => {
        const input = goldenTopic<number>('input')
        const table =
          operator === 'to-table'
            ? builder.stream(input).toTable(sourceStore)
            : builder.table(input, { ...sourceStore, ...versionedIf(golden.parameters) })
        const result = {
          none: () => table,
          filter: () => table.filter((n) => n % 2 === 0, resultStore),
          mapValues: () => table.mapValues((n) => n * 10, resultStore),
        }[step]()
        result.toStream().to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})

describe('merge', () => {
  it.each(casesOf('merge'))('should answer as Kafka Streams does: $name', async (golden) => {
    const topology = defineTopology('merge', (builder) => {
      const left = builder.stream(goldenTopic<string>('left'))
      const right = builder.stream(goldenTopic<string>('right'))
      left.merge(right).to(output)
    })
    await expectGolden(topology, golden)
  })
})

describe('golden cases', () => {
  it('should be as many as docs/semantics.md says', () => {
    const semantics = readFileSync(join(import.meta.dirname, '../../../docs/semantics.md'), 'utf8')
    expect(semantics).toContain(`${caseCount} recorded cases`)
  })

  it('should all be of operators that are tested here', () => {
    expect([...operatorsWithCases].sort()).toEqual([
      'cogroup',
      'foreign-key-join',
      'hopping-aggregate',
      'merge',
      'session-aggregate',
      'sliding-aggregate',
      'stream-aggregate',
      'stream-global-table-join',
      'stream-reduce',
      'stream-stream-join',
      'stream-stream-self-join',
      'stream-table-join',
      'stream-time-punctuation',
      'stream-versioned-table-join',
      'suppress-time-limit',
      'table-aggregate',
      'table-filter',
      'table-map-values',
      'table-reduce',
      'table-table-join',
      'to-table',
      'tumbling-aggregate',
      'versioned-lookup',
      'versioned-table',
      'windowed-cogroup',
      'windowed-reduce',
    ])
  })
})
