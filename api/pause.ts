import type { Clock } from '../streams/index.ts'

/** Resolves after `delayMs`, or as soon as the signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    const stop = () => {
      timer.cancel()
      resolve()
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
}
