import { describe, it } from 'vitest'
import { defineTopology } from '../../../streams/index.ts'
import { casesOf, goldenTopic, output } from './cases.ts'
import { expectGolden } from './run-case.ts'

interface Limits {
  readonly timeLimitMs: number
  readonly maxRecords: number | null
}

describe('suppress until a time limit', () => {
  it.each(casesOf<Limits>('suppress-time-limit'))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      const { timeLimitMs: untilMs, maxRecords } = golden.parameters
      const topology = defineTopology('suppress', (builder) => {
        builder
          .table(goldenTopic<string>('input'))
          .suppress({ untilMs, store: 'held', ...(maxRecords === null ? {} : { maxRecords }) })
          .toStream()
          .to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})
