/** The Order API over HTTP. What it answers is described in `openapi.ts`. */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { defaultParseLimits } from '../orders/parse-order.ts'
import { defaultOrderLimits } from '../orders/rule.ts'
import {
  type Clock,
  type Logger,
  type Metrics,
  messageOf,
  StreamsError,
  silentLogger,
  type Tracer,
} from '../streams/index.ts'
import { OrderApiError, systemCodeOf } from './errors.ts'
import type { OrderIngestion } from './ingestion.ts'
import { openApiDocument } from './openapi.ts'
import { type RequestLimits, readOrderRequest } from './order-request.ts'
import { OrderTracing } from './order-tracing.ts'
import { requestMeters } from './request-meters.ts'

export interface OrderApiOptions {
  readonly ingestion: Pick<OrderIngestion, 'accept'>
  readonly clock: Clock
  /** The address to listen on; 127.0.0.1 by default. */
  readonly host?: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly logger?: Logger
  /** Where requests are counted. */
  readonly metrics?: Metrics
  /** Traces requests, and what they send. */
  readonly tracer?: Tracer
  readonly maxBodyBytes?: number
  readonly limits?: Partial<RequestLimits>
}

export interface OrderApi {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  readonly port: number
  /** Takes no more requests, and ends when those under way are answered, or a few seconds later. */
  close(): Promise<void>
}

/** For probes, which are not counted. */
const healthPath = '/healthz'
const defaultMaxBodyBytes = 8 * 1024 * 1024
/** How long a client may take to send a request. */
const requestTimeoutMs = 60_000
/** How long closing waits for requests under way: a client that is stuck must not keep the program from stopping. */
const closeGraceMs = 5_000

/** @throws PORT_UNUSABLE */
export async function startOrderApi(options: OrderApiOptions): Promise<OrderApi> {
  const host = options.host ?? '127.0.0.1'
  const server = createServer(options)
  try {
    await server.listen({ host, port: options.port })
  } catch (error) {
    await server.close()
    throw listenError(error, host, options.port)
  }
  const address = server.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  const name = host.includes(':') ? `[${host}]` : host
  const close = async (): Promise<void> => {
    const grace = options.clock.setTimer(closeGraceMs, () => server.server.closeAllConnections())
    await server.close()
    grace.cancel()
  }
  return { url: `http://${name}:${port}`, port, close }
}

function createServer(options: OrderApiOptions): FastifyInstance {
  const { ingestion, clock, limits, logger = silentLogger } = options
  const maxBodyBytes = options.maxBodyBytes ?? defaultMaxBodyBytes
  const answerFailure = (error: unknown, reply: FastifyReply): FastifyReply => {
    const { status, ...failure } = failureOf(error, maxBodyBytes)
    if (status >= 500) logger.error({ err: error }, 'a request to the Order API failed')
    return fail(reply, status, failure)
  }
  const requestLimits = { maxOrders: 1000, parse: defaultParseLimits, order: defaultOrderLimits, ...limits }
  const server = fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    logger: false,
    frameworkErrors: (error, _request, reply) => answerFailure(error, reply),
  })
  server.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding'] ?? 'identity'
    done(encoding === 'identity' ? undefined : new PackedBody(encoding))
  })
  if (options.metrics !== undefined) {
    const count = requestMeters(options.metrics)
    server.addHook('onResponse', (request, reply, done) => {
      if (request.url !== healthPath) count(reply.statusCode, reply.elapsedTime)
      done()
    })
  }
  const tracing = options.tracer === undefined ? undefined : new OrderTracing(options.tracer)
  tracing?.follow(server, healthPath)
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )

  const accept = async (events: readonly Buffer[], nowMs: number, request: FastifyRequest) => {
    const result =
      tracing === undefined
        ? await ingestion.accept(events, nowMs)
        : await tracing.send(request, (headers) => ingestion.accept(events, nowMs, headers))
    const { accepted, duplicates } = result
    logger.debug({ accepted: accepted.length, duplicates }, 'orders were accepted')
    return result
  }

  server.get(healthPath, () => ({ status: 'ok' }))
  server.get('/v1/openapi.json', () => openApiDocument)
  server.post('/v1/orders', async (request, reply) => {
    const nowMs = clock.now()
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const orders = readOrderRequest(body, nowMs, requestLimits)
    switch (orders.kind) {
      case 'valid':
        return reply.code(202).send(await accept(orders.events, nowMs, request))
      case 'too-many': {
        const message = `the request has ${orders.count} orders, more than the ${requestLimits.maxOrders} that are taken`
        return fail(reply, 413, {
          error: 'TOO_MANY_ORDERS',
          message,
          remedy: 'send them in several requests',
        })
      }
      case 'invalid': {
        const { problems, isCut } = orders
        const more = isCut ? '; what comes after them was not looked at' : ''
        const message = `nothing was accepted; problems found: ${problems.length}${more}`
        const remedy = 'mend the fields that `problems` lists, and send all orders again'
        return fail(reply, 400, { error: 'ORDERS_INVALID', message, remedy, problems })
      }
    }
  })

  server.setNotFoundHandler((request, reply) =>
    fail(reply, 404, {
      error: 'NOT_FOUND',
      message: `there is no ${request.method} ${request.url}`,
      remedy: 'orders go to POST /v1/orders; GET /v1/openapi.json describes the API',
    }),
  )
  server.setErrorHandler((error, _request, reply) => answerFailure(error, reply))
  return server
}

