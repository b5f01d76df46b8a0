/**
 * Traces by OpenTelemetry: spans are made by its SDK, and sent by OTLP over HTTP.
 *
 * Invariants:
 * 1. Nothing waits for the exporter: ended spans wait in a queue of bounded length, and those beyond it are dropped.
 * 2. That spans cannot be sent is logged once, and once more that they can again.
 * 3. Nothing is registered globally: who has the tracer traces, nobody else does.
 */
import {
  type Span as ApiSpan,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/observability.ts'
import type { Span, SpanStart, TraceContext, Tracer } from '../../ports/tracing.ts'
import { withinTrace } from '../active-trace.ts'
import { reportedOnce } from './reported-once.ts'

export interface OpenTelemetryOptions {
  readonly serviceName: string
  readonly serviceVersion: string
  readonly instanceId: string
  /** Share of the traces begun here that is recorded, from 0 to 1. */
  readonly sampleRatio: number
  /** Of the OTLP receiver over HTTP; empty is what the variables of OpenTelemetry say, else http://localhost:4318. */
  readonly endpoint: string
  readonly clock: Clock
  readonly logger: Logger
  /** Instead of the one over HTTP, for tests. */
  readonly processor?: SpanProcessor
}

export interface OpenTracer extends Tracer {
  /** Sends what waits. Takes a bounded time, and never throws. */
  close(): Promise<void>
}

const queueMaxSpans = 8192
const sendDelayMs = 1_000
const sendTimeoutMs = 5_000
const closeMaxMs = 2_000
const tracesPath = '/v1/traces'

/** @throws CONFIGURATION_INVALID for an endpoint that is no URL */
export function openTelemetryTracer(options: OpenTelemetryOptions): OpenTracer {
  const { clock, logger } = options
  const provider = new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root: sampledByLinks(options.sampleRatio) }),
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': options.serviceName,
        'service.version': options.serviceVersion,
        'service.instance.id': options.instanceId,
      }),
    ),
    spanProcessors: [options.processor ?? sending(exporterOf(options), options)],
  })
  const tracer = provider.getTracer('order-streams', options.serviceVersion)
  return {
    start: ({ name, kind, parent, links = [], attributes = {} }) => {
      const context =
        parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent))
      const span = tracer.startSpan(
        name,
        { kind: kinds[kind], attributes: { ...attributes }, links: links.map(linkTo) },
        context,
      )
      return new OpenTelemetrySpan(span)
    },
    within: (span, work) => (span.context.isSampled ? withinTrace(span.context, work) : work()),
    close: async () => {
      const ended = provider
        .shutdown()
        .catch((error: unknown) => logger.debug({ reason: messageOf(error) }, 'traces were not sent'))
      await new Promise<void>((resolve) => {
        const late = clock.setTimer(closeMaxMs, resolve)
        void ended.then(() => {
          late.cancel()
          resolve()
        })
      })
    },
  }
}

class OpenTelemetrySpan implements Span {
  readonly context: TraceContext
  private readonly span: ApiSpan

  constructor(span: ApiSpan) {
    this.span = span
    const { traceId, spanId, traceFlags, traceState } = span.spanContext()
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0
    this.context = { traceId, spanId, isSampled, traceState: traceState?.serialize() ?? '' }
  }

  set(attributes: NonNullable<SpanStart['attributes']>): void {
    this.span.setAttributes({ ...attributes })
  }

  link(to: TraceContext): void {
    this.span.addLink(linkTo(to))
  }

  event(name: string, attributes: SpanStart['attributes'] = {}): void {
    this.span.addEvent(name, { ...attributes })
  }

  fail(error: unknown): void {
    const type =
      error instanceof StreamsError ? error.code : error instanceof Error ? error.name : typeof error
    this.span.setAttribute('error.type', type)
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) })
  }

  end(): void {
    this.span.end()
  }
}

const kinds: Readonly<Record<SpanStart['kind'], SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

/** What begins a trace belongs to those that it is linked to; else chance decides. */
function sampledByLinks(ratio: number): Sampler {
  const byChance = new TraceIdRatioBasedSampler(ratio)
  return {
    shouldSample: (context, traceId, _name, _kind, _attributes, links) =>
      links.some(({ context: { traceFlags } }) => (traceFlags & TraceFlags.SAMPLED) !== 0)
        ? { decision: SamplingDecision.RECORD_AND_SAMPLED }
        : byChance.shouldSample(context, traceId),
    toString: () => `SampledByLinks{${ratio}}`,
  }
}

function spanContextOf({ traceId, spanId, isSampled, traceState }: TraceContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(traceState === '' ? {} : { traceState: createTraceState(traceState) }),
  }
}

function linkTo(context: TraceContext): Link {
  return { context: spanContextOf(context) }
}

function sending(exporter: SpanExporter, { logger }: OpenTelemetryOptions): SpanProcessor {
  return new BatchSpanProcessor(reportedOnce(exporter, logger), {
    maxQueueSize: queueMaxSpans,
    scheduledDelayMillis: sendDelayMs,
    exportTimeoutMillis: sendTimeoutMs,
  })
}

function exporterOf({ endpoint }: OpenTelemetryOptions): SpanExporter {
  if (endpoint === '') return new OTLPTraceExporter({ timeoutMillis: sendTimeoutMs })
  const url = parsed(endpoint)
  if (url.pathname === '/') url.pathname = tracesPath
  return new OTLPTraceExporter({ url: url.href, timeoutMillis: sendTimeoutMs })
}

function parsed(endpoint: string): URL {
  try {
    return new URL(endpoint)
  } catch (error) {
    throw new StreamsError(
      'CONFIGURATION_INVALID',
      `tracingEndpoint is ${JSON.stringify(endpoint)}; it must be a URL such as http://localhost:4318`,
      { details: { setting: 'tracingEndpoint' }, cause: error },
    )
  }
}
