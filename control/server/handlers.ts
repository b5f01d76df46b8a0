/**
 * Handlers of services as grpc-js calls them.
 *
 * Invariants:
 * 1. A handler runs only for a caller whom the guard has let in.
 * 2. Its signal is aborted, with a ControlError that says why, when the caller has gone, the deadline has passed, or the server is
 *    closed. What it does after that reaches nobody.
 * 3. Of a stream no more is taken from the handler than the caller's connection takes in.
 */
import { once } from 'node:events'
import type {
  Metadata,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Clock, Logger, TraceContext, Tracer } from '../../streams/index.ts'
import type { Call, Caller, Method, Service } from '../call.ts'
import { ControlError } from '../errors.ts'
import type { CallEnd, CallMeters } from './call-meters.ts'
import { type CallTrace, traceCall } from './call-tracing.ts'
import {
  type CallOrigin,
  type ChangingCall,
  forwardedKey,
  type Guard,
  isChanging,
  isHealth,
  relayedKey,
} from './guard.ts'
import { type RequestIds, requestIdOf } from './request-ids.ts'
import { errorToTell, knownError, serviceErrorOf, toldInFull } from './status.ts'

export interface Serving {
  readonly guard: Guard
  readonly clock: Clock
  readonly logger: Logger
  readonly requestIds: RequestIds
  readonly meters: CallMeters
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined
  /** Calls that are under way, for the server to end them. */
  readonly calls: Set<RunningCall>
}

export interface RunningCall {
  readonly isStream: boolean
  abort(reason: ControlError): void
}

type IncomingCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>

/** What grpc-js takes for a service. */
export function implementationOf(service: Service, serving: Serving): UntypedServiceImplementation {
  const implementation: UntypedServiceImplementation = {}
  const traced = (
    { path }: Method,
    { metadata }: IncomingCall,
    serve: (trace: CallTrace) => Promise<void>,
  ): void => {
    const trace = traceCall(serving.tracer, path, metadata)
    void trace.within(() => serve(trace))
  }
  for (const [name, method] of Object.entries(service.definition)) {
    // What goes in and comes out fits the definition: that was checked where the service was made.
    const handler = service.handlers[name]
    if (handler === undefined) continue
    implementation[name] = method.responseStream
      ? (call: ServerWritableStream<unknown, unknown>) =>
          traced(method, call, (trace) => serveStream(method, handler as StreamHandler, call, serving, trace))
      : (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) =>
          traced(method, call, (trace) =>
            serveUnary(method, handler as UnaryHandler, call, callback, serving, trace),
          )
  }
  return implementation
}

type UnaryHandler = (request: never, call: Call) => Promise<unknown>
type StreamHandler = (request: never, call: Call) => AsyncIterable<unknown>

async function serveUnary(
  method: Method,
  handler: UnaryHandler,
  incoming: ServerUnaryCall<unknown, unknown>,
  callback: sendUnaryData<unknown>,
  serving: Serving,
  trace: CallTrace,
): Promise<void> {
  // Decoded by the definition that the handler was made for.
  const request = incoming.request as never
  const ended = endOf(method, serving, trace)
  const open = openCall(incoming, method.path, false, serving, trace.context)
  try {
    const caller = await admit(incoming, method.path, serving.guard)
    const call = open.callOf(caller)
    const answer = await audited(method.path, incoming, call, serving, () =>
      serving.requestIds.once(method, request, call, () => handler(request, call)),
    )
    ended(undefined)
    callback(null, answer)
  } catch (thrown) {
    const error = errorOf(thrown, open.signal, method.path, serving.logger)
    ended(error)
    callback(serviceErrorOf(error))
  } finally {
    open.end()
  }
}

async function serveStream(
  method: Method,
  handler: StreamHandler,
  incoming: ServerWritableStream<unknown, unknown>,
  serving: Serving,
  trace: CallTrace,
): Promise<void> {
  // Decoded by the definition that the handler was made for.
  const request = incoming.request as never
  const ended = endOf(method, serving, trace)
  const open = openCall(incoming, method.path, true, serving, trace.context)
  const { signal } = open
  try {
    const caller = await admit(incoming, method.path, serving.guard)
    const call = open.callOf(caller)
    await audited(method.path, incoming, call, serving, async () => {
      for await (const answer of until(handler(request, call), signal)) {
        if (!incoming.write(answer)) await once(incoming, 'drain', { signal })
      }
    })
    ended(undefined)
    incoming.end()
  } catch (thrown) {
    const error = errorOf(thrown, signal, method.path, serving.logger)
    ended(error)
    incoming.emit('error', serviceErrorOf(error))
  } finally {
    open.end()
  }
}

/** Told once how the call ends. */
function endOf(method: Method, { meters, clock }: Serving, trace: CallTrace): CallEnd {
  const counted = meters.begin(method, clock.now(), () => clock.now())
  return (error) => {
    counted(error)
    trace.ended(error)
  }
}

