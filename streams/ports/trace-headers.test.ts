import { assert, boolean, constantFrom, property, stringMatching, tuple } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sampledTraceIn, traceContextOf, traceParentOf, withTrace } from './trace-headers.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

function header(key: string, value: string | null) {
  return { key, value: value === null ? null : Buffer.from(value) }
}

describe('traceContextOf', () => {
  it('should read what it writes, whatever the ids', () => {
    const ids = tuple(stringMatching(/^[0-9a-f]{31}[1-9a-f]$/), stringMatching(/^[0-9a-f]{15}[1-9a-f]$/))
    assert(
      property(
        ids,
        boolean(),
        constantFrom('', 'vendor=1,other=2'),
        ([trace, span], isSampled, traceState) => {
          const context = { traceId: trace, spanId: span, isSampled, traceState }
          expect(traceContextOf(traceParentOf(context), traceState)).toEqual(context)
        },
      ),
    )
  })

  it.each([
    ['nothing', undefined],
    ['another text', 'hello'],
    ['capitals', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a span id of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['the version that there is not', `ff-${traceId}-${spanId}-01`],
    ['more than version 00 has', `00-${traceId}-${spanId}-01-more`],
    ['too few digits', `00-${traceId}-${spanId}-1`],
  ])('should take %s for no context', (_what, traceParent) => {
    expect(traceContextOf(traceParent)).toBeUndefined()
  })

  it('should take what it knows of a later version, and only the flag for sampled', () => {
    expect(traceContextOf(`01-${traceId}-${spanId}-03-more`)).toMatchObject({ traceId, isSampled: true })
    expect(traceContextOf(`00-${traceId}-${spanId}-02`)).toMatchObject({ isSampled: false })
  })

  it('should leave out a state that is longer than must be passed on', () => {
    expect(traceContextOf(`00-${traceId}-${spanId}-01`, 'x'.repeat(513))?.traceState).toBe('')
  })
})

describe('the headers of a record', () => {
  const context = { traceId, spanId, isSampled: true, traceState: 'vendor=1' }

  it('should carry the context and keep all others in their order', () => {
    const before = [
      header('a', '1'),
      header('traceparent', 'old'),
      header('b', null),
      header('tracestate', 'old'),
    ]
    const after = withTrace(before, context)
    expect(after).toEqual([
      header('a', '1'),
      header('b', null),
      header('traceparent', `00-${traceId}-${spanId}-01`),
      header('tracestate', 'vendor=1'),
    ])
    expect(sampledTraceIn(after)).toEqual(context)
  })

  it.each([
    ['none', undefined],
    ['others only', [header('a', '1')]],
    ['one without a value', [header('traceparent', null)]],
    ['one that is not sampled', [header('traceparent', `00-${traceId}-${spanId}-00`)]],
    ['one that is broken', [header('traceparent', 'x')]],
  ])('should not be sampled with %s', (_what, headers) => {
    expect(sampledTraceIn(headers)).toBeUndefined()
  })
})
