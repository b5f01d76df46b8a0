/** Errors of calls: what to do about one is decided by its reason, never by its text. */
import type { ServiceError, status } from '@grpc/grpc-js'
import { BadRequest, ErrorInfo, RetryInfo } from './generated/google/rpc/error_details.js'
import { Status } from './generated/google/rpc/status.js'

export class CallFailed extends Error {
  override readonly name = 'CallFailed'
  readonly code: status
  /** Stable, such as `KEY_NOT_FOUND`; empty when the error is not from the service itself, for example when nobody answers. */
  readonly reason: string
  /** What the error is about, by name. */
  readonly metadata: Readonly<Record<string, string>>
  /** Fields of the request with wrong values. */
  readonly fields: readonly { readonly field: string; readonly description: string }[]
  /** When the same call may succeed. */
  readonly retryInMs: number | undefined

  constructor(rpcStatus: Status) {
    super(rpcStatus.message)
    this.code = rpcStatus.code
    const detail = (name: string): Uint8Array | undefined =>
      rpcStatus.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value
    const [info, wrong, retry] = [detail('ErrorInfo'), detail('BadRequest'), detail('RetryInfo')]
    const { reason, metadata } = info === undefined ? { reason: '', metadata: {} } : ErrorInfo.decode(info)
    this.reason = reason
    this.metadata = metadata
    this.fields = wrong === undefined ? [] : BadRequest.decode(wrong).fieldViolations
    const retryDelay = retry === undefined ? undefined : RetryInfo.decode(retry).retryDelay
    this.retryInMs = retryDelay === undefined ? undefined : retryDelay.seconds * 1000 + retryDelay.nanos / 1e6
  }
}

/** Details of an error come in a trailer of the call. */
export function failureOf(error: unknown): CallFailed {
  if (!isServiceError(error)) throw error
  const [trailer] = error.metadata.get('grpc-status-details-bin')
  if (trailer instanceof Buffer) return new CallFailed(Status.decode(trailer))
  return new CallFailed({ code: error.code, message: error.details, details: [] })
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}