/** Answers until the signal is aborted: a handler that waits for something is not waited for then. */
async function* until<T>(answers: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = answers[Symbol.asyncIterator]()
  const aborted = rejectionOf(signal)
  let isWaiting = false
  try {
    for (;;) {
      isWaiting = true
      const next = await Promise.race([iterator.next(), aborted.promise])
      isWaiting = false
      if (next.done === true) return
      yield next.value
    }
  } finally {
    aborted.dispose()
    const returned = iterator.return?.()
    // A generator that waits takes up `return` only when its wait is over.
    if (isWaiting) returned?.catch(() => {})
    else await returned
  }
}

function rejectionOf(signal: AbortSignal): { promise: Promise<never>; dispose(): void } {
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<never>((_resolve, rejectPromise) => {
    reject = rejectPromise
  })
  promise.catch(() => {})
  const onAbort = (): void => reject(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort)
  return { promise, dispose: () => signal.removeEventListener('abort', onAbort) }
}

interface OpenCall {
  readonly signal: AbortSignal
  callOf(caller: Caller): Call
  end(): void
}

function openCall(
  incoming: IncomingCall,
  path: string,
  isStream: boolean,
  serving: Serving,
  trace: TraceContext | undefined,
): OpenCall {
  const { clock, calls } = serving
  const abort = new AbortController()
  const deadline = incoming.getDeadline()
  const deadlineMs = deadline instanceof Date ? deadline.getTime() : deadline
  const hasDeadline = Number.isFinite(deadlineMs)
  const onCancelled = (): void => {
    const isLate = hasDeadline && clock.now() >= deadlineMs
    abort.abort(
      isLate
        ? new ControlError('DEADLINE_EXCEEDED', `${path} was not answered before the deadline of the call`)
        : new ControlError('CALL_CANCELLED', `the caller has cancelled ${path}`),
    )
  }
  incoming.once('cancelled', onCancelled)
  if (incoming.cancelled) onCancelled()
  const running: RunningCall = { isStream, abort: (reason) => abort.abort(reason) }
  calls.add(running)
  return {
    signal: abort.signal,
    callOf: (caller) => ({
      caller,
      signal: abort.signal,
      deadlineMs: hasDeadline ? deadlineMs : undefined,
      isForwarded: isForwarded(incoming.metadata),
      isRelayed: incoming.metadata.get(relayedKey).length > 0,
      ...authorizationOf(incoming.metadata),
      ...(trace === undefined ? {} : { trace }),
    }),
    end: () => {
      calls.delete(running)
      incoming.removeListener('cancelled', onCancelled)
    },
  }
}

function authorizationOf(metadata: Metadata): { readonly authorization?: string } {
  const [authorization] = metadata.get('authorization')
  return typeof authorization === 'string' ? { authorization } : {}
}

/** What is known of a call before its handler runs. */
type AdmittedCall = Pick<IncomingCall, 'metadata' | 'getPeer' | 'getAuthContext'> & {
  readonly request?: unknown
}

/** @throws ControlError UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED */
export async function admit(incoming: AdmittedCall, path: string, guard: Guard): Promise<Caller> {
  if (isHealth(path)) return { name: 'anonymous', role: 'viewer' }
  const origin: CallOrigin = {
    path,
    metadata: incoming.metadata,
    peer: incoming.getPeer(),
    certificate: incoming.getAuthContext().sslPeerCertificate,
  }
  let caller: Caller | undefined
  try {
    caller = await guard.authenticate(origin)
    guard.authorize(caller, path)
    return caller
  } catch (error) {
    if (isChanging(path)) guard.refused(changingCallOf(incoming, path), caller, errorToTell(error))
    throw error
  }
}

async function audited<A>(
  path: string,
  incoming: IncomingCall,
  call: Call,
  { guard }: Serving,
  work: () => Promise<A>,
): Promise<A> {
  if (!isChanging(path)) return work()
  const end = await guard.audit(changingCallOf(incoming, path), call.caller)
  try {
    call.signal.throwIfAborted()
    const answer = await work()
    end(undefined)
    return answer
  } catch (error) {
    end(errorToTell(error))
    throw error
  }
}

function changingCallOf(incoming: AdmittedCall, path: string): ChangingCall {
  const { request } = incoming
  return {
    path,
    peer: incoming.getPeer(),
    requestId: requestIdOf(request),
    request,
    isForwarded: isForwarded(incoming.metadata),
  }
}

function isForwarded(metadata: Metadata): boolean {
  return metadata.get(forwardedKey).length > 0
}

/** What a call ends with; what is not known is logged, and told to nobody. */
function errorOf(thrown: unknown, signal: AbortSignal, path: string, logger: Logger): ControlError {
  const known = knownError(thrown)
  if (known !== undefined) return known
  // Whatever breaks because the call was ended, ends it for that reason.
  if (signal.aborted && signal.reason instanceof ControlError) return signal.reason
  logger.error({ path, error: toldInFull(thrown) }, 'a control call failed for an unknown reason')
  return errorToTell(thrown)
}
