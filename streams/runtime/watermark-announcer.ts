/**
 * Tells the tasks behind repartition topics the time of this one.
 *
 * Invariants:
 * 1. A watermark is written behind everything that belongs before it: in the transaction that has it, or a later one, and not
 *    while somebody in the task has still to be woken by that time. If that somebody is held, only that the task is not idle.
 * 2. Every partition gets it: a task behind waits for the earliest of all the tasks in front of it.
 */
import { noTime } from '../time/input-time.ts'
import type { TaskTime } from '../time/task-time.ts'
import { type UpstreamWatermark, watermarkHeaders } from '../time/watermark-record.ts'
import type { OutputCollector } from './output-collector.ts'

export interface RepartitionTarget {
  readonly topic: string
  readonly partitionCount: number
}

export class WatermarkAnnouncer {
  private readonly taskId: string
  private readonly time: TaskTime
  private readonly targets: readonly RepartitionTarget[]
  private readonly intervalMs: number
  private announced: UpstreamWatermark | undefined
  private announcedAtMs = Number.NEGATIVE_INFINITY

  /** @param targets the topics whose readers need to know the time; there may be none */
  constructor(taskId: string, time: TaskTime, targets: readonly RepartitionTarget[], intervalMs: number) {
    this.taskId = taskId
    this.time = time
    this.targets = targets
    this.intervalMs = intervalMs
  }

  /** Whether there is something to tell, and it is time to. @param atOnce somebody waits for it */
  isDue(nowMs: number, atOnce: boolean): boolean {
    const { time, announced } = this
    if (this.targets.length === 0 || time.isDue) return false
    if (!atOnce && nowMs - this.announcedAtMs < this.intervalMs) return false
    if (announced === undefined) return time.watermarkMs > noTime || time.isIdle || time.hasEnded
    return (
      announced.watermarkMs !== this.tellableMs ||
      announced.isIdle !== time.isIdle ||
      announced.hasEnded !== time.hasEnded
    )
  }

  /** Writes it behind what was collected. Answers how many records that took. */
  write(outputs: OutputCollector, nowMs: number): number {
    const { time, taskId: task } = this
    this.announced = { task, watermarkMs: this.tellableMs, isIdle: time.isIdle, hasEnded: time.hasEnded }
    this.announcedAtMs = nowMs
    const headers = watermarkHeaders(this.announced)
    let written = 0
    for (const { topic, partitionCount } of this.targets) {
      for (let partition = 0; partition < partitionCount; partition++) {
        outputs.builder(topic, partition).append(null, null, nowMs, headers)
        written++
      }
    }
    return written
  }

  private get tellableMs(): number {
    return this.time.isHeldDue ? (this.announced?.watermarkMs ?? noTime) : this.time.watermarkMs
  }
}
