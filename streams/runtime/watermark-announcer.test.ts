import { describe, expect, it } from 'vitest'
import { SourceTime } from '../time/input-time.ts'
import { TaskTime } from '../time/task-time.ts'
import { watermarkIn } from '../time/watermark-record.ts'
import { OutputCollector } from './output-collector.ts'
import { WatermarkAnnouncer } from './watermark-announcer.ts'

const targets = [
  { topic: 'first', partitionCount: 2 },
  { topic: 'second', partitionCount: 1 },
]

function open(to = targets) {
  const input = new SourceTime({ disorderMs: 0, idle: 'ignore', idleAfterMs: 100 })
  const time = new TaskTime()
  time.follow([input])
  const outputs = new OutputCollector({
    taskPartition: 0,
    recordMaxBytes: 1_000,
    headers: () => [],
    time,
  })
  const announcer = new WatermarkAnnouncer('in_0', time, to, 200)
  const told = () =>
    outputs.take().flatMap((batch) =>
      Array.from({ length: batch.length }, (_, index) => {
        const { task, ...said } = watermarkIn(batch, index)!
        return [batch.topic, batch.partition, task, said] as const
      }),
    )
  return { input, time, outputs, announcer, told }
}

describe('WatermarkAnnouncer', () => {
  it('should tell every partition of every topic, behind what was written', () => {
    const { input, time, outputs, announcer, told } = open()
    expect(announcer.isDue(0, true), 'nothing is known').toBe(false)
    time.observe(input, 70, undefined)
    expect(announcer.isDue(0, false)).toBe(true)
    expect(announcer.write(outputs, 0)).toBe(3)
    const said = { watermarkMs: 70, isIdle: false, hasEnded: false }
    expect(told()).toEqual([
      ['first', 0, 'in_0', said],
      ['first', 1, 'in_0', said],
      ['second', 0, 'in_0', said],
    ])
  })

  it('should tell what has changed, once in its interval unless somebody waits', () => {
    const { input, time, outputs, announcer, told } = open([targets[1]!])
    time.observe(input, 70, undefined)
    announcer.write(outputs, 1_000)
    expect([announcer.isDue(5_000, false), announcer.isDue(5_000, true)]).toEqual([false, false])
    time.observe(input, 71, undefined)
    expect([announcer.isDue(1_199, false), announcer.isDue(1_199, true)]).toEqual([false, true])
    expect(announcer.isDue(1_200, false)).toBe(true)
    announcer.write(outputs, 1_200)
    input.look(9_000, 0)
    expect(announcer.isDue(9_000, false), 'it has become idle').toBe(true)
    announcer.write(outputs, 9_000)
    input.end()
    time.refresh()
    expect(announcer.isDue(9_200, false), 'it has ended').toBe(true)
    announcer.write(outputs, 9_200)
    expect(told().map(([, , , said]) => said)).toEqual([
      { watermarkMs: 70, isIdle: false, hasEnded: false },
      { watermarkMs: 71, isIdle: false, hasEnded: false },
      { watermarkMs: 71, isIdle: true, hasEnded: false },
      { watermarkMs: 71, isIdle: true, hasEnded: true },
    ])
  })

  it('should not tell a time for which something is still to be woken', () => {
    const { input, time, announcer } = open()
    const alarm = time.alarm(1, () => Number.POSITIVE_INFINITY)
    alarm.at(70)
    time.observe(input, 69, undefined)
    expect(announcer.isDue(0, true)).toBe(true)
    time.observe(input, 70, undefined)
    expect(announcer.isDue(0, true)).toBe(false)
    time.wakeNext(1)
    expect(announcer.isDue(0, true)).toBe(true)
  })

  it('should tell that the task is not idle, and no later time, while somebody is held who is still to be woken', () => {
    const { input, time, outputs, announcer, told } = open([targets[1]!])
    time.alarm(1, () => Number.POSITIVE_INFINITY).at(80)
    time.observe(input, 70, undefined)
    input.look(9_000, 0)
    announcer.write(outputs, 9_000)
    time.hold('all')
    time.observe(input, 90, undefined)
    expect(announcer.isDue(9_100, true)).toBe(true)
    announcer.write(outputs, 9_100)
    expect(announcer.isDue(9_200, true), 'there is no more to tell').toBe(false)
    time.hold(new Set())
    expect(announcer.isDue(9_300, true), 'it is to be woken first').toBe(false)
    time.wakeNext(1)
    announcer.write(outputs, 9_400)
    expect(told().map(([, , , said]) => said)).toEqual([
      { watermarkMs: 70, isIdle: true, hasEnded: false },
      { watermarkMs: 70, isIdle: false, hasEnded: false },
      { watermarkMs: 90, isIdle: false, hasEnded: false },
    ])
  })

  it('should have nothing to tell where nobody asks', () => {
    const { input, time, announcer } = open([])
    time.observe(input, 70, undefined)
    expect(announcer.isDue(0, true)).toBe(false)
  })
})
