/** Bounded retries by the Clock port. */
import { recoveryOf, type StreamsError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'

const firstPauseMs = 5
const pauseGrowth = 1.6

/** The pauses of one call: a few milliseconds at first, growing to `maxPauseMs`, until the budget is used up. */
export class Backoff {
  private readonly clock: Clock
  private readonly maxPauseMs: number
  private readonly deadlineMs: number
  private pauseMs = firstPauseMs

  constructor(clock: Clock, budgetMs: number, maxPauseMs = 500) {
    this.clock = clock
    this.maxPauseMs = maxPauseMs
    this.deadlineMs = clock.now() + budgetMs
  }

  get exhausted(): boolean {
    return this.clock.now() >= this.deadlineMs
  }

  async pause(): Promise<void> {
    const pauseMs = this.pauseMs
    this.pauseMs = Math.min(this.maxPauseMs, pauseMs * pauseGrowth)
    await sleep(this.clock, pauseMs)
  }
}

export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve)
  })
}

/** Resolves when the work is done, or when it has taken longer: it then goes on, and nobody waits for it. */
export async function waitAtMost(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: Timer | undefined
  const limit = new Promise<void>((resolve) => {
    timer = clock.setTimer(limitMs, resolve)
  })
  try {
    await Promise.race([work, limit])
  } finally {
    timer?.cancel()
  }
}

/** Whether the same call may succeed later. */
export function isPassing(error: unknown): error is StreamsError {
  return recoveryOf(error) === 'retry'
}
