/** Calls of other servers as promises and iterables: with a deadline, cancelled by a signal, ending in a ControlError. */
import { type CallOptions, type Client, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { StreamMethod, UnaryMethod } from '../context.ts'
import { controlErrorOf } from './status.ts'

/** What a call needs of its method. */
export type Sent<
  M extends { requestSerialize(request: never): Buffer; responseDeserialize(bytes: Buffer): unknown },
> = Pick<M, 'requestSerialize' | 'responseDeserialize'> & { readonly path: string }

export interface OutgoingOptions {
  readonly metadata?: Metadata
  /** By the system's clock; none without it. */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * For channels to other servers. Nobody publishes settings of a channel as a text record of its name; asking for one costs a name
 * server that knows no answer a query, and where none is there it keeps a process from ending for seconds.
 */
export const outgoingChannelOptions = { 'grpc.service_config_disable_resolution': 1 }

/** @throws ControlError */
export function callUnary<Q, A>(
  client: Client,
  method: Sent<UnaryMethod<Q, A>>,
  request: Q,
  options: OutgoingOptions = {},
): Promise<A> {
  const { signal, metadata = new Metadata() } = options
  return new Promise<A>((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const onAbort = (): void => call.cancel()
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      callOptions(options),
      (error, answer) => {
        signal?.removeEventListener('abort', onAbort)
        if (error === null && answer !== undefined) resolve(answer)
        else reject(error === null ? new Error(`${method.path}: no answer came`) : endOf(error, signal))
      },
    )
    signal?.addEventListener('abort', onAbort)
  })
}

/**
 * No more is taken from the other server than is asked for here; to leave the loop cancels the call.
 * @throws ControlError
 */
export async function* callStream<Q, A>(
  client: Client,
  method: Sent<StreamMethod<Q, A>>,
  request: Q,
  options: OutgoingOptions = {},
): AsyncGenerator<A> {
  const { signal, metadata = new Metadata() } = options
  signal?.throwIfAborted()
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    metadata,
    callOptions(options),
  )
  const onAbort = (): void => call.cancel()
  signal?.addEventListener('abort', onAbort)
  try {
    for await (const answer of call) yield answer
  } catch (error) {
    throw isServiceError(error) ? endOf(error, signal) : error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // A call that is left ends with an error of its own, which nobody waits for.
    call.on('error', () => {})
    call.cancel()
  }
}

function callOptions({ deadlineMs }: OutgoingOptions): CallOptions {
  return deadlineMs === undefined ? {} : { deadline: new Date(deadlineMs) }
}

/** A call that was cancelled here ended for the reason of that. */
function endOf(error: ServiceError, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : controlErrorOf(error)
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}
