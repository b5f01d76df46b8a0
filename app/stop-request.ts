/**
 * Ctrl-C and its kin: the first asks to stop in order, the second stops at once. Stopping in order has its time of grace,
 * which begins with the first signal, or with the first `close` when something else ended the program.
 */
import { exitCodes } from './failure.ts'

export interface StopRequest {
  /** Aborted once somebody asked to stop. */
  readonly signal: AbortSignal
  /** Resolves then. */
  readonly requested: Promise<void>
  /**
   * Closes something in the time that is left, else says that it hung and ends the process.
   * @param what `the topologies`: named when it hangs
   */
  close(what: string, close: () => Promise<void>): Promise<void>
  /** Everything is closed: signals have their usual effect again, and time has none. */
  dispose(): void
}

export interface StopRequestOptions {
  /** How long stopping in order may take. For ever by default. */
  readonly graceMs?: number
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** By custom 128 and the number of SIGINT. */
const forcedExitCode = 130

export function onStopRequest(
  tell: (message: string) => void,
  { graceMs }: StopRequestOptions = {},
): StopRequest {
  const controller = new AbortController()
  let closing = somethingElse
  let grace: NodeJS.Timeout | undefined
  const beginGrace = (): void => {
    if (graceMs === undefined) return
    grace ??= setTimeout(() => {
      tell(`not stopped within ${graceMs} ms (shutdownGraceMs), for ${closing} did not end; ${atOnce}`)
      process.exit(exitCodes.failed)
    }, graceMs)
  }
  let resolveRequested = () => {}
  const requested = new Promise<void>((resolve) => {
    resolveRequested = resolve
  })
  const stop = (): void => {
    if (controller.signal.aborted) {
      tell(atOnce)
      process.exit(forcedExitCode)
    }
    tell('stopping in order (once more to stop at once) …')
    beginGrace()
    controller.abort()
    resolveRequested()
  }
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    requested,
    close: async (what, close) => {
      beginGrace()
      closing = what
      await close()
      closing = somethingElse
    },
    dispose: () => {
      clearTimeout(grace)
      for (const name of signals) process.off(name, stop)
    },
  }
}

const somethingElse = 'what was under way'
const atOnce = 'stopped at once; what was not committed is done again at the next start'
