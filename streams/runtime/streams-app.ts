/** An application: topologies running in this process, over given ports. */
import { StreamsError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'
import type { Topology } from '../topology/topology.ts'
import { type Peer, peersOf } from './assignment/peers.ts'
import { MemoryBudget, type MemoryParts } from './memory-budget.ts'
import { type RuntimeSettings, resolveSettings } from './settings.ts'
import { Signal } from './signal.ts'
import { heldError } from './stages/held-work.ts'
import type { StandingCommand } from './stages/stage.ts'
import type { TaskObserver } from './task-environment.ts'
import { sourceTopicsOf } from './task-place.ts'
import {
  type RunningTopology,
  type RuntimePorts,
  TopologyRunner,
  type TopologyStatus,
} from './topology-runner.ts'

export interface StreamsAppOptions extends RuntimePorts {
  /** In the order that records pass through them. Each has its own consumer group, named like it. */
  readonly topologies: readonly Topology[]
  readonly settings?: Partial<RuntimeSettings>
  /** Names this instance and its state directory: the same after a restart, and no other's at the same time. */
  readonly instanceId?: string
  /** Where it stands, such as a data centre: copies of state are kept in other zones, if there are any. */
  readonly zone?: string
  /** Where other instances reach this one, as `host:port`. */
  readonly endpoint?: string
  readonly observer?: TaskObserver
}

/**
 * @example
 * const app = new StreamsApp({ topologies: [wordCount], log, stores, registry, clock, logger, metrics })
 * await app.start()
 * await app.drained() // all that was there at the start is processed and committed
 * await app.stop()
 */
export class StreamsApp {
  /** Rejects with the first error that stops a topology; never resolves by itself. */
  readonly failed: Promise<never>
  private readonly options: StreamsAppOptions
  private readonly runners: readonly TopologyRunner[]
  private readonly budget: MemoryBudget
  private readonly committed: Signal
  private rejectFailed: (error: unknown) => void = () => {}
  private stopping: Promise<void> | undefined
  private failure: { readonly error: unknown } | undefined

  /** @throws CONFIGURATION_INVALID, TOPOLOGY_INVALID */
  constructor(options: StreamsAppOptions) {
    this.options = options
    this.committed = new Signal(options.clock)
    this.failed = new Promise<never>((_resolve, reject) => {
      this.rejectFailed = reject
    })
    this.failed.catch(() => {})
    const settings = resolveSettings(options.settings ?? {})
    const names = options.topologies.map(({ name }) => name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) throw new StreamsError('TOPOLOGY_INVALID', `two topologies are named "${twice}"`)
    const observer: TaskObserver = {
      onCommitStep: (taskId, step) => options.observer?.onCommitStep?.(taskId, step),
      onCommitted: (checkpoint) => {
        this.committed.notify()
        options.observer?.onCommitted?.(checkpoint)
      },
    }
    const budget = new MemoryBudget(settings)
    this.budget = budget
    this.runners = options.topologies.map(
      (topology) =>
        new TopologyRunner(
          topology,
          options,
          settings,
          {
            instanceId: options.instanceId ?? 'instance-1',
            isNamed: options.instanceId !== undefined,
            zone: options.zone ?? null,
            endpoint: options.endpoint ?? null,
          },
          observer,
          (error) => this.fail(error),
          budget,
        ),
    )
  }

  /**
   * Starts the topologies, all at the same time. An application is started once; `stop` may be called meanwhile.
   * @throws what keeps one from starting; those that run already are stopped then
   */
  async start(): Promise<void> {
    try {
      await Promise.all(this.runners.map((runner) => runner.start()))
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * Who runs what of a topology, over all instances; undefined while they are being assigned.
   * @throws TOPOLOGY_INVALID for a name that is none of this application's; LOG_UNAVAILABLE, LOG_REFUSED
   */
  async peers(topologyName: string): Promise<Peer[] | undefined> {
    const topology = this.options.topologies.find(({ name }) => name === topologyName)
    if (topology === undefined)
      throw new StreamsError('TOPOLOGY_INVALID', `this application runs no topology "${topologyName}"`)
    return peersOf(topology, this.options.log)
  }

  /** What runs here of a topology. @throws TOPOLOGY_INVALID for a name that is none of this application's */
  running(topologyName: string): RunningTopology {
    const runner = this.runners.find(({ topology }) => topology.name === topologyName)
    if (runner === undefined)
      throw new StreamsError('TOPOLOGY_INVALID', `this application runs no topology "${topologyName}"`)
    return runner.running()
  }

  /** What the budget of memory is given to; undefined without one. */
  memoryParts(): MemoryParts | undefined {
    return this.budget.parts()
  }

  status(): TopologyStatus[] {
    return this.runners.map((runner) => runner.status())
  }

  /**
   * Resolves once everything in the input topics is processed and committed, as long as nobody else writes meanwhile.
   * @param options `endOfInput`: nothing comes any more, so that all that waits for time to pass, such as windows to close, is
   *   due then. What comes nevertheless later, for a window that was closed so, is late. In a cluster every instance must be
   *   told. Timers by the wall clock are not due by that, unless `clockToo` says so.
   * @throws the error that stopped a topology; CLOSED when it was stopped before that; STAGE_HELD when nothing is left but what stage
   *   commands hold, in whatever topology: all the rest is processed and committed then
   */
  async drained({
    endOfInput = false,
    clockToo = false,
  }: {
    readonly endOfInput?: boolean
    readonly clockToo?: boolean
  } = {}): Promise<void> {
    const held = new Map<string, readonly StandingCommand[]>()
    // In the order of the topologies: when an upstream one has committed its input, its output is there to be seen.
    for (const runner of this.runners) {
      const { topology } = runner
      const settings = await this.options.log.describeTopics(sourceTopicsOf(topology))
      const partitions = settings.flatMap(({ name, partitions: count }) =>
        Array.from({ length: count }, (_, partition) => ({ topic: name, partition })),
      )
      for (;;) {
        // First: what an ended task has written is there to be read by then.
        const isAtEnd = !endOfInput || held.size > 0 || runner.hasEnded
        const undrained = await this.undrained(runner, partitions)
        const isDrained = undrained?.length === 0
        if (isDrained && isAtEnd) break
        // Where something is held nothing is ended, or what it keeps back would be late.
        const holding = undrained && (isDrained ? runner.holds() : runner.commandsHolding(undrained))
        if (holding !== undefined && holding.length > 0) {
          held.set(topology.name, holding)
          break
        }
        if (isDrained) runner.endInput(clockToo)
        if (this.failure !== undefined) throw this.failure.error
        if (this.stopping !== undefined)
          throw new StreamsError('CLOSED', `topology ${topology.name} was stopped before it was drained`)
        runner.awaitCommits()
        await this.committed.wait(drainedPollMs)
      }
    }
    if (this.failure !== undefined) throw this.failure.error
    if (held.size > 0) throw heldError(held)
  }

  /** Commits what was processed and lets everything go; the ports stay open. */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll()
    return this.stopping
  }

  private async stopAll(): Promise<void> {
    const outcomes = await Promise.allSettled(this.runners.map((runner) => runner.stop()))
    this.committed.notify()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** The partitions that are not processed to their ends; undefined while that is not known. */
  private async undrained(
    runner: TopologyRunner,
    partitions: readonly TopicPartition[],
  ): Promise<TopicPartition[] | undefined> {
    const { log } = this.options
    const own = runner.committedOffsets()
    if (own === undefined) return undefined
    // Offsets first: what a task committed by then was written by then, so the ends read after it count it.
    const committed = await log.committedOffsets(runner.topology.name, partitions)
    const ranges = await log.offsetRanges(partitions)
    return ranges.filter(({ topic, partition, start, end }, index) => {
      return (own.get(`${topic}-${partition}`) ?? committed[index] ?? start) < end
    })
  }

  private fail(error: unknown): void {
    this.failure ??= { error }
    this.rejectFailed(error)
    this.committed.notify()
  }
}

/** A commit that was made by another instance gives no notice here. */
const drainedPollMs = 100
