import { describe, expect, it } from 'vitest'
import { type Logger, silentLogger } from '../../ports/observability.ts'
import { reportedOnce } from './reported-once.ts'

describe('reportedOnce', () => {
  it('should tell once that spans cannot be sent, once that they can again, and never fail', () => {
    const told: string[] = []
    const logger: Logger = {
      ...silentLogger,
      info: (_fields, message) => told.push(message),
      warn: (fields, message) => told.push(`${message}: ${String(fields['reason'])}`),
    }
    const outcomes = [0, 1, 1, 0, 0, 1]
    const answered: number[] = []
    const exporter = reportedOnce(
      {
        export: (_spans, done) => done({ code: outcomes.shift() ?? 0, error: new Error('refused') }),
        shutdown: async () => {},
      },
      logger,
    )
    while (outcomes.length > 0) exporter.export([], ({ code }) => answered.push(code))
    expect(answered).toEqual([0, 0, 0, 0, 0, 0])
    expect(told).toEqual([
      expect.stringMatching(/^traces cannot be sent .*: refused$/),
      'traces can be sent again',
      expect.stringMatching(/^traces cannot be sent/),
    ])
  })
})
