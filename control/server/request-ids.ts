/**
 * Repeats of changing calls (AIP-155): who asks again with the same `request_id`, because the answer was lost, gets the first answer.
 *
 * Invariants:
 * 1. Of the calls of a caller with one id, at most one is executed at a time, and none after one has ended in a way that counts:
 *    with an answer, or with an error that a repeat would not mend.
 * 2. What is remembered is bounded in number and time. It is lost with the process.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../streams/index.ts'
import type { Call, Method } from '../call.ts'
import { ControlError, invalidField } from '../errors.ts'
import { isRetryable, knownError } from './status.ts'
import { orAborted } from './waiting.ts'

interface Execution {
  readonly digest: string
  readonly outcome: Promise<unknown>
  readonly startMs: number
  hasEnded: boolean
}

export interface RequestIdLimits {
  readonly maxRequests: number
  readonly keptMs: number
}

const defaultLimits: RequestIdLimits = { maxRequests: 10_000, keptMs: 60 * 60 * 1000 }
const idMaxChars = 200

export class RequestIds {
  private readonly clock: Clock
  private readonly limits: RequestIdLimits
  /** By caller and id, the oldest first. */
  private readonly executions = new Map<string, Execution>()

  constructor(clock: Clock, limits: Partial<RequestIdLimits> = {}) {
    this.clock = clock
    this.limits = { ...defaultLimits, ...limits }
  }

  /**
   * Executes a call, or answers as the one before it with the same id was answered. Calls without id are executed.
   * @throws ControlError REQUEST_ID_REUSED when the id was given to another request
   */
  async once<A>(method: Method, request: never, call: Call, execute: () => Promise<A>): Promise<A> {
    const id = requestIdOf(request)
    if (id === '') return execute()
    if (id.length > idMaxChars)
      throw invalidField('request_id', `has ${id.length} characters; it may have ${idMaxChars}`)
    const key = JSON.stringify([call.caller.name, id])
    const digest = createHash('sha256')
      .update(method.path)
      .update('\0')
      .update(method.requestSerialize(request))
      .digest('base64')
    this.forgetOld()
    for (;;) {
      const before = this.executions.get(key)
      if (before === undefined) return this.execute(key, digest, execute)
      if (before.digest !== digest) {
        throw new ControlError(
          'REQUEST_ID_REUSED',
          `request_id: ${JSON.stringify(id)} was given to another request before; give each request an id of its own, such as a UUID`,
          { fields: [{ field: 'request_id', description: 'was given to another request before' }] },
        )
      }
      try {
        // The same method and request as before, so its answer, too.
        return (await orAborted(before.outcome, call.signal)) as A
      } catch (error) {
        // What did not count was forgotten: then it is executed once more.
        if (call.signal.aborted || this.executions.get(key) === before) throw error
      }
    }
  }

  private async execute<A>(key: string, digest: string, execute: () => Promise<A>): Promise<A> {
    const outcome = execute()
    const execution: Execution = { digest, outcome, startMs: this.clock.now(), hasEnded: false }
    this.executions.set(key, execution)
    try {
      return await outcome
    } catch (error) {
      if (!counts(error)) this.executions.delete(key)
      throw error
    } finally {
      execution.hasEnded = true
    }
  }

  private forgetOld(): void {
    const oldestMs = this.clock.now() - this.limits.keptMs
    for (const [key, { startMs, hasEnded }] of this.executions) {
      if (startMs >= oldestMs && this.executions.size < this.limits.maxRequests) return
      if (hasEnded) this.executions.delete(key)
    }
  }
}

/** Empty when the request has none. */
export function requestIdOf(request: unknown): string {
  if (typeof request !== 'object' || request === null || !('requestId' in request)) return ''
  return typeof request.requestId === 'string' ? request.requestId : ''
}

/** Whether an error is the answer for good. */
function counts(error: unknown): boolean {
  const known = knownError(error)
  return known !== undefined && !isRetryable(known) && !passing.has(known.reason)
}

/** The call ended, and not the work; or the caller is let in later. */
const passing = new Set<ControlError['reason']>(['CALL_CANCELLED', 'DEADLINE_EXCEEDED', 'RATE_LIMITED'])
