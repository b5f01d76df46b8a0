import { describe, expect, it } from 'vitest'
import { StreamsError } from '../streams/index.ts'
import { tellingRefusals } from './order-api.ts'

describe('an Order API whose log refuses it', () => {
  const told: StreamsError[] = []
  const failing = (error: Error) =>
    tellingRefusals(
      {
        accept: () => Promise.reject(error),
      },
      (refusal) => told.push(refusal),
    )

  it('should tell of it, and fail the request as before', async () => {
    const refusal = new StreamsError('LOG_REFUSED', 'the log refuses the login')
    await expect(failing(refusal).accept([], 0)).rejects.toBe(refusal)
    expect(told).toEqual([refusal])
  })

  it('should tell of nothing that may pass, or that is of one request only', async () => {
    told.length = 0
    for (const code of ['LOG_UNAVAILABLE', 'RECORD_TOO_LARGE'] as const) {
      await expect(failing(new StreamsError(code, 'why')).accept([], 0)).rejects.toMatchObject({ code })
    }
    expect(told).toEqual([])
  })
})
