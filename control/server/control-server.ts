/**
 * The gRPC server that all services hang on: it listens, lets callers in, and ends within a bounded time.
 *
 *     bound ─► serving ─► closing ─► closed
 *
 * Bound, its address is known, which others need before the services can be made; nothing is answered until it serves.
 */
import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js'
import {
  type Clock,
  type Logger,
  type Metrics,
  messageOf,
  StreamsError,
  type Tracer,
} from '../../streams/index.ts'
import type { Service } from '../call.ts'
import { ControlError } from '../errors.ts'
import { CallMeters } from './call-meters.ts'
import { type Guard, openGuard } from './guard.ts'
import { implementationOf, type RunningCall, type Serving } from './handlers.ts'
import { addIntrospection } from './introspection.ts'
import { RequestIds } from './request-ids.ts'
import { limitConnections } from './security/connection-limit.ts'

export interface ControlServerOptions {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly clock: Clock
  readonly logger: Logger
  /** Without one, whoever reaches the server may do everything. */
  readonly guard?: Guard
  /** Plaintext without them. */
  readonly credentials?: ServerCredentials
  readonly limits?: Partial<ServerLimits>
  /** Where calls are counted. */
  readonly metrics?: Metrics
  /** Traces calls. */
  readonly tracer?: Tracer
  /** Whether it tells tools what it serves and how its connections do: server reflection and channelz. True by default. */
  readonly introspection?: boolean
}

export interface ServerLimits {
  readonly receivedMessageMaxBytes: number
  readonly sentMessageMaxBytes: number
  /** Calls at the same time on one connection. */
  readonly maxConcurrentStreams: number
  /** At the same time; those beyond are closed at once. */
  readonly maxConnections: number
  /** A connection that is silent for this long is asked whether it still lives. */
  readonly keepaliveTimeMs: number
  /** One that does not answer within this time is closed. */
  readonly keepaliveTimeoutMs: number
  /** A connection without calls is closed after this time. */
  readonly connectionIdleMs: number
  /** How long calls that are under way may go on when the server is closed. */
  readonly closeGraceMs: number
}

const defaultLimits: ServerLimits = {
  receivedMessageMaxBytes: 4 * 1024 * 1024,
  sentMessageMaxBytes: 16 * 1024 * 1024,
  maxConcurrentStreams: 200,
  maxConnections: 1000,
  keepaliveTimeMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  connectionIdleMs: 30 * 60 * 1000,
  closeGraceMs: 3_000,
}

export interface BoundServer {
  readonly host: string
  readonly port: number
  /** `host:port`, as clients on this machine or in this network give it. */
  readonly address: string
  /** Streams that are under way. */
  readonly openStreams: number
  /** Begins to answer. */
  serve(services: readonly Service[]): void
  /** Streams end at once, other calls have some time; after that all connections are cut. */
  close(): Promise<void>
}

export interface ControlServer {
  readonly address: string
  close(): Promise<void>
}

/** @throws CONFIGURATION_INVALID when it cannot listen there */
export async function startControlServer(
  options: ControlServerOptions & { readonly services: readonly Service[] },
): Promise<ControlServer> {
  const server = await bindControlServer(options)
  server.serve(options.services)
  return server
}

/** @throws CONFIGURATION_INVALID when it cannot listen there */
export async function bindControlServer(options: ControlServerOptions): Promise<BoundServer> {
  const { host, clock, logger, guard = openGuard, credentials = ServerCredentials.createInsecure() } = options
  const limits = { ...defaultLimits, ...options.limits }
  const { introspection = true } = options
  // What grpc-js says of itself belongs into the log, not on the console; errors reach their callers besides.
  const note = (...words: readonly unknown[]): void =>
    logger.debug({}, `grpc: ${words.map(String).join(' ')}`)
  setLogger({ debug: note, info: note, error: note })
  const server = new Server({
    'grpc.max_receive_message_length': limits.receivedMessageMaxBytes,
    'grpc.max_send_message_length': limits.sentMessageMaxBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.max_connection_idle_ms': limits.connectionIdleMs,
  })
  const calls = new Set<RunningCall>()
  const meters = new CallMeters(options.metrics)
  const serving: Serving = {
    guard,
    clock,
    logger,
    requestIds: new RequestIds(clock),
    meters,
    tracer: options.tracer,
    calls,
  }
  const port = await listen(server, host, options.port, credentials)
  const endLimit = limitConnections(port, limits.maxConnections, logger)
  let closing: Promise<void> | undefined
  return {
    host,
    port,
    address: addressOf(host, port),
    get openStreams() {
      return meters.openStreams
    },
    serve: (services) => {
      for (const service of services)
        server.addService(grpcDefinition(service), implementationOf(service, serving))
      if (introspection) addIntrospection(server, services, guard)
    },
    close: () => {
      closing ??= shutDown(server, calls, limits.closeGraceMs, clock).finally(endLimit)
      return closing
    },
  }
}

/** A host of IPv6 in brackets. */
export function addressOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function listen(server: Server, host: string, port: number, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(addressOf(host, port), credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else {
        server.forceShutdown()
        reject(
          new StreamsError(
            'CONFIGURATION_INVALID',
            `the control server cannot listen on ${addressOf(host, port)}: ${messageOf(error)}`,
            { details: { host, port }, cause: error },
          ),
        )
      }
    })
  })
}

/** Definitions of services are grpc-js's own; the type of `Service` keeps only what handlers need. */
function grpcDefinition({ definition }: Service): Parameters<Server['addService']>[0] {
  return definition as Parameters<Server['addService']>[0]
}

async function shutDown(
  server: Server,
  calls: Set<RunningCall>,
  graceMs: number,
  clock: Clock,
): Promise<void> {
  const reason = new ControlError('SHUTTING_DOWN', 'this instance is being stopped; call another one')
  for (const call of [...calls]) if (call.isStream) call.abort(reason)
  await new Promise<void>((resolve) => {
    // Those that have not ended by themselves are told to, and have a last moment to say so.
    const abortTimer = clock.setTimer(graceMs * 0.8, () => {
      for (const call of [...calls]) call.abort(reason)
    })
    const forceTimer = clock.setTimer(graceMs, () => {
      server.forceShutdown()
      resolve()
    })
    server.tryShutdown(() => {
      abortTimer.cancel()
      forceTimer.cancel()
      resolve()
    })
  })
}
