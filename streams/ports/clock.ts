/** Time and turns. Everything in the engine that waits, waits through this, so that a test can hold time still. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /**
   * Calls back once, after `delayMs`. A pending timer keeps the process alive, unless it is for `background` work that
   * nobody waits for.
   */
  setTimer(delayMs: number, callback: () => void, options?: { readonly background?: boolean }): Timer
  /** Resolves after other work that is ready has had its turn: sockets, timers, other tasks. */
  yieldTurn(): Promise<void>
}

export interface Timer {
  cancel(): void
}