/** The body is compressed, or encoded in another way. */
class PackedBody extends Error {
  constructor(encoding: string) {
    super(`the request has the content encoding ${encoding}, which is not taken`)
  }
}

interface Failure {
  readonly error: string
  readonly message: string
  readonly remedy: string
  readonly problems?: readonly object[]
}

function fail(reply: FastifyReply, status: number, failure: Failure): FastifyReply {
  return reply.code(status).send({ problems: [], ...failure })
}

function failureOf(error: unknown, maxBodyBytes: number): Failure & { readonly status: number } {
  if (error instanceof StreamsError) {
    // Callers are strangers: names of brokers and users are for the server's own log.
    const remedy =
      error.recovery === 'retry' ? 'send the request again' : 'ask whoever runs the server to look at its log'
    return { status: 503, error: error.code, message: 'the log does not take orders at the moment', remedy }
  }
  if (error instanceof PackedBody) {
    const remedy = 'send the JSON as it is, without a content-encoding header'
    return { status: 415, error: 'ENCODING_NOT_TAKEN', message: error.message, remedy }
  }
  switch (systemCodeOf(error)) {
    case 'FST_ERR_BAD_URL': {
      const message = `the URL cannot be read: ${messageOf(error)}`
      return { status: 400, error: 'URL_INVALID', message, remedy: 'orders go to POST /v1/orders' }
    }
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const message = `the request has more than ${maxBodyBytes} bytes`
      return { status: 413, error: 'BODY_TOO_LARGE', message, remedy: 'send the orders in several requests' }
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': {
      const message = 'the request is not of the type application/json'
      return {
        status: 415,
        error: 'NOT_JSON_TYPE',
        message,
        remedy: 'send JSON with the header `content-type: application/json`',
      }
    }
  }
  const status = clientErrorOf(error)
  if (status !== undefined) {
    return { status, error: 'REQUEST_INVALID', message: messageOf(error), remedy: 'mend the request' }
  }
  const message = 'the server failed to handle the request'
  return {
    status: 500,
    error: 'SERVER_FAILED',
    message,
    remedy: 'ask whoever runs the server to look at its log',
  }
}

/** The status that fastify gives an error that is the client's. */
function clientErrorOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number')
    return undefined
  return error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : undefined
}

function listenError(error: unknown, host: string, port: number): OrderApiError {
  const at = `port ${port} on ${host}`
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${at} is in use: stop what listens there, or choose another with --api-port`,
    EACCES: `${at} may not be used by this user: choose one above 1023 with --api-port`,
    EADDRNOTAVAIL: `${at} cannot be used: this machine has no such address; choose one that it has with --api-host`,
    ENOTFOUND: `${at} cannot be used: the host name is not known; choose another with --api-host`,
  }
  const message = reasons[systemCodeOf(error) ?? ''] ?? `${at} cannot be used: ${messageOf(error)}`
  return new OrderApiError('PORT_UNUSABLE', message, { cause: error })
}
