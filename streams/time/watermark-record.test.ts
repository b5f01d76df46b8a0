import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Headers, headersAt, noHeaders, RecordBatchBuilder } from '../records/record-batch.ts'
import { carriedHeaders, carriedIn, watermarkHeaders, watermarkIn, withoutTime } from './watermark-record.ts'

const time = fc.oneof(fc.integer(), fc.constant(Number.NEGATIVE_INFINITY), fc.constant(1_700_000_000_000))

function batchWith(...headers: Headers[]) {
  const builder = new RecordBatchBuilder('between', 0)
  for (const one of headers) builder.append(null, null, 0, one)
  return builder.build()
}

describe('time in headers', () => {
  it('should come out as it went in', () => {
    const upstream = fc.record({
      task: fc.string(),
      watermarkMs: time,
      isIdle: fc.boolean(),
      hasEnded: fc.boolean(),
    })
    fc.assert(
      fc.property(upstream, time, (watermark, carriedMs) => {
        const batch = batchWith(watermarkHeaders(watermark), carriedHeaders(carriedMs), noHeaders)
        expect([0, 1, 2].map((index) => watermarkIn(batch, index))).toEqual([watermark, undefined, undefined])
        expect([0, 1, 2].map((index) => carriedIn(batch, index))).toEqual([undefined, carriedMs, undefined])
      }),
    )
  })

  it('should be nobody else’s to see', () => {
    const own = [{ key: 'trace', value: Buffer.from('1') }]
    expect(withoutTime([...own, ...carriedHeaders(5)])).toEqual(own)
    expect(withoutTime(own)).toBe(own)
  })

  it('should not be read from what somebody else has written under its name', () => {
    const [watermark] = watermarkHeaders({ task: 't', watermarkMs: 1, isIdle: false, hasEnded: false })
    const [carried] = carriedHeaders(1)
    const batch = batchWith(
      [{ key: watermark!.key, value: Buffer.from('short') }],
      [{ key: carried!.key, value: null }],
    )
    expect([watermarkIn(batch, 0), carriedIn(batch, 1)]).toEqual([undefined, undefined])
    expect(headersAt(batch, 1)).toHaveLength(1)
  })
})
