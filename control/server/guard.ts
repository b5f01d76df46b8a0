/** Who may make which call, and who is told of it. The server asks at every call; what it asks is given to it. */
import type { PeerCertificate } from 'node:tls'
import type { Metadata } from '@grpc/grpc-js'
import type { Caller } from '../call.ts'
import type { ControlError } from '../errors.ts'

/** A call as it comes in, before anything is known of its caller. */
export interface CallOrigin {
  /** Such as `/orderstreams.control.v1.StateService/GetRow`. */
  readonly path: string
  readonly metadata: Metadata
  /** Where it comes from, as `address:port`. */
  readonly peer: string
  /** What the caller has proved by its certificate, over mTLS. */
  readonly certificate: PeerCertificate | undefined
}

/** A call that changes something, for the records that are kept of such calls. */
export interface ChangingCall {
  readonly path: string
  readonly peer: string
  readonly requestId: string
  readonly request: unknown
  /** Another instance has passed it on, and keeps a record of its own. */
  readonly isForwarded: boolean
}

/** Told how a changing call has ended: with what it failed, or undefined when it succeeded. It must not throw. */
export type AuditEnd = (error: ControlError | undefined) => void

export interface Guard {
  /** @throws ControlError UNAUTHENTICATED, RATE_LIMITED */
  authenticate(origin: CallOrigin): Caller | Promise<Caller>
  /** @throws ControlError PERMISSION_DENIED */
  authorize(caller: Caller, path: string): void
  /** Told of each changing call before anything is done. What it throws ends the call, so that nothing changes unrecorded. */
  audit(call: ChangingCall, caller: Caller): Promise<AuditEnd>
  /** Told of a changing call that was not let in; `caller` is undefined when that is not known. It must not throw. */
  refused(call: ChangingCall, caller: Caller | undefined, error: ControlError): void
}

/** Whoever reaches the server may do everything: for a server that only this machine reaches. */
export const openGuard: Guard = {
  authenticate: () => ({ name: 'anonymous', role: 'operator' }),
  authorize: () => {},
  audit: async () => () => {},
  refused: () => {},
}

const readingVerb = /^(Get|List|Stream|Watch|Fetch|Batch|Explain|Diff|Check|Wait|ServerReflection)/

/** Whether a call changes something: by its name, as all names here begin with what the call does. */
export function isChanging(path: string): boolean {
  return !readingVerb.test(path.slice(path.lastIndexOf('/') + 1))
}

/** Health answers without credentials: probes have none. */
export function isHealth(path: string): boolean {
  return path.startsWith('/grpc.health.v1.Health/')
}

/** Marks a call that another instance has passed on. */
export const forwardedKey = 'order-streams-forwarded'
/** Marks one that an instance has passed on which does not run the topology. */
export const relayedKey = 'order-streams-relayed'
