import { afterEach, describe, expect, it } from 'vitest'
import { type Headers, StreamsError } from '../streams/index.ts'
import { ManualClock } from '../streams/testing/index.ts'
import { sampleOrder } from '../tests/support/order-files.ts'
import { recordSpans, type SpanRecorder } from '../tests/support/recorded-spans.ts'
import { waitFor } from '../tests/support/waiting.ts'
import { type OrderApi, startOrderApi } from './http-server.ts'

const open: OrderApi[] = []

afterEach(async () => {
  for (const api of open.splice(0)) await api.close()
})

/** The Order API over a log that keeps the headers of what is sent to it. */
async function start(tracer: SpanRecorder, append: () => void = () => {}) {
  const sent: (Record<string, string | undefined> | undefined)[] = []
  const accept = async (events: readonly Buffer[], _timeMs: number, headers?: Headers) => {
    append()
    sent.push(headers && Object.fromEntries(headers.map(({ key, value }) => [key, value?.toString()])))
    return { accepted: events.map(() => ({ order_id: '1', status: 'PAID' })), duplicates: 0 }
  }
  const api = await startOrderApi({
    ingestion: { accept },
    clock: new ManualClock(Date.now()),
    port: 0,
    tracer,
  })
  open.push(api)
  const post = (headers: Readonly<Record<string, string>> = {}, path = '/v1/orders') =>
    fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(sampleOrder('1')),
    })
  const ended = (count: number) =>
    waitFor('the spans end', () => tracer.spans.filter(({ isEnded }) => isEnded).length === count)
  return { api, sent, post, ended }
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

describe('a traced Order API', () => {
  it('should continue the trace of a request, and send its context with the orders', async () => {
    const tracer = recordSpans()
    const { post, sent, ended } = await start(tracer)
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    expect((await post({ traceparent, tracestate: 'vendor=1' })).status).toBe(202)
    await ended(2)
    const [request, sending] = tracer.spans
    expect(request).toMatchObject({
      name: 'POST /v1/orders',
      kind: 'server',
      parentId: '00f067aa0ba902b7',
      attributes: { 'http.route': '/v1/orders', 'http.response.status_code': 202 },
    })
    expect(sending).toMatchObject({ kind: 'producer', parentId: request?.context.spanId })
    const context = `00-${traceId}-${sending?.context.spanId}-01`
    expect(sent).toEqual([{ traceparent: context, tracestate: 'vendor=1' }])
  })

  it('should pass on that a caller records nothing, and send nothing of a trace of its own that is not recorded', async () => {
    const tracer = recordSpans({ isSampled: false })
    const { post, sent } = await start(tracer)
    await post({ traceparent: `00-${traceId}-00f067aa0ba902b7-00` })
    await post()
    await post({ traceparent: 'nonsense' })
    expect(sent[0]?.['traceparent']).toMatch(new RegExp(`^00-${traceId}-.{16}-00$`))
    expect(sent.slice(1)).toEqual([{}, {}])
  })

  it('should tell of failures, by routes that there are, and leave out probes', async () => {
    const tracer = recordSpans()
    const { api, post, ended } = await start(tracer, () => {
      throw new StreamsError('LOG_UNAVAILABLE', 'Kafka is away')
    })
    await fetch(`${api.url}/healthz`)
    expect((await post()).status).toBe(503)
    expect((await post({}, '/made/up')).status).toBe(404)
    await ended(3)
    expect(
      tracer.spans.map(({ name, error, attributes }) => [name, error, attributes['error.type']]),
    ).toEqual([
      ['POST /v1/orders', undefined, '503'],
      ['send orders', 'Kafka is away', undefined],
      ['POST', undefined, undefined],
    ])
  })
})
