import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SourceTiming } from '../topology/source.ts'
import { type InputTime, noTime, SourceTime, UpstreamTime } from './input-time.ts'
import { TaskTime } from './task-time.ts'

const disorders = [0, 10, 50]
const timing = (idle: SourceTiming['idle'], disorderMs = 0): SourceTiming => ({
  disorderMs,
  idle,
  idleAfterMs: 100,
})

/** What may happen to the inputs of a task: a record, or time passing with all others at their end. */
const happening = fc.oneof(
  fc.record({
    kind: fc.constant('record' as const),
    input: fc.nat({ max: 2 }),
    timestampMs: fc.nat({ max: 500 }),
  }),
  fc.record({ kind: fc.constant('look' as const), afterMs: fc.nat({ max: 150 }), busy: fc.nat({ max: 3 }) }),
)

describe('the watermark of a task', () => {
  it('should be the least over its inputs that are not idle, the furthest once all are, and never go back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('ignore' as const, 'wait' as const, 'wall-clock' as const),
        fc.array(happening, { maxLength: 40 }),
        (policy, happenings) => {
          const inputs = disorders.map((disorderMs) => new SourceTime(timing(policy, disorderMs)))
          const time = new TaskTime()
          time.follow(inputs)
          // The oracle: each input's own figures, kept plainly.
          const plain = disorders.map(() => ({
            watermarkMs: noTime,
            atEndSinceMs: 0 as number | undefined,
            isIdle: false,
          }))
          let nowMs = 0
          let before = noTime
          for (const one of happenings) {
            if (one.kind === 'record') {
              const own = plain[one.input]!
              own.watermarkMs = Math.max(own.watermarkMs, one.timestampMs - disorders[one.input]!)
              own.isIdle = false
              own.atEndSinceMs = undefined
              time.observe(inputs[one.input]!, one.timestampMs, undefined)
            } else {
              nowMs += one.afterMs
              for (const [index, own] of plain.entries()) {
                own.atEndSinceMs = index === one.busy ? undefined : (own.atEndSinceMs ?? nowMs)
                const isQuiet = own.atEndSinceMs !== undefined && nowMs - own.atEndSinceMs >= 100
                own.isIdle = policy === 'ignore' && isQuiet
                if (policy === 'wall-clock' && isQuiet)
                  own.watermarkMs = Math.max(own.watermarkMs, nowMs - disorders[index]!)
                inputs[index]!.look(nowMs, own.atEndSinceMs)
              }
              time.refresh()
            }
            const active = plain.filter(({ isIdle }) => !isIdle)
            const reached =
              active.length === 0
                ? Math.max(...plain.map(({ watermarkMs }) => watermarkMs))
                : Math.min(...active.map(({ watermarkMs }) => watermarkMs))
            const expected = Math.max(before, reached)
            expect(time.watermarkMs).toBe(expected)
            expect(time.isIdle).toBe(active.length === 0)
            if (one.kind === 'record')
              expect(time.recordWatermarkMs).toBe(Math.max(expected, plain[one.input]!.watermarkMs))
            before = expected
          }
        },
      ),
    )
  })

  it('should judge the records of an input by that input alone, whatever the others do', () => {
    const records = fc.array(fc.nat({ max: 500 }), { maxLength: 30 })
    fc.assert(
      fc.property(records, records, fc.infiniteStream(fc.boolean()), (first, second, turns) => {
        const judgedAlone = (timestampsMs: readonly number[]) => {
          const input = new SourceTime(timing('wait', 10))
          return timestampsMs.map((timestampMs) => input.observe(timestampMs))
        }
        const inputs = [new SourceTime(timing('wait', 10)), new SourceTime(timing('wait', 10))]
        const time = new TaskTime()
        time.follow(inputs)
        const judged: number[][] = [[], []]
        const left = [[...first], [...second]]
        for (const turn of turns) {
          if (left.every(({ length }) => length === 0)) break
          const index = left[turn ? 0 : 1]!.length > 0 ? (turn ? 0 : 1) : turn ? 1 : 0
          time.observe(inputs[index]!, left[index]!.shift()!, undefined)
          judged[index]!.push(time.recordWatermarkMs)
          expect(time.watermarkMs).toBe(Math.min(...inputs.map(({ watermarkMs }) => watermarkMs)))
        }
        expect(judged).toEqual([judgedAlone(first), judgedAlone(second)])
      }),
    )
  })

  it('should be kept over a restart', () => {
    const time = new TaskTime(70)
    time.follow([new SourceTime(timing('wait'), 70), new SourceTime(timing('wait'), 90)])
    expect(time.watermarkMs).toBe(70)
  })
})

