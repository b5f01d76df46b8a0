/** A call as its handler sees it, and handlers as services are written. */
import type { TraceContext } from '../streams/index.ts'

export type Role = 'viewer' | 'operator'

/** Who makes a call. */
export interface Caller {
  /** For audit records: the name of a token, the subject of a JWT or a certificate, or `anonymous`. */
  readonly name: string
  readonly role: Role
}

export interface Call {
  readonly caller: Caller
  /** Aborted when the caller has gone, the deadline has passed, or the server is closed: stop working then. */
  readonly signal: AbortSignal
  /** By the system's clock; undefined when the caller has set none. */
  readonly deadlineMs: number | undefined
  /** Another instance has passed it on: answer it here, whatever is known of the owner meanwhile. */
  readonly isForwarded: boolean
  /** An instance that does not run the topology has passed it on: it is not passed on for that once more. */
  readonly isRelayed?: boolean
  /** Credentials as they came, which are passed on with a call that is forwarded. */
  readonly authorization?: string
  /** The span of the call, which goes on where it is passed on to; undefined while tracing is off. */
  readonly trace?: TraceContext
}

export interface Method {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  requestSerialize(request: never): Buffer
  responseDeserialize(bytes: Buffer): unknown
}

type RequestOf<M> = M extends { requestDeserialize(bytes: Buffer): infer Q } ? Q : never
type ResponseOf<M> = M extends { responseDeserialize(bytes: Buffer): infer A } ? A : never

type Handler<M> = M extends { readonly responseStream: true }
  ? (request: RequestOf<M>, call: Call) => AsyncIterable<ResponseOf<M>>
  : (request: RequestOf<M>, call: Call) => Promise<ResponseOf<M>>

/** The handlers of a service, by its generated definition. They throw ControlError and StreamsError. */
export type Handlers<D> = { readonly [M in keyof D]: Handler<D[M]> }

/** A service with its handlers, as the server takes it. Only `service` makes one: it checks that the two fit. */
export interface Service {
  readonly definition: Readonly<Record<string, Method>>
  readonly handlers: Readonly<Record<string, AnyHandler>>
}

/** A handler of which is no longer known what it takes. */
export type AnyHandler = (request: never, call: Call) => Promise<unknown> | AsyncIterable<unknown>

export function service<D extends Readonly<Record<string, Method>>>(
  definition: D,
  handlers: Handlers<D>,
): Service {
  return { definition, handlers }
}
