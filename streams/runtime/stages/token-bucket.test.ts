import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

describe('TokenBucket', () => {
  it('should never let more through than the rate, and a tenth of a second ahead', () => {
    const look = fc.record({ afterMs: fc.nat({ max: 3_000 }), wanted: fc.nat({ max: 500 }) })
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 5_000, noNaN: true }), fc.array(look), (perSecond, looks) => {
        const bucket = new TokenBucket(perSecond, 0)
        let nowMs = 0
        let taken = 0
        for (const { afterMs, wanted } of looks) {
          nowMs += afterMs
          const count = Math.min(wanted, bucket.available(nowMs))
          bucket.take(count)
          taken += count
          expect(taken).toBeLessThanOrEqual((nowMs / 1000) * perSecond + Math.max(1, perSecond / 10) + 1e-6)
        }
      }),
    )
  })

  it('should let the whole rate through to whoever waits as long as it says', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 5_000, noNaN: true }), (perSecond) => {
        const bucket = new TokenBucket(perSecond, 0)
        let nowMs = 0
        let taken = 0
        while (taken < 50) {
          const count = bucket.available(nowMs)
          bucket.take(count)
          taken += count
          nowMs += bucket.waitMs
        }
        // A wait is a whole number of milliseconds.
        expect(nowMs).toBeLessThanOrEqual((taken / perSecond) * 1000 + 2 * taken + 2_000 / perSecond)
      }),
    )
  })

  it('should not be moved by a clock that goes back', () => {
    const bucket = new TokenBucket(10, 1_000)
    expect(bucket.available(500)).toBe(0)
    expect(bucket.available(1_100)).toBe(1)
  })
})
