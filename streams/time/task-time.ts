/**
 * The time of a task, and who wants to be woken by it.
 *
 * Invariants:
 * 1. The watermark is the minimum over the inputs that are not idle; of the furthest, once all are, as if that one had become
 *    idle last. It never goes back.
 * 2. A record is late by the watermark of its own input. Only after an input was idle can the task's be ahead of that: what it
 *    has closed stays closed.
 * 3. An operator is woken only when the watermark has reached the time that it asked for, or nothing comes any more; operators
 *    in front are woken before those behind them, and all of them before the next record is processed.
 * 4. What is woken does a bounded amount of work a call and says when it wants to be woken next, a time that has passed for
 *    "at once": the task may commit and yield in between.
 */
import type { Alarm, EventTime, Wake } from '../topology/task-context.ts'
import { Alarms, type HeldNodes, never, type Sleeping, type Waiting } from './alarms.ts'
import { type InputTime, noTime } from './input-time.ts'
import { TaskClock } from './task-clock.ts'

export class TaskTime implements EventTime {
  watermarkMs: number
  recordWatermarkMs = noTime
  inputHasOneOrder = true
  /** Nothing comes any more: all that sleeps is due. */
  isEnding = false
  readonly clock: TaskClock
  private inputs: readonly InputTime[] = []
  private readonly alarms = new Alarms()

  /** @param watermarkMs as of the last commit */
  constructor(watermarkMs = noTime, nowMs = 0) {
    this.watermarkMs = watermarkMs
    this.clock = new TaskClock(nowMs)
  }

  follow(inputs: readonly InputTime[]): void {
    this.inputs = inputs
    this.refresh()
  }

  /** Whether nobody ever wants to be woken, be it by events or by the clock. */
  get isUnused(): boolean {
    return this.alarms.isEmpty && this.clock.isUnused
  }

  /** Whether nothing is left to read that would tell the time. */
  get isIdle(): boolean {
    return this.inputs.every(({ isIdle }) => isIdle)
  }

  /** Whether nothing comes any more, and all that waited for time was woken. */
  get hasEnded(): boolean {
    return this.isEnding && this.alarms.dueMs === never && !this.clock.isDue(true)
  }

  /** A record is about to be processed. */
  observe(input: InputTime, timestampMs: number, carriedMs: number | undefined): void {
    this.isEnding = false
    const lateByMs = input.observe(timestampMs, carriedMs)
    if (this.inputs.length > 1) this.refresh()
    else if (input.watermarkMs > this.watermarkMs) this.watermarkMs = input.watermarkMs
    this.recordWatermarkMs = lateByMs > this.watermarkMs ? lateByMs : this.watermarkMs
    this.inputHasOneOrder = input.hasOneOrder
  }

  happenedAt(timeMs: number): void {
    this.recordWatermarkMs = timeMs
  }

  /** The inputs may have moved. */
  refresh(): void {
    let earliest = never
    let latest = noTime
    let isEnding = this.inputs.length > 0
    for (const { watermarkMs, isIdle, hasEnded } of this.inputs) {
      if (!hasEnded) isEnding = false
      if (!isIdle && watermarkMs < earliest) earliest = watermarkMs
      if (watermarkMs > latest) latest = watermarkMs
    }
    this.isEnding = isEnding
    const reached = earliest === never ? latest : earliest
    if (reached > this.watermarkMs) this.watermarkMs = reached
  }

  alarm(nodeId: number, wake: Wake, sleeping?: Sleeping): Alarm {
    return this.alarms.add(nodeId, wake, sleeping)
  }

  /** Whether somebody who is held has still to be woken for the time that was reached. */
  get isHeldDue(): boolean {
    return this.alarms.isHeldDue(this.reachedMs)
  }

  /** Those are not woken by event time. */
  hold(held: HeldNodes): void {
    this.alarms.hold(held)
  }

  /** What waits for the watermark, for whoever looks into it. */
  waiting(): Waiting[] {
    return this.alarms.waiting()
  }

  get isDue(): boolean {
    return this.alarms.isDue(this.reachedMs) || this.clock.isDue(this.isEnding)
  }

  /** Wakes the first that is due, by event time before any by the wall clock. */
  wakeNext(maxRows: number): void {
    const { reachedMs } = this
    if (this.alarms.isDue(reachedMs)) this.alarms.wakeNext(reachedMs, maxRows)
    else this.clock.wakeNext(this.isEnding, maxRows)
  }

  private get reachedMs(): number {
    return this.isEnding ? never : this.watermarkMs
  }
}
