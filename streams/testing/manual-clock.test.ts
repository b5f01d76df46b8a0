import { describe, expect, it } from 'vitest'
import { ManualClock } from './manual-clock.ts'

describe('ManualClock', () => {
  it('should stand still until it is moved', () => {
    const clock = new ManualClock(1_000)
    expect(clock.now()).toBe(1_000)
    clock.advance(250)
    expect(clock.now()).toBe(1_250)
  })

  it('should fire timers in the order of their time, then of their setting, each at its own time', () => {
    const clock = new ManualClock()
    const fired: string[] = []
    const set = (name: string, delayMs: number) =>
      clock.setTimer(delayMs, () => fired.push(`${name}@${clock.now()}`))
    set('late', 30)
    set('first', 10)
    set('second', 10)
    set('beyond', 31)
    clock.advance(30)
    expect(fired).toEqual(['first@10', 'second@10', 'late@30'])
    expect(clock.nextTimerMs).toBe(31)
  })

  it('should fire timers that a timer sets, when they fall due on the way', () => {
    const clock = new ManualClock()
    const fired: number[] = []
    const tick = (): void => {
      fired.push(clock.now())
      clock.setTimer(10, tick)
    }
    clock.setTimer(10, tick)
    clock.advance(35)
    expect(fired).toEqual([10, 20, 30])
    expect(clock.now()).toBe(35)
  })

  it('should not fire a cancelled timer', () => {
    const clock = new ManualClock()
    let fired = 0
    const timer = clock.setTimer(5, () => fired++)
    clock.setTimer(5, () => fired++)
    timer.cancel()
    timer.cancel()
    clock.advance(5)
    expect(fired).toBe(1)
  })

  it('should never run backwards', () => {
    const clock = new ManualClock(100)
    clock.advanceTo(50)
    expect(clock.now()).toBe(100)
  })

  it('should let waiting work take turns', async () => {
    const clock = new ManualClock()
    const turns: string[] = []
    const work = async (name: string): Promise<void> => {
      for (let turn = 1; turn <= 3; turn++) {
        turns.push(`${name}${turn}`)
        await clock.yieldTurn()
      }
    }
    await Promise.all([work('a'), work('b')])
    expect(turns).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3'])
  })
})
