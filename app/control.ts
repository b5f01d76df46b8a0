/**
 * The control plane of this process: its gRPC server, what guards it, and the services.
 *
 * It listens before the application is made, for the application tells the others where it is reached; it answers from `serve` on.
 */
import { networkInterfaces } from 'node:os'
import type { Service } from '../control/call.ts'
import type { ControlContext } from '../control/context.ts'
import { addressOf, type BoundServer, bindControlServer } from '../control/server/control-server.ts'
import { healthService } from '../control/server/health-service.ts'
import { openOperations } from '../control/server/operations.ts'
import { openPeers } from '../control/server/peers.ts'
import { relaying } from '../control/server/relay.ts'
import { openSecurity, type Security } from '../control/server/security/open-security.ts'
import { checkpointService } from '../control/services/checkpoint-service.ts'
import { deadLetterService } from '../control/services/dead-letter-service.ts'
import { instanceService } from '../control/services/instance-service.ts'
import { stageService } from '../control/services/stage-service.ts'
import { stateService } from '../control/services/state-service.ts'
import { topologyService } from '../control/services/topology-service.ts'
import {
  type Metrics,
  messageOf,
  type SchemaRegistry,
  type StreamsApp,
  type Topology,
  type Tracer,
} from '../streams/index.ts'
import { Closers } from './closers.ts'
import type { Config } from './config-schema.ts'
import { controlLimitsOf, controlSecurityOf, isLoopback } from './control-security.ts'
import { CommandFailed } from './failure.ts'
import { servedHealth } from './health.ts'
import { orderTopologies, topologyNames } from './order-topologies.ts'
import { packageVersion } from './package-info.ts'
import type { Platform } from './platform.ts'
import { orderRejections } from './rejections.ts'
import { savepointDirectoryOf } from './savepoint-place.ts'

export interface Control {
  /** Where it listens, as `host:port`. */
  readonly address: string
  /** Where other instances reach it; null when they do not. */
  readonly endpoint: string | null
  /** What people should know of where it listens; empty when it is as they would expect. */
  readonly notice: string
  /** Streams of callers that are under way. */
  readonly openStreams: number
  /** Begins to answer. */
  serve(streams: StreamsApp, topologies: readonly Topology[]): void
  /** Cancels operations, ends calls, and lets everything go. */
  close(): Promise<void>
}

export interface ControlPorts {
  readonly platform: Platform
  readonly registry: SchemaRegistry
  readonly stores: ControlContext['stores']
  readonly instanceId: string
  /** Where calls are counted. */
  readonly metrics: Metrics
  /** Undefined while tracing is off. */
  readonly tracer?: Tracer
  /** Whether somebody has chosen the port: only that one will do then. */
  readonly isPortChosen: boolean
  /** Aborted as soon as the process is to stop: it is not ready from then on. */
  readonly stopping?: AbortSignal
}

/**
 * Undefined when none is wanted. Settings are checked first.
 * @throws ConfigError for settings that do not go together; CommandFailed when it cannot listen
 */
export async function openControl(config: Config, ports: ControlPorts): Promise<Control | undefined> {
  if (config.controlServer === 'off') return undefined
  const { platform, registry, stores, instanceId, stopping } = ports
  const { log, clock, logger } = platform
  const settings = controlSecurityOf(config, config.controlHost)
  const closers = new Closers()
  try {
    const security = await openSecurity(settings, { log, registry, clock, logger, instanceId })
    closers.add(() => security.close())
    const { server, notice } = await listen(config, ports, security)
    closers.add(() => server.close())
    const endpoint = endpointOf(config, server.port)
    const zone = config.zone === '' ? null : config.zone
    return {
      address: server.address,
      endpoint,
      notice,
      get openStreams() {
        return server.openStreams
      },
      close: () => closers.closeAll(logger),
      serve: (streams, topologies) => {
        const names = topologies.map(({ name }) => name)
        const allTopologies = orderTopologies(topologyNames, config)
        const own = { instanceId, zone, endpoint, clock }
        const credentials = security.channelCredentials
        const peers = openPeers({
          ...own,
          streams,
          topologies: names,
          ...(credentials === undefined ? {} : { credentials }),
        })
        closers.add(() => peers.close())
        const operations = openOperations({ instanceId, clock, logger })
        closers.add(() => operations.close())
        const context: ControlContext = {
          ...own,
          streams,
          topologies,
          releaseTopology: (name) => allTopologies.find((one) => one.name === name),
          log,
          stores,
          registry,
          logger,
          version: packageVersion(),
          peers,
          operations,
          savepointDirectory: savepointDirectoryOf(config, platform.isCluster),
        }
        const health = healthService(
          () => servedHealth(streams.status(), stopping?.aborted === true ? 'stopping' : 'running'),
          clock,
        )
        const services = [...servicesOf(context), operations.service(peers)]
        peers.serveHere(services)
        server.serve([
          ...relaying(services, { topologies: names, known: topologyNames, log, clock, peers }),
          health,
        ])
        logger.info({ endpoint }, `the control server listens at ${server.address}`)
      },
    }
  } catch (error) {
    await closers.closeAll(logger)
    throw error
  }
}

function servicesOf(context: ControlContext): Service[] {
  return [
    instanceService(context),
    topologyService(context),
    stageService(context),
    stateService(context),
    checkpointService(context),
    deadLetterService(context, [orderRejections]),
  ]
}

async function listen(
  config: Config,
  { platform: { clock, logger }, metrics, tracer, isPortChosen }: ControlPorts,
  { guard, serverCredentials }: Security,
): Promise<{ readonly server: BoundServer; readonly notice: string }> {
  const { controlHost: host, controlPort } = config
  const bind = (port: number): Promise<BoundServer> =>
    bindControlServer({
      host,
      port,
      clock,
      logger,
      guard,
      limits: controlLimitsOf(config),
      metrics,
      ...(tracer === undefined ? {} : { tracer }),
      ...(serverCredentials === undefined ? {} : { credentials: serverCredentials }),
    })
  try {
    const server = await bind(controlPort)
    const notice = controlPort === 0 ? `The control server listens at ${server.address}.` : ''
    return { server, notice }
  } catch (error) {
    // Nobody asked for the port: any other will do.
    if (!isPortChosen && messageOf(error).includes('EADDRINUSE')) {
      const server = await bind(0)
      const notice =
        `Something else listens on port ${controlPort}, so the control server listens at ${server.address}: ` +
        `give it a port with --control-port, and \`order-streams ctl\` --address ${server.address}.`
      logger.warn({ address: server.address }, notice)
      return { server, notice }
    }
    throw new CommandFailed(
      `the control server cannot listen on ${addressOf(host, controlPort)}: choose another port with --control-port or CONTROL_PORT, ` +
        `another address with CONTROL_HOST, or none with --set controlServer=off\n  ${messageOf(error)}`,
    )
  }
}

/** Where other instances reach this one. An address of loopback says nothing to others unless somebody says that it does. */
function endpointOf({ controlEndpoint, controlHost }: Config, port: number): string | null {
  if (controlEndpoint !== '') return hasPort(controlEndpoint) ? controlEndpoint : `${controlEndpoint}:${port}`
  if (isLoopback(controlHost)) return null
  const isAnyAddress = controlHost === '0.0.0.0' || controlHost === '::'
  const host = isAnyAddress ? ownAddress() : controlHost
  return host === undefined ? null : addressOf(host, port)
}

function hasPort(endpoint: string): boolean {
  return /:\d+$/.test(endpoint) && !/^[^[]*:.*:/.test(endpoint)
}

function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const outside = addresses.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0)
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address
}
