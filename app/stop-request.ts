/** Ctrl-C and its kin: the first asks to stop in order, the second stops at once. */

export interface StopRequest {
  /** Aborted once somebody asked to stop. */
  readonly signal: AbortSignal
  /** Resolves then. */
  readonly requested: Promise<void>
  /** Signals have their usual effect again. */
  dispose(): void
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** By custom 128 and the number of SIGINT. */
const forcedExitCode = 130

export function onStopRequest(tell: (message: string) => void): StopRequest {
  const controller = new AbortController()
  let resolveRequested = () => {}
  const requested = new Promise<void>((resolve) => {
    resolveRequested = resolve
  })
  const stop = (): void => {
    if (controller.signal.aborted) {
      tell('stopped at once; what was not committed is done again at the next start')
      process.exit(forcedExitCode)
    }
    tell('stopping in order (once more to stop at once) …')
    controller.abort()
    resolveRequested()
  }
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    requested,
    dispose: () => {
      for (const name of signals) process.off(name, stop)
    },
  }
}
