/**
 * The time of a task, and who wants to be woken by it.
 *
 * Invariants:
 * 1. The watermark is the minimum over the inputs that are not idle, and never goes back.
 * 2. A record is late by the watermark of its own input. Only after an input was idle can the task's be ahead of that: what it
 *    has closed stays closed.
 * 3. An operator is woken only when the watermark has reached the time that it asked for, or nothing comes any more; operators
 *    in front are woken before those behind them, and all of them before the next record is processed.
 * 4. What is woken does a bounded amount of work a call and says when it wants to be woken next, a time that has passed for
 *    "at once": the task may commit and yield in between.
 */
import type { Alarm, EventTime, Wake } from '../topology/task-context.ts'
import { type InputTime, noTime } from './input-time.ts'

interface Sleeper extends Alarm {
  readonly nodeId: number
  readonly wake: Wake
  dueMs: number
}

const never = Number.POSITIVE_INFINITY

export class TaskTime implements EventTime {
  watermarkMs: number
  recordWatermarkMs = noTime
  /** Nothing comes any more: all that sleeps is due. */
  isEnding = false
  /** The earliest time that somebody wants to be woken at. */
  private dueMs = never
  private inputs: readonly InputTime[] = []
  private readonly sleepers: Sleeper[] = []

  /** @param watermarkMs as of the last commit */
  constructor(watermarkMs = noTime) {
    this.watermarkMs = watermarkMs
  }

  follow(inputs: readonly InputTime[]): void {
    this.inputs = inputs
    this.refresh()
  }

  /** Whether nothing is left to read that would tell the time. */
  get isIdle(): boolean {
    return this.inputs.every(({ isIdle }) => isIdle)
  }

  /** Whether nothing comes any more, and all that waited for time was woken. */
  get hasEnded(): boolean {
    return this.isEnding && this.dueMs === never
  }

  /** A record is about to be processed. */
  observe(input: InputTime, timestampMs: number, carriedMs: number | undefined): void {
    this.isEnding = false
    const lateByMs = input.observe(timestampMs, carriedMs)
    if (this.inputs.length > 1) this.refresh()
    else if (input.watermarkMs > this.watermarkMs) this.watermarkMs = input.watermarkMs
    this.recordWatermarkMs = lateByMs > this.watermarkMs ? lateByMs : this.watermarkMs
  }

  happenedAt(timeMs: number): void {
    this.recordWatermarkMs = timeMs
  }

  /** The inputs may have moved. */
  refresh(): void {
    let earliest = never
    let isEnding = this.inputs.length > 0
    for (const input of this.inputs) {
      if (!input.hasEnded) isEnding = false
      if (!input.isIdle && input.watermarkMs < earliest) earliest = input.watermarkMs
    }
    this.isEnding = isEnding
    if (earliest !== never && earliest > this.watermarkMs) this.watermarkMs = earliest
  }

  alarm(nodeId: number, wake: Wake): Alarm {
    const sleeper: Sleeper = {
      nodeId,
      wake,
      dueMs: never,
      at: (timeMs) => {
        if (timeMs < sleeper.dueMs) sleeper.dueMs = timeMs
        if (timeMs < this.dueMs) this.dueMs = timeMs
      },
    }
    this.sleepers.push(sleeper)
    this.sleepers.sort((a, b) => a.nodeId - b.nodeId)
    return sleeper
  }

  get isDue(): boolean {
    return this.dueMs <= this.watermarkMs || (this.isEnding && this.dueMs < never)
  }

  /** Wakes the first that is due. */
  wakeNext(maxRows: number): void {
    const reachedMs = this.isEnding ? never : this.watermarkMs
    const due = this.sleepers.find(({ dueMs }) => dueMs <= reachedMs && dueMs < never)
    if (due !== undefined) {
      due.dueMs = never
      const nextMs = due.wake(reachedMs, maxRows)
      if (nextMs < due.dueMs) due.dueMs = nextMs
    }
    this.dueMs = this.sleepers.reduce((earliest, { dueMs }) => Math.min(earliest, dueMs), never)
  }
}
