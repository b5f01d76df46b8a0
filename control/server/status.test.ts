import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamsError } from '../../streams/index.ts'
import { ControlError, type ControlErrorDetails, type Reason } from '../errors.ts'
import { BadRequest, ErrorInfo, RetryInfo } from '../generated/google/rpc/error_details.ts'
import { Status } from '../generated/google/rpc/status.ts'
import {
  codeOfReason,
  controlErrorOf,
  errorToTell,
  isRetryable,
  rpcStatusOf,
  serviceErrorOf,
} from './status.ts'

function received(error: ControlError): ControlError {
  const { code, details, metadata } = serviceErrorOf(error)
  return controlErrorOf(Object.assign(new Error(details), { code, details, metadata }))
}

function foreign(code: status, details: string, trailer?: Buffer): ServiceError {
  const metadata = new Metadata()
  if (trailer !== undefined) metadata.set('grpc-status-details-bin', trailer)
  return Object.assign(new Error(details), { code, details, metadata })
}

const reasons = Object.keys(codeOfReason) as Reason[]
const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const details: fc.Arbitrary<ControlErrorDetails> = fc.record(
  {
    fields: fc.array(fc.record({ field: text, description: text }), { minLength: 1, maxLength: 5 }),
    metadata: fc.dictionary(fc.constantFrom('store', 'topology', 'task'), text),
    retryInMs: fc.nat({ max: 10_000_000 }),
  },
  { requiredKeys: [] },
)

describe('errors of calls', () => {
  it('should come to the caller as they were thrown', () => {
    fc.assert(
      fc.property(fc.constantFrom(...reasons), text, details, (reason, message, given) => {
        const error = new ControlError(reason, message, given)
        const got = received(error)
        expect(got.reason).toBe(reason)
        expect(got.message).toBe(message === '' ? '' : message)
        expect(got.details.fields ?? []).toEqual(given.fields ?? [])
        expect(got.details.metadata ?? {}).toEqual({ ...given.metadata })
        expect(got.details.retryInMs).toBe(given.retryInMs ?? (isRetryable(error) ? 500 : undefined))
      }),
    )
  })

  it('should carry exactly one ErrorInfo, of our domain and without prefix', () => {
    for (const reason of reasons) {
      const { code, details: parts } = rpcStatusOf(new ControlError(reason, 'x'))
      const infos = parts.filter(({ typeUrl }) => typeUrl === 'type.googleapis.com/google.rpc.ErrorInfo')
      expect(infos.map(({ value }) => ErrorInfo.decode(value))).toEqual([
        { reason, domain: 'orderstreams', metadata: {} },
      ])
      expect(code).toBe(codeOfReason[reason])
      expect(code).not.toBe(status.OK)
    }
  })

  it('should name wrong fields in a BadRequest and the time of a retry in a RetryInfo', () => {
    const fields = [{ field: 'stage.topology', description: 'is empty' }]
    const { details: parts } = rpcStatusOf(
      new ControlError('REQUEST_INVALID', 'x', { fields, retryInMs: 1_500 }),
    )
    const [, bad, retry] = parts
    expect(BadRequest.decode(bad!.value).fieldViolations).toMatchObject(fields)
    expect(RetryInfo.decode(retry!.value)).toEqual({ retryDelay: { seconds: 1, nanos: 500_000_000 } })
  })

  it('should fit into trailers however long what they tell is', () => {
    const long = 'é'.repeat(100_000)
    const fields = Array.from({ length: 500 }, () => ({ field: 'a', description: long }))
    const metadata = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, long]))
    const error = new ControlError('REQUEST_INVALID', long, { fields, metadata })
    expect(Status.encode(rpcStatusOf(error)).finish().length).toBeLessThan(24_000)
    expect(received(error).reason).toBe('REQUEST_INVALID')
  })

  it('should tell of an error of the engine its code and details, and of an unknown one nothing', () => {
    const known = errorToTell(
      new StreamsError('OFFSET_GAP', 'hole', { details: { topic: 'a', offset: 7, first: true, last: null } }),
    )
    expect(known).toMatchObject({
      reason: 'OFFSET_GAP',
      message: 'hole',
      details: { metadata: { topic: 'a', offset: '7', first: 'true' } },
    })
    const unknown = errorToTell(new RangeError('inside'))
    expect(unknown.reason).toBe('INVARIANT_VIOLATED')
    expect(unknown.message).not.toContain('inside')
  })

  it('should be told by their code when they come from something else', () => {
    const codes: [status, string, Reason][] = [
      [status.UNAVAILABLE, 'ECONNREFUSED', 'INSTANCE_UNREACHABLE'],
      [status.DEADLINE_EXCEEDED, '', 'DEADLINE_EXCEEDED'],
      [status.CANCELLED, '', 'CALL_CANCELLED'],
      [status.UNIMPLEMENTED, '', 'UNIMPLEMENTED'],
      [status.RESOURCE_EXHAUSTED, 'Received message larger than max (9 vs. 4)', 'REQUEST_INVALID'],
      [status.RESOURCE_EXHAUSTED, 'slow down', 'RATE_LIMITED'],
      [status.DATA_LOSS, '', 'INVARIANT_VIOLATED'],
    ]
    for (const [code, message, reason] of codes)
      expect(controlErrorOf(foreign(code, message)).reason, message).toBe(reason)
    expect(controlErrorOf(foreign(status.UNAVAILABLE, 'x', Buffer.from('no status'))).reason).toBe(
      'INSTANCE_UNREACHABLE',
    )
    const elsewhere = ErrorInfo.encode({ reason: 'TASK_AWAY', domain: 'other.com', metadata: {} }).finish()
    const trailer = Status.encode({
      code: status.UNAVAILABLE,
      message: 'x',
      details: [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(elsewhere) }],
    }).finish()
    expect(controlErrorOf(foreign(status.UNAVAILABLE, 'x', Buffer.from(trailer))).reason).toBe(
      'INSTANCE_UNREACHABLE',
    )
  })
})
