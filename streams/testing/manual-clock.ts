import type { Clock, Timer } from '../ports/clock.ts'

interface PendingTimer {
  readonly dueMs: number
  readonly callback: () => void
}

/**
 * A clock that stands still until a test moves it. Turns pass as microtasks, first come first served, so that a test
 * over deterministic adapters runs the same way every time.
 */
export class ManualClock implements Clock {
  private timeMs: number
  /** By due time; among equals by the order in which they were set. */
  private readonly timers: PendingTimer[] = []

  constructor(startMs = 0) {
    this.timeMs = startMs
  }

  now(): number {
    return this.timeMs
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.timeMs + Math.max(0, delayMs), callback }
    let at = this.timers.length
    while (at > 0 && this.timers[at - 1]!.dueMs > timer.dueMs) at--
    this.timers.splice(at, 0, timer)
    return {
      cancel: () => {
        const index = this.timers.indexOf(timer)
        if (index >= 0) this.timers.splice(index, 1)
      },
    }
  }

  async yieldTurn(): Promise<void> {}

  /** When the next timer is due, in epoch milliseconds; undefined while none is set. */
  get nextTimerMs(): number | undefined {
    return this.timers[0]?.dueMs
  }

  /**
   * Moves the time on and fires, in order, the timers that fall due on the way, each at its own time; among them those
   * that a callback sets. What the callbacks start asynchronously runs once the test awaits.
   */
  advance(byMs: number): void {
    this.advanceTo(this.timeMs + byMs)
  }

  /** As `advance`, to a point in time. Time never runs backwards: an earlier one fires what is due and changes nothing. */
  advanceTo(timeMs: number): void {
    const end = Math.max(this.timeMs, timeMs)
    for (let next = this.timers[0]; next !== undefined && next.dueMs <= end; next = this.timers[0]) {
      this.timers.shift()
      this.timeMs = next.dueMs
      next.callback()
    }
    this.timeMs = end
  }
}
