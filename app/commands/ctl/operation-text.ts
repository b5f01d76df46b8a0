/** Operations carry messages of any kind: which ones ours carry, and how they are told. */
import type { Operation } from '../../../control/generated/google/longrunning/operations.ts'
import type { Any } from '../../../control/generated/google/protobuf/any.ts'
import {
  Savepoint,
  StateVerification,
  WorkProgress,
} from '../../../control/generated/orderstreams/control/v1/checkpoint_service.ts'
import { ReplayResult } from '../../../control/generated/orderstreams/control/v1/dead_letter_service.ts'
import { count } from '../../output.ts'
import { jsonOf } from './format.ts'

interface Packed<T> {
  decode(bytes: Uint8Array): T
}

const packages: Readonly<Record<string, Packed<object>>> = {
  'orderstreams.control.v1.WorkProgress': WorkProgress,
  'orderstreams.control.v1.Savepoint': Savepoint,
  'orderstreams.control.v1.StateVerification': StateVerification,
  'orderstreams.control.v1.ReplayResult': ReplayResult,
}

/** The message in it as JSON with its type; of a type that is not known, its bytes. */
function unpacked({ typeUrl, value }: Any): unknown {
  const name = typeNameOf(typeUrl)
  const message = packages[name]?.decode(value)
  return { '@type': typeUrl, ...(message === undefined ? { value: jsonOf(value) } : Object(jsonOf(message))) }
}

function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
}

/** An operation for programs: named as grpcurl names it. */
export function operationData(operation: Operation) {
  const { name, done, metadata, result } = operation
  const outcome =
    result === undefined
      ? {}
      : result.$case === 'error'
        ? { error: { code: result.value.code, message: result.value.message } }
        : { response: unpacked(result.value) }
  return { name, done, ...(metadata === undefined ? {} : { metadata: unpacked(metadata) }), ...outcome }
}

/** What came of it, for people; undefined while it is under way, and when it failed, which its state tells. */
export function resultOf({ result }: Operation): unknown {
  return result?.$case === 'response' ? unpacked(result.value) : undefined
}

export function progressOf({ metadata }: Operation): WorkProgress | undefined {
  if (metadata === undefined || typeNameOf(metadata.typeUrl) !== 'orderstreams.control.v1.WorkProgress')
    return undefined
  return WorkProgress.decode(metadata.value)
}

/** `under way`, `done`, or `failed: ` and why. */
export function stateOf({ done, result }: Operation): string {
  if (result?.$case === 'error') return `failed: ${result.value.message}`
  return done ? 'done' : 'under way'
}

/** `VerifyState cleanse: reading order-memory, 12,000 of 20,000 (60%)`. */
export function progressText({ call, target, step, done, total }: WorkProgress): string {
  const far =
    total > 0
      ? `, ${count(done)} of ${count(total)} (${Math.floor((done / total) * 100)}%)`
      : done > 0
        ? `, ${count(done)}`
        : ''
  return `${call} ${target}: ${step === '' ? 'begins' : step}${far}`
}
