/** Waits at the start for a service that is away, for a bounded time, and says so meanwhile. */
import { type Clock, type Logger, messageOf, recoveryOf, StreamsError } from '../streams/index.ts'
import { Stopped } from './failure.ts'

export interface Reaching {
  readonly clock: Clock
  readonly logger: Logger
  /** How long to try. */
  readonly waitMs: number
  readonly signal?: AbortSignal
}

export interface Service {
  /** With its host and port, never a password: `Kafka at localhost:9092`. */
  readonly name: string
  /** Completes "start it, or correct …". */
  readonly setting: string
}

const firstPauseMs = 250
const pauseMaxMs = 5_000

/**
 * What `connect` answers, trying again with growing pauses for as long as its errors may pass.
 * @throws what it failed with last, saying what cannot be reached and what to do
 */
export async function reach<T>(
  { name, setting }: Service,
  { clock, logger, waitMs, signal }: Reaching,
  connect: () => Promise<T>,
): Promise<T> {
  const startMs = clock.now()
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMaxMs, pauseMs * 2)) {
    try {
      const reached = await connect()
      if (pauseMs > firstPauseMs) logger.info({ waitedMs: clock.now() - startMs }, `${name} is there`)
      return reached
    } catch (error) {
      if (!(error instanceof StreamsError) || recoveryOf(error) !== 'retry') throw error
      const reason = messageOf(error)
      const leftMs = startMs + waitMs - clock.now()
      if (leftMs <= 0) {
        const waited = waitMs === 0 ? '' : ` for ${Math.round(waitMs / 1000)} s (startWaitMs)`
        const message = `${name} could not be reached${waited}: start it, or correct ${setting}\n  ${reason}`
        throw new StreamsError(error.code, message, { details: error.details, cause: error })
      }
      const left = `${Math.ceil(leftMs / 1000)} s`
      logger.warn({ reason }, `${name} cannot be reached; trying again for ${left}`)
      await pause(clock, Math.min(pauseMs, leftMs), signal)
    }
    if (signal?.aborted === true) throw new Stopped(`stopped while ${name} could not be reached`)
  }
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.setTimer(delayMs, done)
    signal?.addEventListener('abort', done)
    if (signal?.aborted === true) done()
  })
}
