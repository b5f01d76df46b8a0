/** Liveness and readiness over HTTP, for the probes of whatever runs the process. */
import { type FastifyReply, fastify } from 'fastify'
import { type Logger, messageOf, type StreamsApp } from '../streams/index.ts'
import { CommandFailed } from './failure.ts'
import { healthOf, shownTopology } from './health.ts'

export interface HealthServerOptions {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly streams: Pick<StreamsApp, 'status'>
  /** Aborted as soon as the process is to stop: it is not ready from then on. */
  readonly stopping: AbortSignal
  readonly logger: Logger
}

export interface HealthServer {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Start it before the application, so that it answers meanwhile, and close it last. A blocked event loop answers nothing,
 * which probes take for a failure as well.
 * @throws CommandFailed when it cannot listen there
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { host, port, streams, stopping, logger } = options
  const server = fastify({ logger: false, forceCloseConnections: true })
  let toldUnready = ''
  const live = (_request: unknown, reply: FastifyReply): FastifyReply => {
    const status = streams.status()
    return answer(reply, healthOf(status, stopping.aborted).dead, status)
  }
  server.get('/livez', live)
  server.get('/healthz', live)
  server.get('/readyz', (_request, reply) => {
    const status = streams.status()
    const { unready } = healthOf(status, stopping.aborted)
    const told = unready.join('; ')
    if (told !== '' && toldUnready === '') logger.warn({ reasons: unready }, 'not ready')
    if (told === '' && toldUnready !== '') logger.info({}, 'ready again')
    toldUnready = told
    return answer(reply, unready, status)
  })
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'NOT_FOUND', message: 'there are GET /livez, /readyz and /healthz' }),
  )
  try {
    const url = await server.listen({ host, port })
    const close = async (): Promise<void> => {
      await server.close()
    }
    return { url, close }
  } catch (error) {
    await server.close()
    throw new CommandFailed(
      `the health server cannot listen on ${host}:${port}: choose another port with --health-port or HEALTH_PORT, ` +
        `another address with HEALTH_HOST, or none with --health-port 0\n  ${messageOf(error)}`,
    )
  }
}

function answer(
  reply: FastifyReply,
  reasons: readonly string[],
  topologies: ReturnType<StreamsApp['status']>,
): FastifyReply {
  const isGood = reasons.length === 0
  return reply
    .code(isGood ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ status: isGood ? 'ok' : 'failing', reasons, topologies: topologies.map(shownTopology) })
}
