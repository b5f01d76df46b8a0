/** Calls as promises, with a deadline and with retries. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type CallOptions, type ClientUnaryCall, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { failureOf } from './failure.js'

/** How generated clients make a call, in their longest form. */
type Unary<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, answer: A) => void,
) => ClientUnaryCall

const timeoutMs = 10_000
const maxAttempts = 5

/** A bearer token goes with every call, if there is one. */
export function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  return metadata
}

/**
 * Makes a call. While the server says UNAVAILABLE it is made again, after the time that the error names: a changing call must carry
 * a `requestId` for that, by which the server knows that it is the same one.
 *
 * @throws CallFailed
 */
export async function made<Q, A>(call: Unary<Q, A>, request: Q, metadata: Metadata): Promise<A> {
  const deadline = new Date(Date.now() + timeoutMs)
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Promise<A>((resolve, reject) => {
        call(request, metadata, { deadline }, (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        )
      })
    } catch (error) {
      const failure = failureOf(error)
      if (failure.code !== status.UNAVAILABLE || attempt === maxAttempts) throw failure
      await delay(failure.retryInMs ?? 100 * 2 ** attempt)
    }
  }
}

/** A new one for each change, and the same one for its repeats. */
export const newRequestId = randomUUID
