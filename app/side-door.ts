/** The HTTP side door: probes for whatever runs the process, and metrics. Nothing can be changed through it. */
import { type FastifyReply, fastify } from 'fastify'
import type { MetricsPage } from '../control/http/metrics.ts'
import { type Logger, messageOf, type StreamsApp } from '../streams/index.ts'
import { ConfigError } from './config.ts'
import { type Config, check } from './config-schema.ts'
import { CommandFailed } from './failure.ts'
import { healthOf, type Phase, shownTopology } from './health.ts'

export interface SideDoorAddress {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  /** Nobody asked for the port: when it is taken, any other will do. */
  readonly isPortFree?: boolean
}

export interface SideDoorOptions extends SideDoorAddress {
  readonly streams: Pick<StreamsApp, 'status'>
  /** Absent: none are served. */
  readonly metrics?: Pick<MetricsPage, 'text' | 'contentType'>
  /** Ready it is while it is running only. */
  readonly phase: () => Phase
  /** Called at each question for readiness with the reasons why it is not; with none while it is. */
  readonly onReadiness?: (unready: readonly string[]) => void
}

export interface SideDoor {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Where it is to be; undefined when it is not wanted. `healthHost` and `healthPort` are older names of its settings.
 * @throws ConfigError when both names are used, for different ports
 */
export function sideDoorAddress(config: Config): SideDoorAddress | undefined {
  const { httpServer, httpHost, httpPort, healthHost, healthPort } = config
  const defaultPort = check('httpPort', undefined)?.value
  if (healthPort !== 0 && httpPort !== defaultPort && httpPort !== healthPort) {
    throw new ConfigError([
      `httpPort is ${httpPort}, and healthPort, an older name of it, is ${healthPort}: leave healthPort out`,
    ])
  }
  if (httpServer === 'off') return undefined
  if (healthPort !== 0) return { host: healthHost, port: healthPort }
  return { host: httpHost, port: httpPort, isPortFree: httpPort === defaultPort }
}

/**
 * Start it before the application, so that it answers meanwhile, and close it last. A blocked event loop answers nothing,
 * which probes take for a failure as well.
 * @throws CommandFailed when it cannot listen there
 */
export async function startSideDoor(options: SideDoorOptions): Promise<SideDoor> {
  const { host, port, isPortFree = false } = options
  try {
    return await listen(options, port)
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    if (isTaken && isPortFree) return listen(options, 0)
    throw new CommandFailed(
      `the HTTP side door cannot listen on ${host}:${port}: choose another port with --http-port or HTTP_PORT (by their older ` +
        'name --health-port or HEALTH_PORT), another address with HTTP_HOST, or none with --set httpServer=off' +
        `\n  ${messageOf(error)}`,
    )
  }
}

async function listen(options: SideDoorOptions, port: number): Promise<SideDoor> {
  const { host, streams, phase, onReadiness, metrics } = options
  const server = fastify({ logger: false, forceCloseConnections: true })
  const live = (_request: unknown, reply: FastifyReply): FastifyReply => {
    const status = streams.status()
    return answer(reply, healthOf(status, phase()).dead, status)
  }
  server.get('/livez', live)
  server.get('/healthz', live)
  server.get('/readyz', (_request, reply) => {
    const status = streams.status()
    const { unready } = healthOf(status, phase())
    onReadiness?.(unready)
    return answer(reply, unready, status)
  })
  if (metrics !== undefined) {
    server.get('/metrics', async (_request, reply) =>
      reply
        .header('content-type', metrics.contentType)
        .header('cache-control', 'no-store')
        .send(await metrics.text()),
    )
  }
  server.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .send({ error: 'NOT_FOUND', message: 'there are GET /livez, /readyz, /healthz and /metrics' }),
  )
  try {
    const url = await server.listen({ host, port })
    const close = async (): Promise<void> => {
      await server.close()
    }
    return { url, close }
  } catch (error) {
    await server.close()
    throw error
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

/** By the configuration; undefined when none is wanted. @throws ConfigError, CommandFailed */
export async function openSideDoor(
  config: Config,
  options: Omit<SideDoorOptions, keyof SideDoorAddress>,
  logger: Logger,
): Promise<SideDoor | undefined> {
  const address = sideDoorAddress(config)
  if (address === undefined) return undefined
  const sideDoor = await startSideDoor({ ...address, ...options })
  logger.info({}, `the HTTP side door listens at ${sideDoor.url}`)
  return sideDoor
}
