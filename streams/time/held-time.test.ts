import { describe, expect, it } from 'vitest'
import { type InputTime, SourceTime, UpstreamTime } from './input-time.ts'
import { TaskTime } from './task-time.ts'

const upstream = (task: string, watermarkMs: number, isIdle = false, hasEnded = false) => ({
  task,
  watermarkMs,
  isIdle,
  hasEnded,
})

function taskOver(...inputs: InputTime[]): TaskTime {
  const time = new TaskTime()
  time.follow(inputs)
  return time
}

describe('the time of an input that is held', () => {
  it('should not follow the clock, become idle or end', () => {
    for (const idle of ['wall-clock', 'ignore'] as const) {
      const input = new SourceTime({ disorderMs: 0, idle, idleAfterMs: 10 })
      input.observe(1_000)
      input.hold(true)
      input.look(50_000, 2_000)
      input.end()
      expect([input.watermarkMs, input.isIdle, input.hasEnded]).toEqual([1_000, false, false])
      input.hold(false)
      input.look(50_000, 2_000)
      expect([input.watermarkMs, input.isIdle]).toEqual(idle === 'ignore' ? [1_000, true] : [50_000, false])
    }
  })

  it('should hold back the task although all who write there are idle', () => {
    const input = new UpstreamTime(new Set(['a', 'b']))
    input.hear(upstream('a', 100, true))
    input.hear(upstream('b', 200, true, true))
    const other = new SourceTime({ disorderMs: 0, idle: 'wait', idleAfterMs: 10 })
    other.observe(150)
    const task = taskOver(input, other)
    expect([input.isIdle, task.watermarkMs]).toEqual([true, 150])
    input.hold(true)
    other.observe(9_000)
    task.refresh()
    expect([input.isIdle, task.isIdle, task.watermarkMs]).toEqual([false, false, 200])
    input.hold(false)
    task.refresh()
    expect([input.isIdle, task.watermarkMs]).toEqual([true, 9_000])
  })

  it('should not end, and end once it is let go', () => {
    const input = new UpstreamTime(new Set(['a']))
    input.hold(true)
    input.hear(upstream('a', 100, true, true))
    expect([input.isIdle, input.hasEnded]).toEqual([false, false])
    input.hold(false)
    expect([input.isIdle, input.hasEnded]).toEqual([true, true])
  })
})

describe('operators that are held', () => {
  function sleepers() {
    const woken: string[] = []
    const input = new SourceTime({ disorderMs: 0, idle: 'wait', idleAfterMs: 10 })
    const time = taskOver(input)
    const wake = (name: string) => () => {
      woken.push(name)
      return Number.POSITIVE_INFINITY
    }
    const alarms = [1, 2].map((node) => time.alarm(node, wake(`event ${node}`)))
    const clocks = [1, 2].map((node) => time.clock.alarm(node, wake(`clock ${node}`)))
    for (const alarm of [...alarms, ...clocks]) alarm.at(100)
    const pass = (timeMs: number) => {
      time.observe(input, timeMs, undefined)
      time.clock.look(timeMs)
      while (time.isDue) time.wakeNext(10)
    }
    return { time, woken, pass, alarms }
  }

  it('should be woken by neither events nor the clock, while others are', () => {
    const { time, woken, pass } = sleepers()
    time.hold(new Set([1]))
    time.clock.hold(new Set([1]))
    pass(200)
    expect(woken).toEqual(['event 2', 'clock 2'])
    expect([time.isHeldDue, time.clock.dueMs]).toEqual([true, Number.POSITIVE_INFINITY])
    time.hold(new Set())
    time.clock.hold(new Set())
    pass(200)
    expect(woken).toEqual(['event 2', 'clock 2', 'event 1', 'clock 1'])
    expect(time.isHeldDue).toBe(false)
  })

  it('should keep what they are told meanwhile', () => {
    const { time, woken, pass, alarms } = sleepers()
    time.hold('all')
    time.clock.hold('all')
    alarms[1]!.at(50)
    pass(60)
    expect(woken).toEqual([])
    time.hold(new Set())
    pass(60)
    expect(woken).toEqual(['event 2'])
  })
})
