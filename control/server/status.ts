/**
 * Errors as gRPC carries them (AIP-193): a canonical code for each reason, and in the trailer `grpc-status-details-bin` a
 * google.rpc.Status with exactly one ErrorInfo, a BadRequest when fields are wrong, and a RetryInfo when a repeat may succeed.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type ErrorCode, messageOf, StreamsError } from '../../streams/index.ts'
import { ControlError, type FieldViolation, type Reason } from '../errors.ts'
import type { Any } from '../generated/google/protobuf/any.ts'
import { BadRequest, ErrorInfo, RetryInfo } from '../generated/google/rpc/error_details.ts'
import { Status } from '../generated/google/rpc/status.ts'

export const errorDomain = 'orderstreams'

const detailsKey = 'grpc-status-details-bin'

/** Reasons that are no error codes of the engine, with their canonical codes. */
const callReasons = {
  REQUEST_INVALID: status.INVALID_ARGUMENT,
  TOPOLOGY_NOT_FOUND: status.NOT_FOUND,
  STORE_NOT_FOUND: status.NOT_FOUND,
  KEY_NOT_FOUND: status.NOT_FOUND,
  TASK_NOT_FOUND: status.NOT_FOUND,
  CHECKPOINT_NOT_FOUND: status.NOT_FOUND,
  DEAD_LETTER_NOT_FOUND: status.NOT_FOUND,
  DEAD_LETTER_SETTLED: status.FAILED_PRECONDITION,
  RECORD_GONE: status.FAILED_PRECONDITION,
  DEAD_LETTER_NOT_REPLAYABLE: status.FAILED_PRECONDITION,
  MAX_ATTEMPTS_REACHED: status.FAILED_PRECONDITION,
  OPERATION_NOT_FOUND: status.NOT_FOUND,
  TASK_AWAY: status.UNAVAILABLE,
  INSTANCE_UNREACHABLE: status.UNAVAILABLE,
  ISOLATION_UNAVAILABLE: status.FAILED_PRECONDITION,
  REQUEST_ID_REUSED: status.ALREADY_EXISTS,
  PAGE_TOKEN_INVALID: status.INVALID_ARGUMENT,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  CALL_CANCELLED: status.CANCELLED,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  SHUTTING_DOWN: status.UNAVAILABLE,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
} as const satisfies Record<Exclude<Reason, ErrorCode>, status>