describe('the watermark of a repartition topic', () => {
  const said = fc.record({
    task: fc.constantFrom('a', 'b', 'c', 'of another release'),
    watermarkMs: fc.oneof(fc.nat({ max: 500 }), fc.constant(noTime)),
    isIdle: fc.boolean(),
    hasEnded: fc.boolean(),
  })

  it('should be the least over the tasks that write there, once each was heard, likewise, and wait for no other', () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 30 }), (all) => {
        const input = new UpstreamTime(new Set(['a', 'b', 'c']))
        const latest = new Map<string, { watermarkMs: number; isIdle: boolean; hasEnded: boolean }>()
        let expected = noTime
        for (const one of all) {
          input.hear(one)
          if (one.task.length === 1) {
            const before = latest.get(one.task)?.watermarkMs ?? noTime
            latest.set(one.task, { ...one, watermarkMs: Math.max(before, one.watermarkMs) })
          }
          const active = [...latest.values()].filter(({ isIdle }) => !isIdle)
          const reached =
            active.length === 0
              ? Math.max(...[...latest.values()].map(({ watermarkMs }) => watermarkMs))
              : Math.min(...active.map(({ watermarkMs }) => watermarkMs))
          if (latest.size === 3) expected = Math.max(expected, reached)
          expect(input.watermarkMs).toBe(expected)
          expect(input.isIdle).toBe(latest.size === 3 && active.length === 0)
          expect(input.hasEnded).toBe(
            latest.size === 3 && [...latest.values()].every(({ hasEnded }) => hasEnded),
          )
          const restored = new UpstreamTime(new Set(['a', 'b', 'c']), input.upstream, input.watermarkMs)
          expect([restored.watermarkMs, restored.isIdle]).toEqual([input.watermarkMs, input.isIdle])
        }
      }),
    )
  })

  it('should judge a record by the watermark that it brought along, and have no other late', () => {
    const input = new UpstreamTime(new Set(['a']))
    input.hear({ task: 'a', watermarkMs: 100, isIdle: false, hasEnded: false })
    expect([input.observe(50, 80), input.observe(50, undefined)]).toEqual([80, 50])
  })

  it('should begin anew when there is more after all had ended', () => {
    const input = new UpstreamTime(new Set(['a', 'b']))
    const end = (task: string) => input.hear({ task, watermarkMs: 1, isIdle: false, hasEnded: true })
    end('a')
    input.observe(5, undefined)
    end('b')
    expect(input.hasEnded, 'b’s last record took back nothing of a’s end').toBe(true)
    input.observe(6, undefined)
    expect(input.hasEnded).toBe(false)
    end('a')
    expect(input.hasEnded).toBe(false)
    end('b')
    expect(input.hasEnded).toBe(true)
  })
})

/** An input whose time the test sets. */
function inputAt(watermarkMs: number): InputTime {
  const input = new SourceTime(timing('wait'))
  input.observe(watermarkMs)
  return input
}

describe('alarms', () => {
  function woken(time: TaskTime, maxRows = 10): void {
    while (time.isDue) time.wakeNext(maxRows)
  }

  it('should wake whom the time has come for, in front first, whoever was added first', () => {
    const time = new TaskTime()
    const seen: string[] = []
    const behind = time.alarm(7, () => {
      seen.push('behind')
      return Number.POSITIVE_INFINITY
    })
    const front = time.alarm(2, () => {
      seen.push('front')
      return Number.POSITIVE_INFINITY
    })
    behind.at(50)
    front.at(60)
    time.follow([inputAt(49)])
    woken(time)
    expect(seen).toEqual([])
    time.follow([inputAt(60)])
    woken(time)
    expect(seen).toEqual(['front', 'behind'])
  })

  it('should let whom they wake say when they are due next, at once again included', () => {
    const time = new TaskTime()
    time.follow([inputAt(100)])
    const left = [1, 2, 3, 4, 5, 120]
    const calls: number[] = []
    const alarm = time.alarm(1, (watermarkMs, maxRows) => {
      let count = 0
      while (count < maxRows && left.length > 0 && left[0]! <= watermarkMs) {
        left.shift()
        count++
      }
      calls.push(count)
      return left[0] ?? Number.POSITIVE_INFINITY
    })
    alarm.at(1)
    woken(time, 2)
    expect([calls, left]).toEqual([[2, 2, 1], [120]])
  })

  it('should wake those behind after all that those in front still do', () => {
    const time = new TaskTime()
    time.follow([inputAt(100)])
    const seen: string[] = []
    let rounds = 3
    const behind = time.alarm(2, () => {
      seen.push('behind')
      return Number.POSITIVE_INFINITY
    })
    time
      .alarm(1, () => {
        seen.push('front')
        behind.at(50)
        return --rounds > 0 ? 10 : Number.POSITIVE_INFINITY
      })
      .at(10)
    woken(time)
    expect(seen).toEqual(['front', 'front', 'front', 'behind'])
  })

  it('should wake all at the end of input, and have ended then', () => {
    const time = new TaskTime()
    const input = inputAt(100)
    time.follow([input])
    const seen: number[] = []
    time
      .alarm(1, (watermarkMs) => {
        seen.push(watermarkMs)
        return Number.POSITIVE_INFINITY
      })
      .at(1_000)
    expect([time.isDue, time.hasEnded]).toEqual([false, false])
    input.end()
    time.refresh()
    expect([time.isDue, time.hasEnded]).toEqual([true, false])
    woken(time)
    expect([seen, time.hasEnded, time.watermarkMs]).toEqual([[Number.POSITIVE_INFINITY], true, 100])
    time.observe(input, 101, undefined)
    expect(time.hasEnded, 'there is more after all').toBe(false)
  })
})
