import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { type LogFields, type Logger, type Metrics, StreamsError, silentLogger } from '../../streams/index.ts'
import { MemoryMetrics } from '../../streams/testing/index.ts'
import { failureOf } from '../../tests/support/control-harness.ts'
import { type EchoHandlers, echoDefinition, plainEcho } from '../../tests/support/echo-service.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { type Call, service } from '../call.ts'
import { ControlError, invalidField } from '../errors.ts'
import { type BoundServer, bindControlServer, type ServerLimits } from './control-server.ts'
import { type Guard, openGuard } from './guard.ts'
import { callStream, callUnary } from './outgoing.ts'

const { getEcho, watch } = echoDefinition
let server: BoundServer
let client: Client

afterEach(async () => {
  client?.close()
  await server?.close()
})

async function serve(
  handlers: Partial<EchoHandlers>,
  more: { limits?: Partial<ServerLimits>; guard?: Guard; logger?: Logger; metrics?: Metrics } = {},
): Promise<void> {
  server = await bindControlServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger: more.logger ?? silentLogger,
    guard: more.guard ?? openGuard,
    limits: { closeGraceMs: 300, ...more.limits },
    ...(more.metrics === undefined ? {} : { metrics: more.metrics }),
  })
  server.serve([service(echoDefinition, { ...plainEcho, ...handlers })])
  client = new Client(server.address, credentials.createInsecure(), { 'grpc.enable_retries': 0 })
}

/** A handler that tells of its call and waits until it is ended. */
function waiting(): { handler: EchoHandlers['getEcho']; called: Promise<Call>; ended: Promise<unknown> } {
  let tellCalled: (call: Call) => void = () => {}
  let tellEnded: (reason: unknown) => void = () => {}
  const called = new Promise<Call>((resolve) => {
    tellCalled = resolve
  })
  const ended = new Promise<unknown>((resolve) => {
    tellEnded = resolve
  })
  const handler: EchoHandlers['getEcho'] = (_request, call) =>
    new Promise((_resolve, reject) => {
      tellCalled(call)
      call.signal.addEventListener('abort', () => {
        tellEnded(call.signal.reason)
        reject(new Error('whatever breaks then'))
      })
    })
  return { handler, called, ended }
}

