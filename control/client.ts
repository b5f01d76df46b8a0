/**
 * What a client of the control services needs: the connection, credentials, deadlines, retries and errors. Methods are those of the
 * generated service definitions, so every call of every service is made in the same way.
 *
 * A unary call that the server did not take, or whose answer was lost (UNAVAILABLE), is made again with the same request: reading
 * twice does no harm, and a changing call carries a request_id by which the server knows the repeat.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type ChannelCredentials, Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { StreamMethod, UnaryMethod } from './context.ts'
import { ControlError } from './errors.ts'
import { Status } from './generated/google/rpc/status.ts'
import { callStream, callUnary, outgoingChannelOptions } from './server/outgoing.ts'
import { codeOfReason, controlErrorOf } from './server/status.ts'

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
  /** Instead of the client's; of a stream, which has none else. */
  readonly timeoutMs?: number
  /** Cancels the call, which then ends with the reason of the signal. */
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

  constructor(error: ControlError) {
    super(error.message, { cause: error })
    this.status = statusNameOf(error)
    this.error = error
  }
}

const maxMessageBytes = 64 * 1024 * 1024
const maxAttempts = 5
const firstPauseMs = 100

export function openControlClient(options: ControlClientOptions): ControlClient {
  const { address, token } = options
  const client = new Client(address, credentialsOf(options), {
    ...outgoingChannelOptions,
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.initial_reconnect_backoff_ms': firstPauseMs,
  })
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  return {
    address,
    close: () => client.close(),
    async call(method, request, { timeoutMs = options.timeoutMs, signal } = {}) {
      const deadlineMs = Date.now() + timeoutMs
      for (let attempt = 1; ; attempt++) {
        try {
          return await callUnary(client, method, request, { metadata, deadlineMs, signal })
        } catch (error) {
          const failed = failureOf(error)
          const pauseMs = pauseBeforeRetry(failed, attempt)
          if (pauseMs === undefined || Date.now() + pauseMs >= deadlineMs) throw failed
          await delay(pauseMs, undefined, { signal })
        }
      }
    },
    async *stream(method, request, { timeoutMs, signal } = {}) {
      const deadlineMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs
      try {
        yield* callStream(client, method, request, { metadata, deadlineMs, signal })
      } catch (error) {
        throw failureOf(error)
      }
    },
  }
}

const maxPageSize = 1000

/**
 * Items of a list, page after page, until so many have come.
 * @throws ControlCallFailed
 */
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
  let { pageToken } = request
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

/** What an operation came to, as if the call that began it had failed. */
export function operationFailed(rpcStatus: Status): ControlCallFailed {
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(rpcStatus).finish()))
  const { code, message } = rpcStatus
  const error = Object.assign(new Error(message), { code, details: message, metadata })
  return new ControlCallFailed(controlErrorOf(error))
}

function credentialsOf({ tls }: ControlClientOptions): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null)
}

/** What is no error of a call is thrown as it is. */
function failureOf(error: unknown): unknown {
  return error instanceof ControlError ? new ControlCallFailed(error) : error
}

/** Undefined when the call is not made again. */
function pauseBeforeRetry(failed: unknown, attempt: number): number | undefined {
  const isWorthIt =
    failed instanceof ControlCallFailed && failed.status === 'UNAVAILABLE' && attempt < maxAttempts
  return isWorthIt ? (failed.error.details.retryInMs ?? firstPauseMs * 2 ** (attempt - 1)) : undefined
}

const statusNames = new Map(
  Object.entries(status).flatMap(([name, code]) =>
    typeof code === 'number' && name !== 'OK' ? [[code, name as StatusName] as const] : [],
  ),
)

/** As it came over the wire: an error that is not one of ours has a reason that is only near it. */
function statusNameOf({ reason, details }: ControlError): StatusName {
  const { cause } = details
  const code = cause instanceof Error && 'code' in cause ? Number(cause.code) : codeOfReason[reason]
  return statusNames.get(code) ?? 'UNKNOWN'
}
