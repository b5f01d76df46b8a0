import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { days, hopping, hours, minutes, seconds, TimeWindows, tumbling } from './windows.ts'

const sizes = fc
  .tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), fc.nat({ max: 50 }))
  .map(([a, b, graceMs]) => new TimeWindows(Math.max(a, b), Math.min(a, b), graceMs))

/** Starts up to a time, one by one. */
function startsUpTo(timeMs: number, { advanceMs }: TimeWindows): number[] {
  return Array.from({ length: Math.floor(timeMs / advanceMs) + 1 }, (_, index) => index * advanceMs)
}

describe('windows', () => {
  it('should hold the times from their start to before their end', () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 1_000 }), (windows, timestampMs) => {
        const starts: number[] = []
        for (let at = windows.firstStartMs(timestampMs); at <= timestampMs; at += windows.advanceMs)
          starts.push(at)
        expect(starts).toEqual(
          startsUpTo(timestampMs, windows).filter((startMs) => timestampMs < startMs + windows.sizeMs),
        )
      }),
    )
  })

  it('should be closed once the watermark has reached their end and grace', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: -200, max: 1_000 }), (windows, watermarkMs) => {
        const open = startsUpTo(2_000, windows).filter((startMs) => windows.closeMs(startMs) > watermarkMs)
        expect(windows.firstOpenMs(watermarkMs)).toBe(open[0])
      }),
    )
  })

  it('should all be open while no time is known, and all closed at the end of time', () => {
    expect(tumbling(10).firstOpenMs(Number.NEGATIVE_INFINITY)).toBe(0)
    expect(tumbling(10).firstOpenMs(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
  })

  it('should have the boundaries that they should at times of our days', () => {
    const time = Date.UTC(2026, 10, 22, 13, 59, 59, 999)
    expect(tumbling(hours(1)).firstStartMs(time)).toBe(Date.UTC(2026, 10, 22, 13))
    expect(hopping(hours(1), minutes(5)).firstStartMs(time)).toBe(Date.UTC(2026, 10, 22, 13))
    expect(tumbling(seconds(1)).firstStartMs(time)).toBe(time - 999)
    expect(tumbling(days(1)).firstStartMs(time)).toBe(Date.UTC(2026, 10, 22))
  })

  it.each([
    ['the size of windows is 0', () => tumbling(0)],
    ['the advance of windows is 0.5', () => hopping(10, 0.5)],
    ['the grace of windows is -1', () => tumbling(10).grace(-1)],
    ['leave gaps', () => hopping(10, 11)],
  ])('should be refused where %s', (message, declare) => {
    expect(declare).toThrow(
      expect.objectContaining({ code: 'TOPOLOGY_INVALID', message: expect.stringContaining(message) }),
    )
  })
})
