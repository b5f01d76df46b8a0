import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../streams/index.ts'
import { ManualClock } from '../../streams/testing/index.ts'
import { type EchoHandlers, echoDefinition, plainEcho } from '../../tests/support/echo-service.ts'
import { recordSpans, type SpanRecorder } from '../../tests/support/recorded-spans.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { service } from '../call.ts'
import { ControlError } from '../errors.ts'
import { passOnTrace } from './call-tracing.ts'
import { startControlServer } from './control-server.ts'
import { callStream, callUnary } from './outgoing.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(tracer: SpanRecorder, handlers: Partial<EchoHandlers>): Promise<Client> {
  const server = await startControlServer({
    host: '127.0.0.1',
    port: 0,
    clock: new ManualClock(0),
    logger: silentLogger,
    tracer,
    services: [service(echoDefinition, { ...plainEcho, ...handlers })],
  })
  const client = new Client(server.address, credentials.createInsecure())
  closers.push(
    () => server.close(),
    () => client.close(),
  )
  return client
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

function traced(): { readonly metadata: Metadata } {
  const metadata = new Metadata()
  metadata.set('traceparent', `00-${traceId}-00f067aa0ba902b7-01`)
  return { metadata }
}

describe('a control call that is traced', () => {
  it('should continue the trace of its caller, and let it go on where it is passed on to', async () => {
    const tracer = recordSpans()
    const owner = await serve(tracer, {})
    const other = await serve(tracer, {
      getEcho: (request, { trace }) => {
        const metadata = new Metadata()
        passOnTrace(trace, metadata)
        return callUnary(owner, echoDefinition.getEcho, request, { metadata })
      },
    })
    await callUnary(other, echoDefinition.getEcho, { text: 'hello' }, traced())
    const [first, second] = tracer.spans
    expect(first).toMatchObject({
      name: 'test.Echo/GetEcho',
      kind: 'server',
      parentId: '00f067aa0ba902b7',
      context: { traceId },
      attributes: { 'rpc.system': 'grpc', 'rpc.method': 'GetEcho', 'rpc.grpc.status_code': 0 },
    })
    expect(second).toMatchObject({ parentId: first?.context.spanId, context: { traceId }, isEnded: true })
  })

  it('should say what it failed with, and end with its stream', async () => {
    const tracer = recordSpans()
    const client = await serve(tracer, {
      async *watch({ text }) {
        yield { text }
        throw new ControlError('TASK_AWAY', 'it moves')
      },
    })
    const answers: string[] = []
    const reading = async () => {
      for await (const { text } of callStream(client, echoDefinition.watch, { text: 'a' }, traced()))
        answers.push(text)
    }
    await expect(reading()).rejects.toThrow('it moves')
    expect(answers).toEqual(['a'])
    await waitFor('the span ends', () => tracer.spans[0]?.isEnded)
    expect(tracer.spans).toMatchObject([{ name: 'test.Echo/Watch', error: 'it moves' }])
  })
})
