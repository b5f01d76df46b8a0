import { createServer } from 'node:net'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../ports/observability.ts'
import type { TraceContext } from '../../ports/tracing.ts'
import { activeTrace } from '../active-trace.ts'
import { systemClock } from '../system/system-clock.ts'
import { type OpenTelemetryOptions, openTelemetryTracer } from './open-telemetry-tracer.ts'

const sampled: TraceContext = {
  traceId: 'c'.repeat(32),
  spanId: 'd'.repeat(16),
  isSampled: true,
  traceState: 'vendor=1',
}

function open(options: Partial<OpenTelemetryOptions> = {}) {
  const exporter = new InMemorySpanExporter()
  const tracer = openTelemetryTracer({
    serviceName: 'shop',
    serviceVersion: '1.2.3',
    instanceId: 'a',
    sampleRatio: 1,
    endpoint: '',
    clock: systemClock,
    logger: silentLogger,
    processor: new SimpleSpanProcessor(exporter),
    ...options,
  })
  return { tracer, finished: () => exporter.getFinishedSpans() }
}

describe('openTelemetryTracer', () => {
  it('should continue a trace with its state, and end spans with what was said of them', () => {
    const { tracer, finished } = open()
    const span = tracer.start({
      name: 'process orders',
      kind: 'consumer',
      parent: sampled,
      attributes: { a: 1 },
    })
    expect(span.context).toMatchObject({ traceId: sampled.traceId, isSampled: true, traceState: 'vendor=1' })
    span.set({ b: 'two' })
    span.link({ ...sampled, spanId: 'e'.repeat(16) })
    span.event('sent')
    span.fail(new Error('no'))
    span.end()
    const [ended] = finished()
    expect(ended).toMatchObject({
      name: 'process orders',
      attributes: { a: 1, b: 'two', 'error.type': 'Error' },
      status: { message: 'no' },
      resource: {
        attributes: { 'service.name': 'shop', 'service.version': '1.2.3', 'service.instance.id': 'a' },
      },
    })
    expect(ended?.parentSpanContext?.spanId).toBe(sampled.spanId)
    expect(ended?.links.map(({ context }) => context.spanId)).toEqual(['e'.repeat(16)])
    expect(ended?.events.map(({ name }) => name)).toEqual(['sent'])
  })

  it.each<
    [what: string, ratio: number, parent: TraceContext | undefined, links: TraceContext[], expected: boolean]
  >([
    ['by chance, which is sure', 1, undefined, [], true],
    ['by chance, which is none', 0, undefined, [], false],
    ['as its parent is', 0, sampled, [], true],
    ['as its parent is not', 1, { ...sampled, isSampled: false }, [], false],
    ['as what it is linked to', 0, undefined, [sampled], true],
  ])('should sample a span %s', (_what, sampleRatio, parent, links, expected) => {
    const { tracer, finished } = open({ sampleRatio })
    const span = tracer.start({ name: 'x', kind: 'internal', parent, links })
    span.end()
    expect(span.context.isSampled).toBe(expected)
    expect(finished()).toHaveLength(expected ? 1 : 0)
  })

  it('should let the log know of a sampled span in all that comes of its work, and only there', async () => {
    const { tracer } = open({ sampleRatio: 0 })
    const span = tracer.start({ name: 'x', kind: 'server', parent: sampled })
    const seen = await tracer.within(span, async () => {
      await Promise.resolve()
      return activeTrace()
    })
    expect(seen).toEqual(span.context)
    const other = tracer.start({ name: 'y', kind: 'server' })
    expect(tracer.within(other, activeTrace)).toBeUndefined()
    expect(activeTrace()).toBeUndefined()
  })

  it('should end within a bounded time though the receiver never answers', async () => {
    const server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const tracer = openTelemetryTracer({
      ...{ serviceName: 'shop', serviceVersion: '1', instanceId: 'a', sampleRatio: 1 },
      ...{ endpoint: `http://127.0.0.1:${port}`, clock: systemClock, logger: silentLogger },
    })
    tracer.start({ name: 'x', kind: 'internal' }).end()
    const beforeMs = performance.now()
    await tracer.close()
    expect(performance.now() - beforeMs).toBeLessThan(4_000)
    server.close()
  })

  it('should refuse an endpoint that is no URL, naming the setting', () => {
    const options = {
      serviceName: 's',
      serviceVersion: '1',
      instanceId: 'a',
      sampleRatio: 1,
      endpoint: 'jaeger',
    }
    expect(() => openTelemetryTracer({ ...options, clock: systemClock, logger: silentLogger })).toThrow(
      /tracingEndpoint is "jaeger"/,
    )
  })
})
