/** Errors of calls: each has a stable reason of `errors.proto`, which decides its canonical status. */
import type { ErrorReason } from './generated/orderstreams/control/v1/errors.ts'

/** A reason without the prefix that the proto's style asks for. */
export type Reason = Exclude<WithoutPrefix<ErrorReason>, 'UNSPECIFIED' | 'UNRECOGNIZED'>

type WithoutPrefix<E> = E extends `ERROR_REASON_${infer R}` ? R : never

/** A field that has a value that it may not have. */
export interface FieldViolation {
  /** As the proto names it, with a path where it is nested: `stage.topology`. */
  readonly field: string
  /** The value, what it must be, and the remedy. */
  readonly description: string
}

export interface ControlErrorDetails {
  readonly fields?: readonly FieldViolation[]
  /** For programs: what the error is about, such as the store. */
  readonly metadata?: Readonly<Record<string, string>>
  /** When the same call may succeed. */
  readonly retryInMs?: number
  readonly cause?: unknown
}

/** @example throw new ControlError('STORE_NOT_FOUND', 'topology cleanse has no store "x"; it has order-memory', { metadata: { store: 'x' } }) */
export class ControlError extends Error {
  readonly reason: Reason
  readonly details: ControlErrorDetails

  constructor(reason: Reason, message: string, details: ControlErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ControlError'
    this.reason = reason
    this.details = details
  }
}

/** A request with a field that has a wrong value. */
export function invalidField(field: string, description: string): ControlError {
  return new ControlError('REQUEST_INVALID', `${field}: ${description}`, { fields: [{ field, description }] })
}