describe('the control server', () => {
  it('should count calls by their status, how long they took, and streams that are open', async () => {
    const metrics = new MemoryMetrics()
    let isGood = true
    await serve(
      {
        getEcho: async () => {
          if (!isGood) throw new ControlError('KEY_NOT_FOUND', 'there is none')
          return { text: 'yes' }
        },
        async *watch(_request, { signal }) {
          yield { text: 'first' }
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
      },
      { metrics },
    )
    await callUnary(client, getEcho, { text: 'x' })
    isGood = false
    await failureOf(callUnary(client, getEcho, { text: 'x' }))
    const method = getEcho.path.split('/')[2]!
    expect(metrics.total('control_calls_total', { method, code: 'OK' })).toBe(1)
    expect(metrics.total('control_calls_total', { method, code: 'NOT_FOUND' })).toBe(1)
    const durations = metrics.snapshot().find(({ name }) => name === 'control_call_duration_ms')
    expect(durations).toMatchObject({ labels: { method }, count: 2 })
    const stream = callStream(client, watch, { text: 'x' })
    await stream.next()
    await waitFor('the stream is open', () => server.openStreams === 1)
    await stream.return(undefined)
    await waitFor('it is not any more', () => server.openStreams === 0)
  })

  it('should answer calls, and tell its handlers who calls until when', async () => {
    let seen: Call | undefined
    await serve({
      getEcho: async ({ text }, call) => {
        seen = call
        return { text: `${text}!` }
      },
    })
    const deadlineMs = Date.now() + 5_000
    const metadata = new Metadata()
    metadata.set('authorization', 'Bearer t')
    expect(await callUnary(client, getEcho, { text: 'hello' }, { deadlineMs, metadata })).toEqual({
      text: 'hello!',
    })
    expect(seen).toMatchObject({
      caller: { name: 'anonymous', role: 'operator' },
      isForwarded: false,
      authorization: 'Bearer t',
    })
    expect(Math.abs(seen!.deadlineMs! - deadlineMs)).toBeLessThan(1_000)
  })

  it('should end a call with the error of its handler, as it was', async () => {
    await serve({
      getEcho: async () => {
        throw invalidField('text', 'is "x"; it must be y')
      },
    })
    expect(await failureOf(callUnary(client, getEcho, { text: 'x' }))).toMatchObject({
      reason: 'REQUEST_INVALID',
      message: 'text: is "x"; it must be y',
      details: { fields: [{ field: 'text', description: 'is "x"; it must be y' }] },
    })
  })

  it('should end a call with the code of an error of the engine, and its details', async () => {
    await serve({
      getEcho: async () => {
        throw new StreamsError('LOG_UNAVAILABLE', 'no broker answers', {
          details: { broker: 'a:1', attempt: 3 },
        })
      },
    })
    expect(await failureOf(callUnary(client, getEcho, { text: '' }))).toMatchObject({
      reason: 'LOG_UNAVAILABLE',
      details: { metadata: { broker: 'a:1', attempt: '3' }, retryInMs: 500 },
    })
  })

  it('should log what is not known, and tell strangers nothing of it', async () => {
    const logged: LogFields[] = []
    const logger: Logger = { ...silentLogger, error: (fields) => void logged.push(fields) }
    await serve(
      {
        getEcho: async () => {
          throw new TypeError('secret of the house')
        },
      },
      { logger },
    )
    const error = await failureOf(callUnary(client, getEcho, { text: '' }))
    expect(error).toMatchObject({ reason: 'INVARIANT_VIOLATED' })
    expect(String(error)).not.toContain('secret')
    expect(logged).toMatchObject([{ path: getEcho.path }])
    expect(String(logged[0]!['error'])).toContain('TypeError: secret of the house')
  })

  it('should tell a handler that its caller has cancelled', async () => {
    const { handler, called, ended } = waiting()
    await serve({ getEcho: handler })
    const abort = new AbortController()
    const answer = failureOf(callUnary(client, getEcho, { text: '' }, { signal: abort.signal }))
    await called
    abort.abort(new Error('enough'))
    expect(await ended).toMatchObject({ reason: 'CALL_CANCELLED' })
    expect(await answer).toMatchObject({ message: 'enough' })
  })

  it('should tell a handler that the deadline has passed', async () => {
    const { handler, ended } = waiting()
    await serve({ getEcho: handler })
    const answer = failureOf(callUnary(client, getEcho, { text: '' }, { deadlineMs: Date.now() + 100 }))
    expect(await ended).toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
    expect(await answer).toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
  })

  it('should take no more of a stream than its caller takes in, and stop it when he leaves', async () => {
    let made = 0
    let hasStopped = false
    const text = 'x'.repeat(100_000)
    await serve({
      async *watch() {
        try {
          for (;;) {
            made++
            yield { text }
          }
        } finally {
          hasStopped = true
        }
      },
    })
    let taken = 0
    for await (const answer of callStream(client, watch, { text: '' })) {
      expect(answer.text).toHaveLength(100_000)
      if (++taken < 3) continue
      // As long as nothing more is taken, no more comes than fits into the buffers in between.
      const before = await waitFor('the stream stands still', async () => {
        const madeBefore = made
        for (let turn = 0; turn < 200; turn++) await systemClock.yieldTurn()
        return made === madeBefore && made
      })
      expect(before).toBeLessThan(200)
      break
    }
    await waitFor('the handler ends', () => hasStopped)
  })

  it('should end a stream with the error that its handler throws in the midst of it', async () => {
    await serve({
      async *watch() {
        yield { text: 'one' }
        throw new ControlError('TASK_AWAY', 'moved', { retryInMs: 1234 })
      },
    })
    const taken: string[] = []
    const error = await failureOf(
      (async () => {
        for await (const { text } of callStream(client, watch, { text: '' })) taken.push(text)
      })(),
    )
    expect(taken).toEqual(['one'])
    expect(error).toMatchObject({ reason: 'TASK_AWAY', details: { retryInMs: 1234 } })
  })

  it('should refuse a request beyond the limit', async () => {
    await serve({}, { limits: { receivedMessageMaxBytes: 1_000 } })
    expect(await failureOf(callUnary(client, getEcho, { text: 'x'.repeat(2_000) }))).toMatchObject({
      reason: 'REQUEST_INVALID',
      message: expect.stringContaining('larger than max'),
    })
  })

  it('should let nobody in whom its guard refuses, not to reflection and channelz either', async () => {
    const guard: Guard = {
      ...openGuard,
      authenticate: () => {
        throw new ControlError('UNAUTHENTICATED', 'who are you?')
      },
    }
    await serve({}, { guard })
    expect(await failureOf(callUnary(client, getEcho, { text: '' }))).toMatchObject({
      reason: 'UNAUTHENTICATED',
    })
    for (const path of ['/grpc.channelz.v1.Channelz/GetServers']) {
      const error = await new Promise<ServiceError | null>((resolve) => {
        const same = (bytes: Buffer): Buffer => bytes
        client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (failed) => resolve(failed))
      })
      expect(error?.code).toBe(status.UNAUTHENTICATED)
    }
  })

  it('should let calls end that are under way when it is closed, and end streams at once', async () => {
    let answer: () => void = () => {}
    let isCalled = false
    let streams = 0
    await serve(
      {
        getEcho: ({ text }) =>
          new Promise((resolve) => {
            isCalled = true
            answer = () => resolve({ text })
          }),
        async *watch(_request, { signal }) {
          streams++
          yield { text: 'first' }
          await new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          )
        },
      },
      { limits: { closeGraceMs: 10_000 } },
    )
    const unary = callUnary(client, getEcho, { text: 'last words' })
    const stream = callStream(client, watch, { text: '' })
    await stream.next()
    const streamEnd = failureOf(stream.next())
    await waitFor('both are under way', () => isCalled && streams === 1)
    const closed = server.close()
    expect(await streamEnd).toMatchObject({ reason: 'SHUTTING_DOWN' })
    answer()
    expect(await unary).toEqual({ text: 'last words' })
    await closed
  })

  it('should be closed within its time, whatever handlers do', async () => {
    const { handler, called } = waiting()
    let isStuck = false
    await serve({
      getEcho: handler,
      change: () => {
        isStuck = true
        return new Promise(() => {})
      },
    })
    const ends = [
      failureOf(callUnary(client, getEcho, { text: '' })),
      failureOf(callUnary(client, echoDefinition.change, { text: '' })),
    ]
    await called
    await waitFor('the other call is under way', () => isStuck)
    const startMs = performance.now()
    await server.close()
    expect(performance.now() - startMs).toBeLessThan(5_000)
    const [told, cut] = await Promise.all(ends)
    expect(told).toMatchObject({ reason: 'SHUTTING_DOWN' })
    expect(cut).toBeInstanceOf(ControlError)
  })

  it('should say where it cannot listen', async () => {
    await serve({})
    const error = await failureOf(
      bindControlServer({ host: '127.0.0.1', port: server.port, clock: systemClock, logger: silentLogger }),
    )
    expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(String(error)).toContain('EADDRINUSE')
    expect(String(error)).toContain(server.address)
  })
})
