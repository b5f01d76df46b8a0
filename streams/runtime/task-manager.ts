/**
 * The tasks and standbys of one topology in one instance, kept as the group says.
 *
 * Invariants:
 * 1. What is assigned again goes on where it is: a rebalance stops only what moves.
 * 2. Assignments are carried out one after the other, and within one everything that is let go is closed before anything is
 *    opened: a database has one user.
 */
import type { PartitionOffset } from '../ports/log.ts'
import { taskCount } from './internal-topics.ts'
import { LocalState } from './local-state.ts'
import type { MemoryBudget, TaskDemand } from './memory-budget.ts'
import { StandbyDriver, type StandbyState } from './standby-driver.ts'
import { type DriverState, TaskDriver } from './task-driver.ts'
import type { TaskEnvironment } from './task-environment.ts'
import type { TaskPlace } from './task-place.ts'
import { TaskWatch } from './task-watch.ts'

/** By task. */
export interface TasksWanted {
  readonly active: ReadonlyMap<string, TaskPlace>
  readonly standby: ReadonlyMap<string, TaskPlace>
  /** Standbys whose tasks move here as soon as they are up to date. */
  readonly warmUp: ReadonlyMap<string, TaskPlace>
}

export interface TaskManagerEvents {
  onFailed(error: unknown): void
  /** A warm-up is up to date: the group should be shared out anew. */
  onWarmedUp(taskId: string): void
}

/** Instances that see a lag differently must not have the group shared out again and again. */
const warmedUpMinIntervalMs = 10_000

export class TaskManager {
  private readonly environment: TaskEnvironment
  private readonly events: TaskManagerEvents
  private readonly localState: LocalState
  private readonly drivers = new Map<string, TaskDriver>()
  private readonly standbys = new Map<string, StandbyDriver>()
  private readonly watch: TaskWatch<TaskDriver>
  private warmingUp: ReadonlySet<string> = new Set()
  private toldWarmMs = Number.NEGATIVE_INFINITY
  private isAssigned = false
  private isStopping = false
  private reconciling: Promise<void> = Promise.resolve()
  private readonly budget: MemoryBudget
  /** At which share of the budget tasks and copies were opened. */
  private readonly shares = new Map<TaskDriver | StandbyDriver, number>()
  private wanted: TasksWanted | undefined
  private readonly endBudget: () => void

  constructor(environment: TaskEnvironment, events: TaskManagerEvents, budget: MemoryBudget) {
    this.environment = environment
    this.events = events
    this.budget = budget
    budget.expect(environment.topology.name, allDemands(environment))
    this.endBudget = budget.onChange(() => this.resize())
    this.localState = new LocalState(environment)
    const { clock, settings } = environment
    environment.stages.onChange(() => {
      for (const driver of this.drivers.values()) driver.wake()
    })
    this.watch = new TaskWatch(
      clock,
      settings.taskDeadlineMs,
      () => this.drivers.values(),
      (driver, error) => driver.abandon(error),
    )
  }

  /** Finds the state that an earlier run left. */
  start(): Promise<void> {
    return this.localState.scan()
  }

  assign(wanted: TasksWanted): void {
    this.wanted = wanted
    this.reconciling = this.reconciling
      .then(() => this.reconcile(wanted))
      .catch((error: unknown) => this.events.onFailed(error))
  }

  /** Whether the first assignment has been taken up. */
  get assigned(): boolean {
    return this.isAssigned
  }

  /** The tasks that run here, for whoever looks into them. */
  get taskDrivers(): ReadonlyMap<string, TaskDriver> {
    return this.drivers
  }

  /** The copies that are kept here, for whoever looks into them. */
  get standbyDrivers(): ReadonlyMap<string, StandbyDriver> {
    return this.standbys
  }

  tasks(): ReadonlyMap<string, DriverState> {
    return new Map([...this.drivers].map(([id, { state }]) => [id, state]))
  }

  standbyStates(): ReadonlyMap<string, StandbyState> {
    return new Map([...this.standbys].map(([id, { state }]) => [id, state]))
  }

  /** Tasks of which nothing can be expected now: not opened yet, or failing again and again. */
  awayTasks(): ReadonlySet<string> {
    return new Set([...this.drivers].filter(([, { isAway }]) => isAway).map(([id]) => id))
  }

  /** Tasks that the log has not answered for long. */
  silentTasks(): ReadonlySet<string> {
    return new Set([...this.drivers].filter(([, { isSilent }]) => isSilent).map(([id]) => id))
  }

  /** What the group is told: the tasks that run here, and what the state lacks that is here. */
  holdings(): { readonly running: string[]; readonly lags: Record<string, number> } {
    const lags = this.localState.lags()
    const running: string[] = []
    for (const [id, { state, isStateful }] of this.drivers) {
      if (state.kind === 'given-up' || state.kind === 'failed') continue
      running.push(id)
      if (!isStateful) continue
      if (state.kind === 'running') lags[id] = 0
      if (state.kind === 'restoring') lags[id] = state.progress.total - state.progress.done
    }
    for (const [id, { lag }] of this.standbys) if (lag !== null) lags[id] = lag
    return { running, lags }
  }

  /**
   * Where the tasks stand, by `topic-partition`; undefined while that is not known, because they are not assigned yet or not
   * open. With an external sink it is what the sink holds, which the group's offsets may be ahead of.
   */
  committedOffsets(): ReadonlyMap<string, number> | undefined {
    if (!this.isAssigned) return undefined
    const offsets = new Map<string, number>()
    for (const { committedOffsets, state } of this.drivers.values()) {
      if (committedOffsets === undefined && state.kind !== 'given-up') return undefined
      const known: readonly PartitionOffset[] = committedOffsets ?? []
      for (const { topic, partition, offset } of known) offsets.set(`${topic}-${partition}`, offset)
    }
    return offsets
  }

