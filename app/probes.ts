/**
 * What tells whatever runs the process how it does: the HTTP side door, and health over gRPC on a port of its own.
 *
 * Invariants:
 * 1. They listen before any service is reached: while an instance waits for Kafka it is alive, and not ready.
 * 2. They are closed last, so that one that takes its time to stop is alive until it ends.
 */
import type { MetricsPage } from '../control/http/metrics.ts'
import { addressOf, type BoundServer, bindControlServer } from '../control/server/control-server.ts'
import { healthService } from '../control/server/health-service.ts'
import { type Clock, type Logger, messageOf, type StreamsApp, type TopologyStatus } from '../streams/index.ts'
import { Closers } from './closers.ts'
import type { Config } from './config-schema.ts'
import { CommandFailed } from './failure.ts'
import { healthOf, type Phase, readinessLog, servedHealth } from './health.ts'
import { openSideDoor, type SideDoor } from './side-door.ts'

export interface ProbePorts {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricsPage
}

export class Probes {
  private readonly config: Config
  private readonly stopping: AbortSignal
  private readonly closers = new Closers()
  private logger: Logger | undefined
  private isStarting = true
  private door: SideDoor | undefined
  private streams: Pick<StreamsApp, 'status'>

  /** @param topologies names; @param stopping aborted as soon as the process is to stop: it is not ready from then on */
  constructor(config: Config, topologies: readonly string[], stopping: AbortSignal) {
    this.config = config
    this.stopping = stopping
    const starting = topologies.map(startingTopology)
    this.streams = { status: () => starting }
  }

  /** Undefined when none is wanted, or before it is open. */
  get sideDoor(): SideDoor | undefined {
    return this.door
  }

  /**
   * From now on they answer; all topologies are starting, until `show`.
   * @throws ConfigError, CommandFailed when a port cannot be listened on
   */
  async open({ clock, logger, metrics }: ProbePorts): Promise<void> {
    this.logger = logger
    const streams = { status: () => this.streams.status() }
    const phase = () => this.phase
    const onReadiness = readinessLog(logger)
    const health = await listenForHealth(this.config, clock, logger)
    if (health !== undefined) {
      this.closers.add(() => health.close())
      const served = (): Map<string, boolean> => {
        const topologies = streams.status()
        onReadiness(healthOf(topologies, phase()).unready)
        return servedHealth(topologies, phase())
      }
      health.serve([healthService(served, clock)])
    }
    this.door = await openSideDoor(this.config, { streams, metrics, phase, onReadiness }, logger)
    if (this.door !== undefined) this.closers.add(this.door.close)
  }

  /** The topologies themselves are asked from now on. */
  show(streams: Pick<StreamsApp, 'status'>): void {
    this.streams = streams
    this.isStarting = false
  }

  private get phase(): Phase {
    if (this.stopping.aborted) return 'stopping'
    return this.isStarting ? 'starting' : 'running'
  }

  async close(): Promise<void> {
    if (this.logger !== undefined) await this.closers.closeAll(this.logger)
  }
}

function startingTopology(name: string): TopologyStatus {
  return {
    name,
    state: { kind: 'starting' },
    isAssigned: false,
    isConfirmed: true,
    tasks: new Map(),
    awayTasks: new Set(),
    silentTasks: new Set(),
    standbys: new Map(),
  }
}

/** Probes have neither certificates nor tokens: with either they have a port of their own, which answers nothing else. */
async function listenForHealth(
  { controlHost: host, controlHealthPort: port }: Config,
  clock: Clock,
  logger: Logger,
): Promise<BoundServer | undefined> {
  if (port === 0) return undefined
  try {
    const server = await bindControlServer({ host, port, clock, logger, introspection: false })
    logger.info({}, `health by gRPC is at ${server.address}`)
    return server
  } catch (error) {
    throw new CommandFailed(
      `the port for health by gRPC cannot be listened on, ${addressOf(host, port)}: choose another one with ` +
        `--set controlHealthPort=…, or none with 0\n  ${messageOf(error)}`,
    )
  }
}
