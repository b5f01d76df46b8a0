/**
 * What a client of the control services needs: the connection, credentials, deadlines, retries and errors. Methods are the ones of
 * the generated service definitions, so every call of every service is made in the same way.
 *
 * A call that the server did not take, or whose answer was lost (UNAVAILABLE), is made again with the same request: reading twice
 * does no harm, and a changing call carries a request_id by which the server knows the repeat.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import type { StreamMethod, UnaryMethod } from './context.ts'
import type { ControlError } from './errors.ts'
import { Status } from './generated/google/rpc/status.ts'
import { controlErrorOf } from './server/status.ts'

export interface ControlClientOptions {
  /** `host:port`, or any other name that gRPC resolves. */
  readonly address: string
  /** Absent: plaintext. */
  readonly tls?: ClientTls | undefined
  /** A bearer token. */
  readonly token?: string | undefined
  /** How long a call may take, with its retries; streams may take any time. */
  readonly timeoutMs: number
}

/** Each of them PEM. */
export interface ClientTls {
  /** The authorities that the server is trusted by; absent: those of Node.js. */
  readonly ca?: Buffer | undefined
  /** What this client shows of itself, if anything. */
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
}

export interface CallOptions {
  /** Instead of the one of the client. */
  readonly timeoutMs?: number
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined
}

export interface ControlClient {
  readonly address: string
  /** @throws ControlCallFailed */
  call<Q, A>(method: UnaryMethod<Q, A>, request: Q, options?: CallOptions): Promise<A>
  /**
   * Answers as they come, with back-pressure; leaving the loop cancels the call. It is not made again when it breaks off.
   * @throws ControlCallFailed
   */
  stream<Q, A>(method: StreamMethod<Q, A>, request: Q, options?: CallOptions): AsyncIterable<A>
  close(): void
}

/** A status of gRPC by its name, such as `NOT_FOUND`. */
export type StatusName = Exclude<keyof typeof status, 'OK'>

/** A call that came to nothing. */
export class ControlCallFailed extends Error {
  override readonly name = 'ControlCallFailed'
  readonly status: StatusName
  readonly error: ControlError

  constructor(statusName: StatusName, error: ControlError) {
    super(error.message, { cause: error })
    this.status = statusName
    this.error = error
  }
}

const maxMessageBytes = 64 * 1024 * 1024
const maxAttempts = 5
const firstPauseMs = 100

export function openControlClient(options: ControlClientOptions): ControlClient {
  const { address, token, timeoutMs } = options
  const client = new Client(address, credentialsOf(options), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.initial_reconnect_backoff_ms': firstPauseMs,
    'grpc.min_reconnect_backoff_ms': firstPauseMs,
  })
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)

  const callOnce = <Q, A>(method: UnaryMethod<Q, A>, request: Q, deadline: Date, signal?: AbortSignal) =>
    new Promise<A>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline },
        (error, answer) => {
          signal?.removeEventListener('abort', cancel)
          if (error !== null) reject(callFailed(error))
          // There is an answer wherever there is no error.
          else resolve(answer!)
        },
      )
      const cancel = cancelOnAbort(call, signal)
    })

  return {
    address,
    close: () => client.close(),
    async call(method, request, { timeoutMs: ownTimeoutMs = timeoutMs, signal } = {}) {
      const deadlineMs = Date.now() + ownTimeoutMs
      for (let attempt = 1; ; attempt++) {
        try {
          return await callOnce(method, request, new Date(deadlineMs), signal)
        } catch (error) {
          const pauseMs = pauseBeforeRetry(error, attempt)
          if (pauseMs === undefined || Date.now() + pauseMs >= deadlineMs) throw error
          await delay(pauseMs, undefined, { signal }).catch(() => {})
          if (signal?.aborted === true) throw error
        }
      }
    },
    async *stream(method, request, { timeoutMs: ownTimeoutMs, signal } = {}) {
      const call = client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        ownTimeoutMs === undefined ? {} : { deadline: new Date(Date.now() + ownTimeoutMs) },
      )
      const cancel = cancelOnAbort(call, signal)
      try {
        yield* call
      } catch (error) {
        if (isServiceError(error)) throw callFailed(error)
        throw error
      } finally {
        signal?.removeEventListener('abort', cancel)
        // What is still under way ends with an error of its own, which nobody waits for.
        call.on('error', () => {})
        call.cancel()
      }
    },
  }
}

/** Items of a list, page after page, until so many have come. */
export async function* listed<
  Q extends { readonly pageSize: number; readonly pageToken: string },
  A extends { readonly nextPageToken: string },
  T,
>(
  client: ControlClient,
  method: UnaryMethod<Q, A>,
  request: Q,
  itemsOf: (answer: A) => readonly T[],
  { limit = Number.POSITIVE_INFINITY, ...options }: CallOptions & { readonly limit?: number } = {},
): AsyncGenerator<T> {
  let left = limit
  let pageToken = request.pageToken
  do {
    const pageSize = Math.min(left, maxPageSize)
    const answer = await client.call(method, { ...request, pageSize, pageToken }, options)
    for (const item of itemsOf(answer)) {
      if (left-- <= 0) return
      yield item
    }
    pageToken = answer.nextPageToken
  } while (pageToken !== '' && left > 0)
}

const maxPageSize = 1000

function credentialsOf({ tls }: ControlClientOptions): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null)
}

function cancelOnAbort(
  call: ClientUnaryCall | ClientReadableStream<unknown>,
  signal: AbortSignal | undefined,
): () => void {
  const cancel = (): void => call.cancel()
  if (signal?.aborted === true) cancel()
  else signal?.addEventListener('abort', cancel)
  return cancel
}

/** Undefined when the call is not made again. */
function pauseBeforeRetry(error: unknown, attempt: number): number | undefined {
  if (!(error instanceof ControlCallFailed) || error.status !== 'UNAVAILABLE' || attempt >= maxAttempts)
    return undefined
  return error.error.details.retryInMs ?? firstPauseMs * 2 ** (attempt - 1)
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}

function callFailed(error: ServiceError): ControlCallFailed {
  return new ControlCallFailed(statusNameOf(error.code), controlErrorOf(error))
}

/** What an operation came to, as if the call itself had failed. */
export function operationFailed(rpcStatus: Status): ControlCallFailed {
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(rpcStatus).finish()))
  const { code, message } = rpcStatus
  return callFailed(Object.assign(new Error(message), { code, details: message, metadata }))
}

const statusNames = new Map(
  Object.entries(status).flatMap(([name, code]) =>
    typeof code === 'number' && name !== 'OK' ? [[code, name as StatusName] as const] : [],
  ),
)

/** A code that gRPC does not have counts as UNKNOWN. */
function statusNameOf(code: number): StatusName {
  return statusNames.get(code) ?? 'UNKNOWN'
}
