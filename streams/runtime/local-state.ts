/**
 * The state on this instance's disk of tasks that do not run here: what it is worth if one of them comes back, and when it is
 * thrown away.
 *
 * Invariants:
 * 1. A database is opened here only while neither a task nor a standby has it: between `release` and `take`.
 * 2. Nothing is deleted before the group has said what runs here, nor for a while after it said so last.
 */
import { messageOf } from '../errors.ts'
import type { Timer } from '../ports/clock.ts'
import { TaskDatabase } from '../state/task-database.ts'
import { internalTopics } from '../topology/topology.ts'
import { taskCount } from './internal-topics.ts'
import { databaseName, type TaskEnvironment, taskIdOf } from './task-environment.ts'
import type { TaskPlace } from './task-place.ts'

interface HeldState extends TaskPlace {
  readonly offsets: Readonly<Record<string, number>>
  lag: number
  /** It has been of no use here since then. */
  sinceMs: number
}

/** How often it is looked how far the changelogs have moved on. */
const refreshIntervalMs = 10_000

export class LocalState {
  private readonly environment: TaskEnvironment
  private readonly held = new Map<string, HeldState>()
  private readonly deleting = new Map<string, Promise<void>>()
  private isSettled = false
  private timer: Timer | undefined
  private isClosed = false

  constructor(environment: TaskEnvironment) {
    this.environment = environment
  }

  /** Finds what an earlier run left. */
  async scan(): Promise<void> {
    const places = this.environment.topology.subTopologies
      .filter(({ stores }) => stores.length > 0)
      .flatMap((subTopology) =>
        Array.from({ length: taskCount(subTopology, this.environment.partitionCounts) }, (_, partition) => ({
          subTopology,
          partition,
        })),
      )
    await Promise.all(places.map((place) => this.read(place)))
    await this.refreshLags()
    this.schedule()
  }

  /** A task or a standby is about to open its state. */
  async take(taskId: string): Promise<void> {
    this.held.delete(taskId)
    await this.deleting.get(taskId)
  }

  /** A task or a standby has closed its state. */
  async release(place: TaskPlace): Promise<void> {
    if (place.subTopology.stores.length === 0) return
    await this.read(place)
    await this.refreshLags([taskIdOf(place.subTopology, place.partition)])
  }

  /** The group has said what runs here. */
  settled(): void {
    this.isSettled = true
    for (const state of this.held.values()) state.sinceMs = this.environment.clock.now()
  }

  /** For each task whose state lies here unused: how many records of the changelogs it lacked when that was looked at last. */
  lags(): Record<string, number> {
    return Object.fromEntries([...this.held].map(([id, { lag }]) => [id, lag]))
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.timer?.cancel()
    await Promise.all(this.deleting.values())
  }

  private async read({ subTopology, partition }: TaskPlace): Promise<void> {
    const { stores, topology, clock, logger } = this.environment
    const id = taskIdOf(subTopology, partition)
    const name = databaseName(topology.name, id)
    try {
      if (!(await stores.exists(name))) return
      const database = await TaskDatabase.open(stores, name, subTopology.stores)
      const offsets = database.position.changelogOffsets
      await database.close()
      this.held.set(id, { subTopology, partition, offsets, lag: 0, sinceMs: clock.now() })
    } catch (error) {
      // Whoever runs the task sees the same, and says what is to be done.
      logger.warn({ task: id, reason: messageOf(error) }, 'the local state of a task cannot be read')
    }
  }

  private async refreshLags(ids: readonly string[] = [...this.held.keys()]): Promise<void> {
    const { log, topology } = this.environment
    const entries = ids.flatMap((id) => this.held.get(id) ?? [])
    const changelogs = entries.flatMap((state) =>
      state.subTopology.stores.map((store) => ({
        state,
        topic: internalTopics.changelog(topology.name, store.name),
        partition: state.partition,
        offset: state.offsets[store.name] ?? 0,
      })),
    )
    if (changelogs.length === 0) return
    const ranges = await log.offsetRanges(changelogs)
    for (const { state } of changelogs) state.lag = 0
    changelogs.forEach(({ state, offset }, index) => {
      const { start, end } = ranges[index]!
      state.lag += Math.max(0, end - Math.max(start, offset))
    })
  }

  private schedule(): void {
    if (this.isClosed) return
    this.timer = this.environment.clock.setTimer(
      refreshIntervalMs,
      () => {
        this.deleteUnused()
        this.refreshLags()
          .catch(() => {}) // The log is away: what was known holds until it is back.
          .finally(() => this.schedule())
      },
      { background: true },
    )
  }

  private deleteUnused(): void {
    const { clock, settings, stores, topology, logger } = this.environment
    if (!this.isSettled) return
    for (const [id, { sinceMs }] of this.held) {
      if (clock.now() - sinceMs < settings.stateCleanupDelayMs) continue
      this.held.delete(id)
      logger.info({ task: id }, 'the state of a task that runs elsewhere is deleted')
      const deletion = stores
        .destroy(databaseName(topology.name, id))
        .catch((error: unknown) => {
          logger.warn({ task: id, reason: messageOf(error) }, 'state cannot be deleted')
        })
        .finally(() => this.deleting.delete(id))
      this.deleting.set(id, deletion)
    }
  }
}
