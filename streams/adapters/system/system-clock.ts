import type { Clock } from '../../ports/clock.ts'

/** The time and the event loop of this process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback, options) {
    const handle = setTimeout(callback, delayMs)
    if (options?.background === true) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
  yieldTurn: () => new Promise((resolve) => setImmediate(resolve)),
}
