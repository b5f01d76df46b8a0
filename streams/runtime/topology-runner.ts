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
import type { GroupMember, Log, MemberAssignment } from '../ports/log.ts'
import type { Logger, Metrics } from '../ports/observability.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import type { StoreProvider } from '../ports/store.ts'
import type { SubTopology, Topology } from '../topology/topology.ts'
import { taskAssignor } from './assignors.ts'
import { CheckpointView } from './checkpoint-view.ts'
import { closeAll } from './close-all.ts'
import { OpenCodecs } from './codecs.ts'
import { GlobalTables } from './global-tables.ts'
import { checkpointTopic, deadLetterTopic, topicsOf } from './internal-topics.ts'
import type { RuntimeSettings } from './settings.ts'
import { type DriverState, TaskDriver } from './task-driver.ts'
import { type TaskEnvironment, type TaskObserver, taskIdOf } from './task-environment.ts'

export interface RuntimePorts {
  readonly log: Log
  readonly stores: StoreProvider
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

export type RunnerState =
  | { readonly kind: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' }
  | { readonly kind: 'failed'; readonly error: unknown }

/** Opens what the tasks of a topology share: topics, codecs, global tables, checkpoints. */
export async function prepareTopology(
  topology: Topology,
  ports: RuntimePorts,
  settings: RuntimeSettings,
  instanceId: string,
  observer: TaskObserver,
  isCancelled: () => boolean = () => false,
): Promise<{ environment: TaskEnvironment; globalTables: GlobalTables }> {
  const existing = new Map((await ports.log.describeTopics()).map((topic) => [topic.name, topic]))
  const topics = topicsOf(topology, existing, settings.defaultPartitions)
  await ports.log.createTopics(topics)
  const partitionCounts = new Map(topics.map(({ name, partitions }) => [name, partitions]))
  const checkpoints = checkpointTopic(topology.name)
  const codecs = await OpenCodecs.open(ports.registry, topology, [
    checkpoints,
    deadLetterTopic(topology.name),
  ])
  const logger = ports.logger.child({ topology: topology.name })
  const globalTables = new GlobalTables({ ...ports, logger }, topology.globalTables, codecs, settings)
  await globalTables.start(partitionCounts, isCancelled)
  const environment: TaskEnvironment = {
    ...ports,
    logger,
    topology,
    groupId: topology.name,
    instanceId,
    settings,
    codecs,
    checkpoints: new CheckpointView(ports, checkpoints.name, codecs.of(checkpoints).value),
    partitionCounts,
    globalRows: (spec) => globalTables.rows(spec),
    observer,
  }
  return { environment, globalTables }
}

export class TopologyRunner {
  readonly topology: Topology
  state: RunnerState = { kind: 'new' }
  private readonly ports: RuntimePorts
  private readonly settings: RuntimeSettings
  private readonly instanceId: string
  private readonly observer: TaskObserver
  private readonly onFailed: (error: unknown) => void
  private readonly drivers = new Map<string, TaskDriver>()
  private environment: TaskEnvironment | undefined
  private globalTables: GlobalTables | undefined
  private member: GroupMember | undefined
  private isAssigned = false
  private starting: Promise<void> = Promise.resolve()
  private released: Promise<void> | undefined
  /** Assignments are carried out one after the other: a task that is let go must be closed before it is opened again. */
  private reconciling: Promise<void> = Promise.resolve()

  constructor(
    topology: Topology,
    ports: RuntimePorts,
    settings: RuntimeSettings,
    instanceId: string,
    observer: TaskObserver,
    onFailed: (error: unknown) => void,
  ) {
    this.topology = topology
    this.ports = ports
    this.settings = settings
    this.instanceId = instanceId
    this.observer = observer
    this.onFailed = onFailed
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
    const prepared = await prepareTopology(
      this.topology,
      this.ports,
      this.settings,
      this.instanceId,
      this.observer,
      () => this.isEnding,
    )
    this.environment = prepared.environment
    this.globalTables = prepared.globalTables
    this.globalTables.whenFailed((error) => this.fail(error))
    if (this.isEnding) return
    this.member = await this.ports.log.joinGroup({
      groupId: prepared.environment.groupId,
      topics: this.topology.subTopologies.flatMap(({ sources }) => sources.map(({ topic }) => topic.name)),
      assignor: taskAssignor(this.topology.subTopologies),
      userData: () => Buffer.from(this.instanceId),
      onRebalancing: () => {},
      onAssigned: (assignment) => this.assigned(assignment),
      onLost: (error) => this.fail(error),
    })
    if (this.state.kind === 'starting') this.state = { kind: 'running' }
  }

  /** What each task of this instance is doing. */
  tasks(): ReadonlyMap<string, DriverState> {
    return new Map([...this.drivers].map(([id, driver]) => [id, driver.state]))
  }

  /**
   * Where the tasks of this instance stand, by `topic-partition`; undefined while that is not known, because they are
   * not assigned yet or not open. With an external sink it is what the sink holds, which the group's offsets may be ahead of.
   */
  committedOffsets(): ReadonlyMap<string, number> | undefined {
    if (!this.isAssigned) return undefined
    const offsets = new Map<string, number>()
    for (const driver of this.drivers.values()) {
      const { committedOffsets, state } = driver
      if (committedOffsets === undefined && state.kind !== 'given-up') return undefined
      for (const { topic, partition, offset } of committedOffsets ?? [])
        offsets.set(`${topic}-${partition}`, offset)
    }
    return offsets
  }

  /** Lets tasks with nothing more at hand commit at once. */
  awaitCommits(): void {
    for (const driver of this.drivers.values()) driver.awaitCommit()
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
    for (const driver of this.drivers.values()) void driver.stop()
    await this.starting.catch(() => {})
    await this.reconciling
    await Promise.all([...this.drivers.values()].map((driver) => driver.stop()))
    await closeAll([async () => this.member?.leave(), async () => this.globalTables?.close()])
  }

  private assigned(assignment: MemberAssignment): void {
    const wanted = new Map<string, { readonly subTopology: SubTopology; readonly partition: number }>()
    for (const { topic, partition } of assignment.partitions) {
      const subTopology = this.topology.subTopologies.find((sub) =>
        sub.sources.some((source) => source.topic.name === topic),
      )
      if (subTopology !== undefined) wanted.set(taskIdOf(subTopology, partition), { subTopology, partition })
    }
    this.reconciling = this.reconciling
      .then(() => this.reconcile(wanted))
      .catch((error: unknown) => this.fail(error))
  }

  private async reconcile(
    wanted: ReadonlyMap<string, { readonly subTopology: SubTopology; readonly partition: number }>,
  ): Promise<void> {
    const { environment } = this
    if (environment === undefined || this.isEnding) return
    const released = [...this.drivers].filter(
      ([id, { state }]) => !wanted.has(id) || state.kind === 'given-up',
    )
    await Promise.all(released.map(([, driver]) => driver.stop()))
    if (this.isEnding) return
    for (const [id] of released) this.drivers.delete(id)
    for (const [id, { subTopology, partition }] of wanted) {
      if (this.drivers.has(id)) continue
      this.drivers.set(id, new TaskDriver(environment, subTopology, partition, (error) => this.fail(error)))
    }
    this.isAssigned = true
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
