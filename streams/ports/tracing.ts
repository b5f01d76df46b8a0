/**
 * Traces, as the engine and the servers around it see them: spans of work, which belong together by what W3C Trace Context calls a
 * trace and a span.
 */

/** What a span is known by to others. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** Whether the trace is recorded; where it is not, nobody below records anything of it either. */
  readonly isSampled: boolean
  /** What vendors add, as it came; empty for nothing. */
  readonly traceState: string
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanStart {
  readonly name: string
  /** Who waits for whom: `server` answers a caller, `client` waits for a service, `producer` and `consumer` have a log in between. */
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  /**
   * Whose work it is part of. Without one a trace begins, which is sampled when something that it is linked to is, and else by the
   * share that was set.
   */
  readonly parent?: TraceContext | undefined
  /** Other spans that it comes of. */
  readonly links?: readonly TraceContext[]
  readonly attributes?: SpanAttributes
}

export interface Span {
  readonly context: TraceContext
  set(attributes: SpanAttributes): void
  link(to: TraceContext): void
  /** Something that happened right now. */
  event(name: string, attributes?: SpanAttributes): void
  /** It has come to nothing because of this error. */
  fail(error: unknown): void
  end(): void
}

/** Where spans go. To start and end them never waits, and never fails. */
export interface Tracer {
  start(span: SpanStart): Span
  /** Does work, and all that comes of it later, in a span: log messages name it. */
  within<T>(span: Span, work: () => T): T
}
