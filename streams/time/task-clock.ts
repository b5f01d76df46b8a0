/**
 * The wall clock as a task has it, and who wants to be woken by it.
 *
 * Invariants:
 * 1. It stands still while a slice of records is processed, and never goes back: what operators do in a slice depends on the
 *    records and on one reading of the clock.
 * 2. Nobody is woken for the end of input, unless whoever ends it says that the clock is not to be waited for either.
 */
import type { Alarm, Wake, WallClock } from '../topology/task-context.ts'
import { Alarms, type HeldNodes, never, type Sleeping, type Waiting } from './alarms.ts'

export class TaskClock implements WallClock {
  nowMs: number
  /** At the end of input all that waits for the clock is due, too. */
  isCutShort = false
  private readonly alarms = new Alarms()

  constructor(nowMs: number) {
    this.nowMs = nowMs
  }

  /** Whether nobody ever wants to be woken by it. */
  get isUnused(): boolean {
    return this.alarms.isEmpty
  }

  /** The earliest time that somebody wants to be woken at; Infinity when nobody does. */
  get dueMs(): number {
    return this.alarms.dueMs
  }

  look(nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs
  }

  alarm(nodeId: number, wake: Wake, sleeping?: Sleeping): Alarm {
    return this.alarms.add(nodeId, wake, sleeping)
  }

  /** Those are not woken. */
  hold(held: HeldNodes): void {
    this.alarms.hold(held)
  }

  /** What waits for the clock, for whoever looks into it. */
  waiting(): Waiting[] {
    return this.alarms.waiting()
  }

  isDue(isEnding: boolean): boolean {
    return this.alarms.isDue(this.reachedMs(isEnding))
  }

  /** Wakes the first that is due. */
  wakeNext(isEnding: boolean, maxRows: number): void {
    this.alarms.wakeNext(this.reachedMs(isEnding), maxRows)
  }

  private reachedMs(isEnding: boolean): number {
    return isEnding && this.isCutShort ? never : this.nowMs
  }
}
