/**
 * The time of a task, and who wants to be woken by it.
 *
 * Invariants:
 * 1. The watermark is the minimum over the inputs that are not idle, and never goes back.
 * 2. An operator is woken only when the watermark has reached the time that it asked for; operators in front are woken before those
 *    behind them, and all of them before the next record is processed.
 * 3. What is woken does a bounded amount of work a call and says when it wants to be woken next, a time that has passed for
 *    "at once": the task may commit and yield in between.
 */
import type { Alarm, EventTime } from '../topology/task-context.ts'
import { type InputTime, noTime } from './input-time.ts'

export type Wake = (watermarkMs: number, maxRows: number) => number

interface Sleeper extends Alarm {
  readonly nodeId: number
  readonly wake: Wake
  dueMs: number
}

export class TaskTime implements EventTime {
  watermarkMs: number
  recordWatermarkMs = noTime
  /** The earliest time that somebody wants to be woken at. */
  dueMs = Number.POSITIVE_INFINITY
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

  /** A record is about to be processed. */
  observe(input: InputTime, timestampMs: number, carriedMs: number | undefined): void {
    this.recordWatermarkMs = input.observe(timestampMs, carriedMs)
    if (this.inputs.length > 1) this.refresh()
    else if (input.watermarkMs > this.watermarkMs) this.watermarkMs = input.watermarkMs
  }

  /** Between records, when what was held back is passed on: it belongs to the time that it became due. */
  happenedAt(timeMs: number): void {
    this.recordWatermarkMs = timeMs
  }

  /** The inputs may have moved. */
  refresh(): void {
    let earliest = Number.POSITIVE_INFINITY
    let active = false
    for (const { isIdle, watermarkMs } of this.inputs) {
      if (isIdle) continue
      active = true
      if (watermarkMs < earliest) earliest = watermarkMs
    }
    if (active && earliest > this.watermarkMs) this.watermarkMs = earliest
  }

  alarm(nodeId: number, wake: Wake): Alarm {
    const sleeper: Sleeper = {
      nodeId,
      wake,
      dueMs: Number.POSITIVE_INFINITY,
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
    return this.dueMs <= this.watermarkMs
  }

  /** Wakes the first that is due. */
  wakeNext(maxRows: number): void {
    const { watermarkMs } = this
    const due = this.sleepers.find(({ dueMs }) => dueMs <= watermarkMs)
    if (due !== undefined) {
      due.dueMs = Number.POSITIVE_INFINITY
      this.recordWatermarkMs = watermarkMs
      const nextMs = due.wake(watermarkMs, maxRows)
      if (nextMs < due.dueMs) due.dueMs = nextMs
    }
    this.dueMs = this.sleepers.reduce(
      (earliest, { dueMs }) => Math.min(earliest, dueMs),
      Number.POSITIVE_INFINITY,
    )
  }
}
