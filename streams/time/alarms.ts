/** Operators that want to be woken at a time, be it of events or of the wall clock. */
import type { Alarm, Wake } from '../topology/task-context.ts'

interface Sleeper extends Alarm {
  readonly nodeId: number
  readonly wake: Wake
  dueMs: number
}

/** Nobody wants to be woken. */
export const never = Number.POSITIVE_INFINITY

export class Alarms {
  /** The earliest time that somebody wants to be woken at. */
  dueMs = never
  private readonly sleepers: Sleeper[] = []

  add(nodeId: number, wake: Wake): Alarm {
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

  get isEmpty(): boolean {
    return this.sleepers.length === 0
  }

  /** Whether somebody is to be woken at a time; Infinity is the end of time, at which all are. */
  isDue(reachedMs: number): boolean {
    return this.dueMs <= reachedMs && this.dueMs < never
  }

  /** Wakes the first that is due, in the order of the operators. */
  wakeNext(reachedMs: number, maxRows: number): void {
    const due = this.sleepers.find(({ dueMs }) => dueMs <= reachedMs && dueMs < never)
    if (due !== undefined) {
      due.dueMs = never
      const nextMs = due.wake(reachedMs, maxRows)
      if (nextMs < due.dueMs) due.dueMs = nextMs
    }
    this.dueMs = this.sleepers.reduce((earliest, { dueMs }) => Math.min(earliest, dueMs), never)
  }
}
