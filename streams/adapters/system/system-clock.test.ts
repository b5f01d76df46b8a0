import { describe, expect, it } from 'vitest'
import { systemClock } from './system-clock.ts'

describe('systemClock', () => {
  it('should tell epoch milliseconds', () => {
    const before = Date.now()
    expect(systemClock.now()).toBeGreaterThanOrEqual(before)
    expect(systemClock.now()).toBeLessThanOrEqual(Date.now())
  })

  it('should fire a timer, and not one that was cancelled', async () => {
    let cancelledFired = false
    const cancelled = systemClock.setTimer(1, () => {
      cancelledFired = true
    })
    cancelled.cancel()
    await new Promise<void>((resolve) => systemClock.setTimer(5, resolve))
    expect(cancelledFired).toBe(false)
  })

  it('should keep the process alive for a timer, but not for one in the background', () => {
    const waitedFor = () =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = waitedFor()
    const background = systemClock.setTimer(1000, () => {}, { background: true })
    expect(waitedFor()).toBe(before)
    const timer = systemClock.setTimer(1000, () => {})
    expect(waitedFor()).toBe(before + 1)
    background.cancel()
    timer.cancel()
    expect(waitedFor()).toBe(before)
  })

  it('should let sockets and timers have their turn when it yields', async () => {
    const order: string[] = []
    setImmediate(() => order.push('other work'))
    await systemClock.yieldTurn()
    order.push('after the turn')
    expect(order).toEqual(['other work', 'after the turn'])
  })
})
