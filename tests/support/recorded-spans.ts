/** A tracer that samples everything and keeps what was told of each span; ids count up. */
import { messageOf } from '../../streams/errors.ts'
import type { Span, SpanAttributes, SpanStart, TraceContext, Tracer } from '../../streams/ports/tracing.ts'

export interface RecordedSpan {
  readonly name: string
  readonly kind: SpanStart['kind']
  readonly context: TraceContext
  /** The span that it is part of. */
  readonly parentId: string | undefined
  /** The spans that it is linked to. */
  readonly links: string[]
  readonly attributes: Record<string, SpanAttributes[string]>
  readonly events: string[]
  error: string | undefined
  isEnded: boolean
}

export interface SpanRecorder extends Tracer {
  /** In the order in which they began. */
  readonly spans: RecordedSpan[]
  named(name: string): RecordedSpan[]
}

export function recordSpans({ isSampled = true }: { readonly isSampled?: boolean } = {}): SpanRecorder {
  const spans: RecordedSpan[] = []
  const start = ({ name, kind, parent, links = [], attributes = {} }: SpanStart): Span => {
    const id = spans.length + 1
    const context: TraceContext = {
      traceId: parent?.traceId ?? id.toString(16).padStart(32, 'a'),
      spanId: id.toString(16).padStart(16, 'b'),
      isSampled: parent?.isSampled ?? isSampled,
      traceState: parent?.traceState ?? '',
    }
    const span: RecordedSpan = {
      name,
      kind,
      context,
      parentId: parent?.spanId,
      links: links.map(({ spanId }) => spanId),
      attributes: { ...attributes },
      events: [],
      error: undefined,
      isEnded: false,
    }
    spans.push(span)
    return {
      context,
      set: (more) => Object.assign(span.attributes, more),
      link: ({ spanId }) => span.links.push(spanId),
      event: (event) => span.events.push(event),
      fail: (error) => {
        span.error = messageOf(error)
      },
      end: () => {
        span.isEnded = true
      },
    }
  }
  return {
    spans,
    named: (name) => spans.filter((span) => span.name === name),
    start,
    within: (_span, work) => work(),
  }
}
