import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleOrder } from '../support/order-files.ts'
import { type RunningProgram, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'
import { type OtlpReceiver, type ReceivedSpan, receiveTraces } from '../support/otlp-receiver.ts'
import { waitFor } from '../support/waiting.ts'

let directory: ReturnType<typeof temporaryDirectory>
let receiver: OtlpReceiver
let program: RunningProgram | undefined

beforeEach(async () => {
  directory = temporaryDirectory()
  receiver = await receiveTraces()
})

afterEach(async () => {
  program?.kill('SIGKILL')
  await program?.ended
  directory.dispose()
  await receiver.close()
})

function start(endpoint: string): RunningProgram {
  const settings = {
    dataDir: join(directory.path, 'data'),
    tracing: 'on',
    tracingEndpoint: endpoint,
    tracingSampleRatio: '1',
    tracingServiceName: 'shop',
    logLevel: 'debug',
    logFormat: 'json',
    apiPort: '0',
    httpPort: '0',
    controlPort: '0',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  program = startOrderStreams(['start', '--input', '/dev/null', ...flags])
  return program
}

async function send(stderr: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const url = /The Order API listens at (http:\/\/[\d.]+:\d+)/.exec(stderr)?.[1]
  const response = await fetch(`${url}/v1/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(sampleOrder('traced-1')),
  })
  return response.status
}

describe('an order that is traced', () => {
  it('should have one trace from its request through the topologies into the database, which the log names', async () => {
    const running = start(receiver.url)
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const stderr = await running.said('The Order API listens at')
    expect(await send(stderr, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })).toBe(202)
    const ofTrace = () => receiver.spans.filter((span) => span.traceId === traceId)
    const header = () => rowsOf('process order-processed', ofTrace())
    await waitFor('the header of the order in its table', () => header() !== undefined)
    running.kill('SIGTERM')
    const result = await running.ended
    expect(result.code).toBe(0)

    const spans = ofTrace()
    const write = header()
    expect(wayOf(write!, spans)).toEqual([
      'POST /v1/orders',
      'send orders',
      'process order-raw',
      'process order-parsed',
      'process order-processed',
      'write orders.db',
    ])
    const request = spans.find(({ name }) => name === 'POST /v1/orders')
    expect(request).toMatchObject({ parentSpanId: '00f067aa0ba902b7', kind: 2, service: 'shop' })
    expect(write).toMatchObject({ kind: 3, attributes: { 'db.system.name': 'sqlite' } })
    const topologies = spans.map(({ attributes }) => attributes['order_streams.topology'])
    expect(topologies).toEqual(expect.arrayContaining(['ingest', 'cleanse', 'statistics', 'detection']))

    const line = result.stderr.split('\n').find((text) => text.includes('orders were accepted'))
    expect(JSON.parse(line!)).toMatchObject({ accepted: 1, trace_id: traceId, span_id: request?.spanId })
  })

  it('should be processed all the same where nobody takes traces, which is told once, and the program should end in order', async () => {
    await receiver.close()
    const running = start(receiver.url)
    const stderr = await running.said('The Order API listens at')
    expect(await send(stderr)).toBe(202)
    await running.said('traces cannot be sent')
    const beforeMs = performance.now()
    running.kill('SIGTERM')
    const result = await running.ended
    expect(result.code).toBe(0)
    expect(performance.now() - beforeMs).toBeLessThan(15_000)
    expect(result.stderr.split('traces cannot be sent')).toHaveLength(2)
  })
})

/** The span of the rows in the database that came of a record. */
function rowsOf(processing: string, spans: readonly ReceivedSpan[]): ReceivedSpan | undefined {
  const processed = spans.filter(({ name }) => name === processing).map(({ spanId }) => spanId)
  return spans.find(
    ({ name, parentSpanId }) => name === 'write orders.db' && processed.includes(parentSpanId),
  )
}

/** The names of the spans from the one that began the trace here to the one given. */
function wayOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
  return parent === undefined ? [span.name] : [...wayOf(parent, spans), span.name]
}