/** The engine's error codes, as calls end with them. */
const engineReasons = {
  RECORD_NOT_DECODABLE: status.DATA_LOSS,
  RECORD_NOT_ENCODABLE: status.INVALID_ARGUMENT,
  RECORD_NULL_NOT_ALLOWED: status.INVALID_ARGUMENT,
  RECORD_TOO_LARGE: status.INVALID_ARGUMENT,
  SCHEMA_UNKNOWN: status.FAILED_PRECONDITION,
  OPERATOR_FAILED: status.FAILED_PRECONDITION,
  SINK_ROW_REJECTED: status.FAILED_PRECONDITION,
  PRODUCER_FENCED: status.ABORTED,
  SINK_FENCED: status.ABORTED,
  MEMBER_UNKNOWN: status.ABORTED,
  INSTANCE_FENCED: status.FAILED_PRECONDITION,
  TRANSACTION_OUTCOME_UNKNOWN: status.ABORTED,
  TRANSACTION_ABORTED: status.ABORTED,
  STATE_CORRUPT: status.DATA_LOSS,
  OFFSET_GAP: status.ABORTED,
  LOG_UNAVAILABLE: status.UNAVAILABLE,
  REGISTRY_UNAVAILABLE: status.UNAVAILABLE,
  SINK_UNAVAILABLE: status.UNAVAILABLE,
  STAGE_NOT_FOUND: status.NOT_FOUND,
  STAGE_NOT_PAUSED: status.FAILED_PRECONDITION,
  STAGE_HELD: status.FAILED_PRECONDITION,
  CONFIGURATION_INVALID: status.FAILED_PRECONDITION,
  TOPOLOGY_INVALID: status.FAILED_PRECONDITION,
  PATTERN_INVALID: status.FAILED_PRECONDITION,
  PATTERN_LIMIT_REACHED: status.RESOURCE_EXHAUSTED,
  TIMERS_ENDLESS: status.FAILED_PRECONDITION,
  TOPIC_UNKNOWN: status.NOT_FOUND,
  TOPIC_MISMATCH: status.FAILED_PRECONDITION,
  TASK_STUCK: status.FAILED_PRECONDITION,
  MEMORY_BUDGET_EXCEEDED: status.RESOURCE_EXHAUSTED,
  TOPOLOGY_MIXED: status.FAILED_PRECONDITION,
  PARTITIONS_CHANGED: status.FAILED_PRECONDITION,
  PARTITIONS_NOT_ALIKE: status.FAILED_PRECONDITION,
  SCHEMA_INCOMPATIBLE: status.FAILED_PRECONDITION,
  SCHEMA_INVALID: status.FAILED_PRECONDITION,
  SCHEMA_NOT_REGISTERED: status.FAILED_PRECONDITION,
  REGISTRY_REFUSED: status.FAILED_PRECONDITION,
  OFFSET_OUT_OF_RANGE: status.OUT_OF_RANGE,
  LOG_UNREADABLE: status.DATA_LOSS,
  LOG_REFUSED: status.FAILED_PRECONDITION,
  STATE_DIRECTORY_LOCKED: status.FAILED_PRECONDITION,
  STATE_DIRECTORY_UNUSABLE: status.FAILED_PRECONDITION,
  STATE_NOT_ENCODABLE: status.FAILED_PRECONDITION,
  STATE_FORMAT_UNSUPPORTED: status.FAILED_PRECONDITION,
  STORAGE_FULL: status.RESOURCE_EXHAUSTED,
  SINK_FAILED: status.FAILED_PRECONDITION,
  PROCESSING_STOPPED: status.FAILED_PRECONDITION,
  SAVEPOINT_NOT_FOUND: status.NOT_FOUND,
  SAVEPOINT_EXISTS: status.ALREADY_EXISTS,
  SAVEPOINT_CORRUPT: status.DATA_LOSS,
  TOPOLOGY_RUNNING: status.FAILED_PRECONDITION,
  RESTORE_UNFINISHED: status.FAILED_PRECONDITION,
  CLOSED: status.UNAVAILABLE,
  INVARIANT_VIOLATED: status.INTERNAL,
} as const satisfies Record<ErrorCode, status>

/** The canonical code of each reason. */
export const codeOfReason: Readonly<Record<Reason, status>> = { ...engineReasons, ...callReasons }

/** Reasons that calls have beside the engine's error codes. */
export const reasonsOfCalls: readonly Reason[] = Object.keys(callReasons).filter(isReason)

/** Of these, the same call may succeed a little later; callers wait for this time when the error names none. */
const retryableCodes = new Set<status>([status.UNAVAILABLE, status.ABORTED])
const defaultRetryMs = 500

/** Trailers are headers of HTTP/2, of which peers take some kilobytes. */
const messageMaxChars = 1_500
const valueMaxChars = 300
const descriptionMaxChars = 500
const valuesMax = 12
const fieldsMax = 8

const unknownErrorText = 'the call failed for a reason that is not known; the log of the instance tells more'

/** What is thrown, as calls end with it. Undefined for what is not known: that is a defect, and not for strangers to read. */
export function knownError(error: unknown): ControlError | undefined {
  if (error instanceof ControlError) return error
  if (!(error instanceof StreamsError)) return undefined
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(error.details))
    if (value !== null) metadata[name] = String(value)
  return new ControlError(error.code, error.message, { metadata, cause: error })
}

/** As `knownError`, with a text in place of what is not known. */
export function errorToTell(error: unknown): ControlError {
  return knownError(error) ?? new ControlError('INVARIANT_VIOLATED', unknownErrorText, { cause: error })
}

/** Whether the same call may succeed later. */
export function isRetryable({ reason, details }: ControlError): boolean {
  return details.retryInMs !== undefined || retryableCodes.has(codeOfReason[reason])
}

