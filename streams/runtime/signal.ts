/** Waiting for a condition without polling: whoever changes something notifies, whoever waits looks again. */
import type { Clock } from '../ports/clock.ts'

export class Signal {
  private readonly clock: Clock
  private readonly waiting = new Set<() => void>()
  private notified = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  notify(): void {
    this.notified = true
    for (const wake of this.waiting) wake()
  }

  /** Resolves at the next notification, at once if there was one since the last wait, or when the time is up. */
  async wait(timeoutMs: number | undefined): Promise<void> {
    if (!this.notified) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          timer?.cancel()
          this.waiting.delete(wake)
          resolve()
        }
        const timer = timeoutMs === undefined ? undefined : this.clock.setTimer(Math.max(0, timeoutMs), wake)
        this.waiting.add(wake)
      })
    }
    this.notified = false
  }

  /** Waits for all of the time, whatever is notified meanwhile, unless it is over before. */
  async pause(delayMs: number, isOver: () => boolean): Promise<void> {
    const endMs = this.clock.now() + delayMs
    while (!isOver() && this.clock.now() < endMs) await this.wait(endMs - this.clock.now())
  }
}
