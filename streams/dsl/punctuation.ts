/**
 * Punctuation: calling a processor at intervals, by the time of the records or by the wall clock.
 *
 * Invariants:
 * 1. By event time it is called after the record that moves the watermark to, or past, the next multiple of the interval: once,
 *    however many were passed. The first record counts as one that does. The multiple that comes next is committed with
 *    everything else: no crash repeats a call, or leaves one out.
 * 2. By the wall clock it is called an interval after the task was opened, and from then on at multiples of it: once for all
 *    that were passed meanwhile. What was missed while nobody ran is not made up for.
 * 3. At the end of input it is called once more, by the wall clock only if that is asked for; then not before the next record,
 *    or before the task is opened anew.
 */
import { StreamsError } from '../errors.ts'
import type { TimerKind } from '../time/timer-key.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { Alarm, KeptTime, TaskContext } from '../topology/task-context.ts'

/** How often a processor is called beside its records. */
export interface Schedule {
  readonly everyMs: number
  readonly by: TimerKind
}

export type Schedules = Readonly<Record<string, Schedule>>

export interface Punctuation {
  /** A record has come. */
  arm(): void
}

interface PunctuationParts {
  readonly node: GraphNode
  /** Of the schedule, within its processor. */
  readonly name: string
  readonly everyMs: number
  /** @param timeMs the watermark, or what the clock says */
  readonly call: (timeMs: number) => void
}

/** @throws TOPOLOGY_INVALID */
export function checkSchedules(processor: string, schedules: Schedules): void {
  for (const [name, { everyMs }] of Object.entries(schedules)) {
    if (Number.isSafeInteger(everyMs) && everyMs >= 1) continue
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `processor "${processor}": everyMs of schedule "${name}" is ${everyMs}; give whole milliseconds, 1 or more`,
    )
  }
}

export function punctuation(task: TaskContext, by: TimerKind, parts: PunctuationParts): Punctuation {
  return by === 'event-time' ? new ByEventTime(task, parts) : new ByClock(task, parts)
}

const never = Number.POSITIVE_INFINITY

class ByEventTime implements Punctuation {
  private readonly task: TaskContext
  private readonly parts: PunctuationParts
  private readonly alarm: Alarm
  /** The multiple that comes next. */
  private readonly next: KeptTime
  private isArmed = false

  constructor(task: TaskContext, parts: PunctuationParts) {
    const { node, name } = parts
    this.task = task
    this.parts = parts
    this.next = task.keptTime(`${node.name}.${name}`)
    this.alarm = task.alarm(
      node,
      (reachedMs) => this.wake(reachedMs),
      () => `schedule "${name}" is called`,
    )
    this.arm()
  }

  arm(): void {
    if (this.isArmed) return
    this.isArmed = true
    this.alarm.at(this.next.timeMs ?? 0)
  }

  private wake(reachedMs: number): number {
    const { time } = this.task
    const { everyMs, call } = this.parts
    const { watermarkMs } = time
    this.isArmed = reachedMs !== never
    if (watermarkMs < 0) return this.isArmed ? 0 : never
    const passedMs = Math.floor(watermarkMs / everyMs) * everyMs
    this.next.timeMs = passedMs + everyMs
    time.happenedAt(passedMs - 1)
    call(watermarkMs)
    return this.isArmed ? this.next.timeMs : never
  }
}

class ByClock implements Punctuation {
  private readonly task: TaskContext
  private readonly parts: PunctuationParts
  private readonly alarm: Alarm
  private nextMs: number
  private isArmed = false

  constructor(task: TaskContext, parts: PunctuationParts) {
    this.task = task
    this.parts = parts
    this.nextMs = task.clock.nowMs + parts.everyMs
    this.alarm = task.clockAlarm(
      parts.node,
      (reachedMs) => this.wake(reachedMs),
      () => `schedule "${parts.name}" is called`,
    )
    this.arm()
  }

  arm(): void {
    if (this.isArmed) return
    this.isArmed = true
    this.alarm.at(this.nextMs)
  }

  private wake(reachedMs: number): number {
    const { clock, time } = this.task
    const { everyMs, call } = this.parts
    const { nowMs } = clock
    this.isArmed = reachedMs !== never
    if (nowMs >= this.nextMs) this.nextMs += (Math.floor((nowMs - this.nextMs) / everyMs) + 1) * everyMs
    time.happenedAt(time.watermarkMs)
    call(nowMs)
    return this.isArmed ? this.nextMs : never
  }
}
