/** The spans of requests to the Order API: of each request, and of what it sends to the log. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  type Headers,
  noHeaders,
  type Span,
  type Tracer,
  traceContextOf,
  traceParentHeader,
  traceStateHeader,
  withTrace,
} from '../streams/index.ts'

interface RequestTrace {
  readonly span: Span
  /** Whether the caller has begun the trace: then it goes on even where it is not recorded, as nobody here may end it. */
  readonly isContinued: boolean
}

export class OrderTracing {
  private readonly tracer: Tracer
  private readonly requests = new WeakMap<FastifyRequest, RequestTrace>()

  constructor(tracer: Tracer) {
    this.tracer = tracer
  }

  /** Every request has a span, but for those to a path for probes. */
  follow(server: FastifyInstance, untracedPath: string): void {
    server.addHook('onRequest', (request, _reply, done) => {
      if (request.url === untracedPath) done()
      else this.tracer.within(this.begin(request), done)
    })
    // The body came by events of the connection, which know of no request.
    server.addHook('preHandler', (request, _reply, done) => {
      const span = this.requests.get(request)?.span
      if (span === undefined) done()
      else this.tracer.within(span, done)
    })
    server.addHook('onResponse', (request, reply, done) => {
      const span = this.requests.get(request)?.span
      span?.set({ 'http.response.status_code': reply.statusCode })
      if (reply.statusCode >= 500) span?.set({ 'error.type': String(reply.statusCode) })
      span?.end()
      done()
    })
  }

  /** Sends events in a span, whose context goes along in the headers of their records. */
  async send<T>(request: FastifyRequest, append: (headers: Headers) => Promise<T>): Promise<T> {
    const trace = this.requests.get(request)
    if (trace === undefined) return append(noHeaders)
    const span = this.tracer.start({
      name: 'send orders',
      kind: 'producer',
      parent: trace.span.context,
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
      },
    })
    try {
      const isPassedOn = span.context.isSampled || trace.isContinued
      return await append(isPassedOn ? withTrace(noHeaders, span.context) : noHeaders)
    } catch (error) {
      span.fail(error)
      throw error
    } finally {
      span.end()
    }
  }

  private begin(request: FastifyRequest): Span {
    const { method, headers } = request
    const parent = traceContextOf(textOf(headers[traceParentHeader]), textOf(headers[traceStateHeader]))
    // The path of the route, as paths that people make up would be names without end.
    const route = request.routeOptions.url ?? ''
    const span = this.tracer.start({
      name: route === '' ? method : `${method} ${route}`,
      kind: 'server',
      parent,
      attributes: { 'http.request.method': method, ...(route === '' ? {} : { 'http.route': route }) },
    })
    this.requests.set(request, { span, isContinued: parent !== undefined })
    return span
  }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0]
}
