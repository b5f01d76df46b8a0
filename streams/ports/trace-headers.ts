/**
 * W3C Trace Context, as it travels in the headers of records, of HTTP requests and of gRPC calls.
 *
 * What is not of the form that the recommendation gives is as if it were not there.
 */
import type { Headers } from '../records/record-batch.ts'
import type { TraceContext } from './tracing.ts'

export const traceParentHeader = 'traceparent'
export const traceStateHeader = 'tracestate'

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const noTraceId = '0'.repeat(32)
const noSpanId = '0'.repeat(16)
/** Longer ones need not be passed on. */
const traceStateMaxLength = 512

/** Undefined when there is none that is valid. */
export function traceContextOf(traceParent: string | undefined, traceState = ''): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = form.exec(traceParent ?? '') ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined)
    return undefined
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (traceId === noTraceId || spanId === noSpanId) return undefined
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1
  return { traceId, spanId, isSampled, traceState: traceState.length > traceStateMaxLength ? '' : traceState }
}

export function traceParentOf({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

/** The headers of a record that is made within a span; of those it had, the others stay. */
export function withTrace(headers: Headers, context: TraceContext): Headers {
  const others = headers.some(isOfTrace) ? headers.filter((header) => !isOfTrace(header)) : headers
  const parent = { key: traceParentHeader, value: Buffer.from(traceParentOf(context)) }
  if (context.traceState === '') return [...others, parent]
  return [...others, parent, { key: traceStateHeader, value: Buffer.from(context.traceState) }]
}

/** The context that a record was sent in, if it is to be recorded; to find that it is not costs next to nothing. */
export function sampledTraceIn(headers: Headers | undefined): TraceContext | undefined {
  if (headers === undefined) return undefined
  const traceParent = headerValue(headers, traceParentHeader)
  if (traceParent === undefined) return undefined
  const context = traceContextOf(textOf(traceParent))
  if (context?.isSampled !== true) return undefined
  const traceState = headerValue(headers, traceStateHeader)
  return traceState === undefined
    ? context
    : (traceContextOf(textOf(traceParent), textOf(traceState)) ?? context)
}

function headerValue(headers: Headers, name: string): Uint8Array | undefined {
  for (const { key, value } of headers) if (key === name) return value ?? undefined
  return undefined
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')
}

function isOfTrace({ key }: Headers[number]): boolean {
  return key === traceParentHeader || key === traceStateHeader
}
