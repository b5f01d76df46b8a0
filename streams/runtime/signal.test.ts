import { describe, expect, it } from 'vitest'
import { ManualClock } from '../testing/index.ts'
import { Signal } from './signal.ts'

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false
  void promise.then(() => {
    settled = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

describe('Signal', () => {
  it('should wake who waits', async () => {
    const signal = new Signal(new ManualClock())
    const waits = [signal.wait(undefined), signal.wait(1_000)]
    expect(await isSettled(waits[0]!)).toBe(false)
    signal.notify()
    await Promise.all(waits)
  })

  it('should not lose a notification that came before the wait, and count it once', async () => {
    const signal = new Signal(new ManualClock())
    signal.notify()
    signal.notify()
    await signal.wait(undefined)
    expect(await isSettled(signal.wait(undefined))).toBe(false)
  })

  it('should give up when the time is over, and leave no timer after a notification', async () => {
    const clock = new ManualClock()
    const signal = new Signal(clock)
    const timed = signal.wait(50)
    clock.advance(49)
    expect(await isSettled(timed)).toBe(false)
    clock.advance(1)
    await timed
    const notified = signal.wait(50)
    signal.notify()
    await notified
    expect(clock.nextTimerMs).toBeUndefined()
  })

  it('should wait no time below 0', async () => {
    const clock = new ManualClock()
    const wait = new Signal(clock).wait(-5)
    clock.advance(0)
    await wait
  })
})
