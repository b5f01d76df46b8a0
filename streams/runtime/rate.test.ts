import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rate } from './rate.ts'

describe('Rate', () => {
  it('should tell what was counted in the last seconds, whatever came before and however long nothing came', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(4_000), count: fc.nat(1_000) }), { maxLength: 60 })
    fc.assert(
      fc.property(fc.nat(1_000_000), steps, fc.nat(20_000), (beganMs, all, lookAfterMs) => {
        const rate = new Rate(beganMs)
        const counted: { readonly atMs: number; readonly count: number }[] = []
        let nowMs = beganMs
        for (const { afterMs, count } of all) {
          nowMs += afterMs
          rate.add(count, nowMs)
          counted.push({ atMs: nowMs, count })
        }
        nowMs += lookAfterMs
        const fromMs = Math.max(beganMs, (Math.floor(nowMs / 1000) - 4) * 1000)
        const total = counted.reduce((sum, { atMs, count }) => (atMs >= fromMs ? sum + count : sum), 0)
        const expected = nowMs === fromMs ? 0 : (total * 1000) / Math.max(1000, nowMs - fromMs)
        expect(rate.perSecond(nowMs)).toBeCloseTo(expected, 6)
      }),
    )
  })

  it('should fall to nothing once nothing comes', () => {
    const rate = new Rate(0)
    for (let nowMs = 0; nowMs < 3_000; nowMs += 100) rate.add(50, nowMs)
    expect(rate.perSecond(3_000)).toBe(500)
    expect(rate.perSecond(8_000)).toBe(0)
  })
})
