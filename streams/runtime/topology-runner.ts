/**
 * One topology in one instance: joins its consumer group and keeps the tasks running that the group assigns.
 *
 *     new ─► starting ─► running ─► stopping ─► stopped
 *      │         │          │           │
 *      │         └──────────┴───────────┴─► failed
 *      └─► stopped
 *
 * Invariants:
 * 1. Once it is stopping or failed no task is opened any more, whatever was under way.
 * 2. A topology that failed leaves its group: another instance may do better.
 */
import { messageOf, StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { GroupMember, Log, MemberAssignment, TopicPartition } from '../ports/log.ts'
import type { Logger, Metrics } from '../ports/observability.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import type { StoreProvider } from '../ports/store.ts'
import type { Tracer } from '../ports/tracing.ts'
import type { Topology } from '../topology/topology.ts'
import {
  type AssignmentData,
  decodeAssignmentData,
  emptyAssignment,
  encodeMemberData,
} from './assignment/member-data.ts'
import { taskAssignor } from './assignment/task-assignor.ts'
import { shapeOf } from './assignment/topology-shape.ts'
import { CheckpointView } from './checkpoint-view.ts'
import { closeAll } from './close-all.ts'
import { OpenCodecs } from './codecs.ts'
import { GlobalTables } from './global-tables.ts'
import { checkpointTopic, controlTopic, topicsOf } from './internal-topics.ts'
import { MemoryBudget } from './memory-budget.ts'
import { PartitionWatch } from './partition-watch.ts'
import type { RuntimeSettings } from './settings.ts'
import { CommandFollower } from './stages/command-follower.ts'
import { isInForce } from './stages/decide-flow.ts'
import { DrainWatch } from './stages/drain-watch.ts'
import { commandsHolding } from './stages/held-work.ts'
import type { StandingCommand } from './stages/stage.ts'
import type { StandbyDriver, StandbyState } from './standby-driver.ts'
import type { DriverState, TaskDriver } from './task-driver.ts'
import type { TaskEnvironment, TaskObserver } from './task-environment.ts'
import { TaskManager } from './task-manager.ts'
import { rebalanceCounter } from './task-meters.ts'
import { sourceTopicsOf, tasksNamed, tasksReading } from './task-place.ts'
import { timedTopics } from './timed-inputs.ts'
import { recordTopology } from './topology-record.ts'

export interface RuntimePorts {
  readonly log: Log
  readonly stores: StoreProvider
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Without one nothing is traced. */
  readonly tracer?: Tracer
}

export type RunnerState =
  | { readonly kind: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface TopologyStatus {
  readonly name: string
  readonly state: RunnerState
  /** Whether the group has said what this instance runs. */
  readonly isAssigned: boolean
  /** Whether the group has confirmed lately that this instance is a member. */
  readonly isConfirmed: boolean
  readonly tasks: ReadonlyMap<string, DriverState>
  /** Tasks of which nothing can be expected now: not opened yet, or failing again and again. */
  readonly awayTasks: ReadonlySet<string>
  /** Tasks that the log has not answered for long. */
  readonly silentTasks: ReadonlySet<string>
  /** Copies of the state of tasks that run elsewhere, warm-ups included. */
  readonly standbys: ReadonlyMap<string, StandbyState>
}

/** A topology in this process, as those see it who look into it or act on it: queries, checkpoints, stage commands. */
export interface RunningTopology {
  readonly topology: Topology
  readonly identity: InstanceIdentity
  /** Undefined until the topology has started. */
  readonly environment: TaskEnvironment | undefined
  /** By task. Both change with every assignment: ask anew after each wait. */
  readonly drivers: ReadonlyMap<string, TaskDriver>
  readonly standbys: ReadonlyMap<string, StandbyDriver>
  status(): TopologyStatus
}

/** Opens what the tasks of a topology share: topics, codecs, global tables, checkpoints. */
export async function prepareTopology(
  topology: Topology,
  ports: RuntimePorts,
  settings: RuntimeSettings,
  instanceId: string,
  observer: TaskObserver,
  isCancelled: () => boolean = () => false,
): Promise<{ environment: TaskEnvironment; globalTables: GlobalTables; commands: CommandFollower }> {
  const existing = new Map((await ports.log.describeTopics()).map((topic) => [topic.name, topic]))
  const topics = topicsOf(topology, existing, settings.defaultPartitions)
  await ports.log.createTopics(topics)
  const partitionCounts = new Map(topics.map(({ name, partitions }) => [name, partitions]))
  const checkpoints = checkpointTopic(topology.name)
  const codecs = await OpenCodecs.open(ports.registry, topology)
  const logger = ports.logger.child({ topology: topology.name })
  const globalTables = new GlobalTables({ ...ports, logger }, topology.globalTables, codecs, settings)
  await globalTables.start(partitionCounts, isCancelled)
  const { value: codec } = codecs.of(controlTopic(topology.name))
  const commands = new CommandFollower({ ...ports, topologyName: topology.name, codec, settings })
  await commands.start(isCancelled)
  const environment: TaskEnvironment = {
    ...ports,
    logger,
    topology,
    groupId: topology.name,
    instanceId,
    settings,
    codecs,
    checkpoints: new CheckpointView(ports, checkpoints.name, codecs.of(checkpoints).value),
    stages: commands,
    partitionCounts,
    timedTopics: timedTopics(topology),
    globalRows: (spec) => globalTables.rows(spec),
    globalEntries: (store) => globalTables.entries(store),
    observer,
  }
  return { environment, globalTables, commands }
}

/** Who runs the topology: what other instances learn of this one. */
export interface InstanceIdentity {
  /** Names the instance and its state directory; the same after a restart. */
  readonly instanceId: string
  /** Whether a process that is started again under this id takes the place of the one before. */
  readonly isNamed: boolean
  readonly zone: string | null
  /** Where other instances reach it, as `host:port`; null when it serves nothing. */
  readonly endpoint: string | null
}

/** What a leader wrote that this release cannot read. */
const notUnderstood: AssignmentData = {
  ...emptyAssignment,
  refusal: 'another release of the engine leads the group',
}

export class TopologyRunner {
  readonly topology: Topology
  state: RunnerState = { kind: 'new' }
  private readonly ports: RuntimePorts
  private readonly settings: RuntimeSettings
  private readonly identity: InstanceIdentity
  private readonly observer: TaskObserver
  private readonly onFailed: (error: unknown) => void
  private readonly budget: MemoryBudget
  private tasks: TaskManager | undefined
  private environment: TaskEnvironment | undefined
  private globalTables: GlobalTables | undefined
  private commands: CommandFollower | undefined
  private drainWatch: DrainWatch | undefined
  private partitionWatch: PartitionWatch | undefined
  private member: GroupMember | undefined
  private starting: Promise<void> = Promise.resolve()
  private released: Promise<void> | undefined

  constructor(
    topology: Topology,
    ports: RuntimePorts,
    settings: RuntimeSettings,
    identity: InstanceIdentity,
    observer: TaskObserver,
    onFailed: (error: unknown) => void,
    budget = new MemoryBudget(settings),
  ) {
    this.topology = topology
    this.ports = ports
    this.settings = settings
    this.identity = identity
    this.observer = observer
    this.onFailed = onFailed
    this.budget = budget
  }

  /** Does nothing once it was stopped. @throws what keeps it from starting; what it had opened is let go again */
  async start(): Promise<void> {
    if (this.state.kind !== 'new') return
    this.state = { kind: 'starting' }
    this.starting = this.open()
    try {
      await this.starting
    } catch (error) {
      if (this.isEnding) return
      this.state = { kind: 'failed', error }
      await this.release()
      throw error
    }
  }

  private async open(): Promise<void> {
    const { topology, ports, settings, identity } = this
    const { environment, globalTables, commands } = await prepareTopology(
      topology,
      ports,
      settings,
      identity.instanceId,
      this.observer,
      () => this.isEnding,
    )
    this.environment = environment
    this.globalTables = globalTables
    this.commands = commands
    globalTables.whenFailed((error) => this.fail(error))
    commands.whenFailed((error) => this.fail(error))
    if (this.isEnding) return
    this.drainWatch = new DrainWatch({ ...environment, commands })
    await recordTopology(ports, topology)
    const topics = sourceTopicsOf(topology)
    this.partitionWatch = new PartitionWatch(ports, topics, environment.partitionCounts, (error) =>
      this.fail(error),
    )
    const tasks = new TaskManager(
      environment,
      {
        onFailed: (error) => this.fail(error),
        onWarmedUp: () => this.member?.rejoin(),
      },
      this.budget,
    )
    this.tasks = tasks
    await tasks.start()
    if (this.isEnding) return
    const rebalances = rebalanceCounter(ports.metrics, topology.name)
    const shape = shapeOf(topology)
    this.member = await ports.log.joinGroup({
      groupId: environment.groupId,
      topics,
      ...(identity.isNamed ? { instanceId: identity.instanceId } : {}),
      assignor: taskAssignor(settings),
      userData: () => {
        const { instanceId, zone, endpoint } = identity
        return encodeMemberData({ instanceId, zone, endpoint, topology: shape, ...tasks.holdings() })
      },
      onRebalancing: () => {},
      onAssigned: (assignment) => {
        rebalances.add(1)
        this.assigned(tasks, assignment)
      },
      onLost: (error) => this.fail(error),
    })
    if (this.state.kind === 'starting') this.state = { kind: 'running' }
  }

  /** What runs here of the topology, for what lies above the runtime. */
  running(): RunningTopology {
    const { topology, identity, environment, tasks } = this
    return {
      topology,
      identity,
      environment,
      drivers: tasks?.taskDrivers ?? new Map(),
      standbys: tasks?.standbyDrivers ?? new Map(),
      status: () => this.status(),
    }
  }

  /** What this instance does of the topology. */
  status(): TopologyStatus {
    return {
      name: this.topology.name,
      state: this.state,
      isAssigned: this.tasks?.assigned ?? false,
      isConfirmed: this.member?.isConfirmed ?? false,
      tasks: this.tasks?.tasks() ?? new Map(),
      awayTasks: this.tasks?.awayTasks() ?? new Set(),
      silentTasks: this.tasks?.silentTasks() ?? new Set(),
      standbys: this.tasks?.standbyStates() ?? new Map(),
    }
  }

  /** As the task manager tells it. */
  committedOffsets(): ReadonlyMap<string, number> | undefined {
    return this.tasks?.committedOffsets()
  }

  /** Lets tasks with nothing more at hand commit at once. */
  awaitCommits(): void {
    this.tasks?.awaitCommits()
  }

  /** Nothing comes any more: what waits for time to pass is due. */
  endInput(clockToo: boolean): void {
    this.tasks?.endInput(clockToo)
  }

  /** All commands that hold something. */
  holds(): StandingCommand[] {
    const { environment } = this
    if (environment === undefined) return []
    return [...environment.stages.all()].filter(
      (command) => command.kind !== 'LIMIT' && isInForce(command, environment.clock.now()),
    )
  }

  /** Who holds all of some partitions; undefined when some are being processed. */
  commandsHolding(partitions: readonly TopicPartition[]): StandingCommand[] | undefined {
    if (this.environment === undefined) return undefined
    return commandsHolding(partitions, this.environment, this.tasks?.taskDrivers ?? new Map())
  }

  /** Whether the tasks here have done all that, and committed it. */
  get hasEnded(): boolean {
    return this.tasks?.hasEnded ?? false
  }

  /** Commits, leaves the group and lets everything go. */
  async stop(): Promise<void> {
    if (!this.isEnding) this.state = { kind: 'stopping' }
    await this.release()
    if (this.state.kind === 'stopping') this.state = { kind: 'stopped' }
  }

  private get isEnding(): boolean {
    const { kind } = this.state
    return kind === 'stopping' || kind === 'stopped' || kind === 'failed'
  }

  private release(): Promise<void> {
    this.released ??= this.releaseOnce()
    return this.released
  }

  private async releaseOnce(): Promise<void> {
    this.partitionWatch?.close()
    const tasksStopped = this.tasks?.stop()
    await this.starting.catch(() => {})
    await closeAll([
      // Opened while it was being stopped, perhaps.
      async () => tasksStopped ?? this.tasks?.stop(),
      async () => this.member?.leave(),
      async () => this.globalTables?.close(),
      async () => this.drainWatch?.close(),
      async () => this.commands?.close(),
    ])
  }

  private assigned(tasks: TaskManager, { partitions, userData }: MemberAssignment): void {
    const { standby, warmUp, refusal } = decodeAssignmentData(userData) ?? notUnderstood
    if (refusal !== null) {
      this.fail(this.mixed(refusal))
      return
    }
    const { topology } = this
    tasks.assign({
      active: tasksReading(topology, partitions),
      standby: tasksNamed(topology, standby),
      warmUp: tasksNamed(topology, warmUp),
    })
  }

  private mixed(difference: string): StreamsError {
    const { name } = this.topology
    return new StreamsError(
      'TOPOLOGY_MIXED',
      `topology ${name} differs from the one that other instances of its group run (${difference}); stop those before this ` +
        'one starts, or start the release that they run',
      { details: { topology: name, difference } },
    )
  }

  private fail(error: unknown): void {
    if (this.state.kind === 'failed' || this.state.kind === 'stopped') return
    this.state = { kind: 'failed', error }
    const code = error instanceof StreamsError ? error.code : 'UNKNOWN'
    const { name } = this.topology
    this.ports.logger.error({ topology: name, code, reason: messageOf(error) }, 'the topology stops')
    // What the other tasks did is committed; then nothing of the topology runs on without a part of it.
    this.release().catch((failure: unknown) => {
      this.ports.logger.warn({ topology: name, reason: messageOf(failure) }, 'leaving failed')
    })
    this.onFailed(error)
  }
}