  /** Lets tasks with nothing more at hand commit at once. */
  awaitCommits(): void {
    for (const driver of this.drivers.values()) driver.awaitCommit()
  }

  /** Nothing comes any more: what waits for time to pass is due. */
  endInput(clockToo: boolean): void {
    for (const driver of this.drivers.values()) driver.endInput(clockToo)
  }

  /** Whether the tasks here have done all that, and committed it. */
  get hasEnded(): boolean {
    return [...this.drivers.values()].every(({ hasEnded }) => hasEnded)
  }

  /** Commits, and lets everything go. Nothing is opened any more. */
  async stop(): Promise<void> {
    this.isStopping = true
    const all = () => [...this.drivers.values(), ...this.standbys.values()]
    // Told before waiting for an assignment under way, which may wait for one of them.
    for (const one of all()) void one.stop()
    await this.reconciling
    await Promise.all(all().map((one) => one.stop()))
    this.watch.close()
    await this.localState.close()
    this.endBudget()
    this.budget.release(this.environment.topology.name)
  }

  /** Tasks whose memory does not fit the budget any more are opened anew, with what they may have now. */
  private resize(): void {
    const { wanted } = this
    const isOutgrown = [...this.shares.values()].some((share) => this.budget.isOutgrown(share))
    if (isOutgrown && wanted !== undefined && !this.isStopping) this.assign(wanted)
  }

  private async reconcile(wanted: TasksWanted): Promise<void> {
    if (this.isStopping) return
    const copies = new Map([...wanted.standby, ...wanted.warmUp])
    this.budget.assign(this.environment.topology.name, [
      ...[...wanted.active.values()].map((place) => demandOf(place, false)),
      ...[...copies.values()].map((place) => demandOf(place, true)),
    ])
    const isOutgrown = (one: TaskDriver | StandbyDriver) => this.budget.isOutgrown(this.shares.get(one) ?? 1)
    const lost = [...this.drivers].filter(
      ([id, driver]) => !wanted.active.has(id) || driver.state.kind === 'given-up' || isOutgrown(driver),
    )
    const dropped = [...this.standbys].filter(
      ([id, standby]) => !copies.has(id) || standby.state.kind === 'failed' || isOutgrown(standby),
    )
    const released = [...lost, ...dropped].map(([, one]) => one)
    await Promise.all(released.map((one) => one.stop()))
    if (this.isStopping) return
    for (const one of released) this.shares.delete(one)
    for (const [id] of lost) this.drivers.delete(id)
    for (const [id] of dropped) this.standbys.delete(id)
    const elsewhere = released.filter(({ taskId }) => !wanted.active.has(taskId) && !copies.has(taskId))
    await Promise.all(elsewhere.map(({ place }) => this.localState.release(place)))
    const opening = [...wanted.active.keys(), ...copies.keys()]
    await Promise.all(opening.map((id) => this.localState.take(id)))
    if (this.isStopping) return
    for (const [id, place] of wanted.active) {
      if (!this.drivers.has(id)) this.drivers.set(id, this.newDriver(place))
    }
    this.warmingUp = new Set(wanted.warmUp.keys())
    for (const [id, place] of copies) {
      if (!this.standbys.has(id)) this.standbys.set(id, this.newStandby(id, place))
    }
    this.localState.settled()
    this.isAssigned = true
  }

  private newDriver({ subTopology, partition }: TaskPlace): TaskDriver {
    const driver = new TaskDriver(this.sizedEnvironment(), subTopology, partition, (error) =>
      this.events.onFailed(error),
    )
    this.shares.set(driver, this.budget.share)
    return driver
  }

  /** With the sizes that a task may have which is opened now. */
  private sizedEnvironment(): TaskEnvironment {
    const { environment, budget } = this
    const { cacheMaxBytes, inputMaxBufferedBytes, transactionMaxBytes, ...memory } = budget.memoryAt(
      budget.share,
    )
    const { stores } = environment
    return {
      ...environment,
      settings: {
        ...environment.settings,
        cacheMaxBytesPerTask: cacheMaxBytes,
        inputMaxBufferedBytes,
        transactionMaxBytes,
      },
      stores: {
        open: (name) => stores.open(name, memory),
        destroy: (name) => stores.destroy(name),
        exists: (name) => stores.exists(name),
      },
    }
  }

  private newStandby(id: string, place: TaskPlace): StandbyDriver {
    const { clock, settings } = this.environment
    const standby = new StandbyDriver(this.sizedEnvironment(), place, (lag) => {
      if (!this.warmingUp.has(id) || lag > settings.warmUpMaxLag) return
      if (clock.now() - this.toldWarmMs < warmedUpMinIntervalMs) return
      this.toldWarmMs = clock.now()
      this.events.onWarmedUp(id)
    })
    this.shares.set(standby, this.budget.share)
    return standby
  }
}

function demandOf(
  { subTopology: { sources, stores } }: Pick<TaskPlace, 'subTopology'>,
  isCopy: boolean,
): TaskDemand {
  return { inputs: isCopy ? 0 : sources.length, hasStores: stores.length > 0, isCopy }
}

/** Of every task that the topology has. */
function allDemands({ topology, partitionCounts }: TaskEnvironment): TaskDemand[] {
  return topology.subTopologies.flatMap((subTopology) =>
    Array.from({ length: taskCount(subTopology, partitionCounts) }, () => demandOf({ subTopology }, false)),
  )
}
