/** Time and turns. Everything in the engine that waits, waits through this, so that a test can hold time still. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Calls back once, after `delayMs`. The timer keeps no process alive by itself. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Resolves after other work that is ready has had its turn: sockets, timers, other tasks. */
  yieldTurn(): Promise<void>
}

export interface Timer {
  cancel(): void
}
