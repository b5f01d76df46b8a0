import { describe, it } from 'vitest'
import { output as declareOutput, defineTopology } from '../../../streams/index.ts'
import { casesOf, goldenTopic, type Json, output } from './cases.ts'
import { expectGolden } from './run-case.ts'

describe('punctuation by event time', () => {
  it.each(casesOf<{ intervalMs: number }>('stream-time-punctuation'))(
    'should answer as Kafka Streams does: $name every $parameters.intervalMs ms',
    async (golden) => {
      const topology = defineTopology('punctuation', (builder) => {
        const { out } = builder.stream(goldenTopic<Json>('input')).process('count', {
          outputs: { out: declareOutput<string | null, Json>() },
          schedules: { report: { everyMs: golden.parameters.intervalMs, by: 'event-time' } },
          create: ({ outputs, schedules }) => {
            let count = 0
            schedules.report(() => {
              outputs.out('punctuation', { count })
              count = 0
            })
            return (key, value) => {
              count++
              outputs.out(key, value)
            }
          },
        })
        out.to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})