/** An error as google.rpc.Status: also what a failed operation has. */
export function rpcStatusOf(error: ControlError): Status {
  const { reason, message, details } = error
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(details.metadata ?? {}).slice(0, valuesMax))
    metadata[name] = shortened(value, valueMaxChars)
  const info = ErrorInfo.encode({ reason, domain: errorDomain, metadata }).finish()
  const parts = [packed('google.rpc.ErrorInfo', info)]
  const fields = details.fields ?? []
  if (fields.length > 0) {
    const fieldViolations = fields.slice(0, fieldsMax).map(({ field, description }) => ({
      field,
      description: shortened(description, descriptionMaxChars),
      reason: '',
      localizedMessage: undefined,
    }))
    parts.push(packed('google.rpc.BadRequest', BadRequest.encode({ fieldViolations }).finish()))
  }
  const retryInMs = details.retryInMs ?? (isRetryable(error) ? defaultRetryMs : undefined)
  if (retryInMs !== undefined) {
    const retryDelay = { seconds: Math.floor(retryInMs / 1000), nanos: Math.round((retryInMs % 1000) * 1e6) }
    parts.push(packed('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay }).finish()))
  }
  return { code: codeOfReason[reason], message: shortened(message, messageMaxChars), details: parts }
}

/** What grpc-js ends a call with. */
export function serviceErrorOf(error: ControlError): {
  readonly code: status
  readonly details: string
  readonly metadata: Metadata
} {
  const rpcStatus = rpcStatusOf(error)
  const metadata = new Metadata()
  metadata.set(detailsKey, Buffer.from(Status.encode(rpcStatus).finish()))
  return { code: rpcStatus.code, details: rpcStatus.message, metadata }
}

/** What a call of another server ended with: the error as it was there, or what its code says when it carries none of ours. */
export function controlErrorOf(error: ServiceError): ControlError {
  const [bytes] = error.metadata?.get(detailsKey) ?? []
  const told = bytes instanceof Buffer ? errorOfStatus(bytes, error) : undefined
  return told ?? new ControlError(reasonOfCode(error), error.details || error.message, { cause: error })
}

function errorOfStatus(bytes: Buffer, cause: ServiceError): ControlError | undefined {
  try {
    const { message, details } = Status.decode(bytes)
    let reason: string | undefined
    let metadata: Readonly<Record<string, string>> = {}
    let fields: readonly FieldViolation[] = []
    let retryInMs: number | undefined
    for (const { typeUrl, value } of details) {
      if (typeUrl.endsWith('/google.rpc.ErrorInfo')) {
        const info = ErrorInfo.decode(value)
        if (info.domain === errorDomain) ({ reason, metadata } = info)
      } else if (typeUrl.endsWith('/google.rpc.BadRequest')) {
        fields = BadRequest.decode(value).fieldViolations
      } else if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
        const { retryDelay } = RetryInfo.decode(value)
        if (retryDelay !== undefined) retryInMs = retryDelay.seconds * 1000 + retryDelay.nanos / 1e6
      }
    }
    if (reason === undefined || !isReason(reason)) return undefined
    return new ControlError(reason, message, {
      ...(fields.length > 0
        ? { fields: fields.map(({ field, description }) => ({ field, description })) }
        : {}),
      metadata,
      ...(retryInMs === undefined ? {} : { retryInMs }),
      cause,
    })
  } catch {
    // Not a Status: somebody else's trailer.
    return undefined
  }
}

function isReason(text: string): text is Reason {
  return Object.hasOwn(codeOfReason, text)
}

function reasonOfCode({ code, details }: ServiceError): Reason {
  switch (code) {
    case status.UNAVAILABLE:
      return 'INSTANCE_UNREACHABLE'
    case status.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED'
    case status.CANCELLED:
      return 'CALL_CANCELLED'
    case status.UNIMPLEMENTED:
      return 'UNIMPLEMENTED'
    case status.UNAUTHENTICATED:
      return 'UNAUTHENTICATED'
    case status.PERMISSION_DENIED:
      return 'PERMISSION_DENIED'
    case status.RESOURCE_EXHAUSTED:
      // A message beyond the limits never fits, however long one waits.
      return /larger than max|exceed/i.test(details) ? 'REQUEST_INVALID' : 'RATE_LIMITED'
    case status.INVALID_ARGUMENT:
      return 'REQUEST_INVALID'
    default:
      return 'INVARIANT_VIOLATED'
  }
}

export function packed(typeName: string, value: Uint8Array): Any {
  return { typeUrl: `type.googleapis.com/${typeName}`, value: Buffer.from(value) }
}

function shortened(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1)}…`
}

/** The whole of an error for the log, with what caused it. */
export function toldInFull(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}
