/**
 * Keeps a copy of a task's state up to date from its changelogs, so that the task can move here at once.
 *
 *     opening ─► following ─► stopped          any ─ error ─► waiting ─► opening, until too many ─► failed
 *
 * Invariants:
 * 1. Only committed records are applied: a reader sees no others. So the copy never has to take anything back.
 * 2. A standby that fails costs a copy, never the topology.
 */
import { messageOf, recoveryOf, StreamsError } from '../errors.ts'
import type { LogReader, PartitionOffset } from '../ports/log.ts'
import { TaskDatabase } from '../state/task-database.ts'
import { ChangelogReplay } from './changelog-replay.ts'
import { closeAll } from './close-all.ts'
import { retryPauseMs } from './retry-pause.ts'
import { Signal } from './signal.ts'
import { databaseName, type TaskEnvironment, taskIdOf } from './task-environment.ts'
import type { TaskPlace } from './task-place.ts'

export type StandbyState =
  | { readonly kind: 'opening' | 'stopped' }
  /** `lag`: how many records of the changelogs the copy lacks; null before the first answer. */
  | { readonly kind: 'following'; readonly lag: number | null }
  | { readonly kind: 'waiting' | 'failed'; readonly error: unknown }

/** How often a copy makes sure that it lacks no deletion, and notes the time in its database. */
const confirmEveryMs = 60_000
const idleWaitMaxMs = 1000

export class StandbyDriver {
  readonly taskId: string
  readonly place: TaskPlace
  readonly finished: Promise<void>
  state: StandbyState = { kind: 'opening' }
  private readonly environment: TaskEnvironment
  private readonly onLag: (lag: number) => void
  private readonly signal: Signal
  private stopping = false
  private failures = 0
  private database: TaskDatabase | undefined

  /** @param onLag told how many records the copy lacks, whenever it has read something */
  constructor(environment: TaskEnvironment, place: TaskPlace, onLag: (lag: number) => void) {
    this.environment = environment
    this.place = place
    this.onLag = onLag
    this.taskId = taskIdOf(place.subTopology, place.partition)
    this.signal = new Signal(environment.clock)
    this.finished = this.run()
  }

  get lag(): number | null {
    return this.state.kind === 'following' ? this.state.lag : null
  }

  /** The copy while it is kept up to date, for whoever looks in from outside: only to read, and only until the next wait. */
  get copy(): TaskDatabase | undefined {
    return this.state.kind === 'following' ? this.database : undefined
  }

  async stop(): Promise<void> {
    this.stopping = true
    this.signal.notify()
    await this.finished
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        this.state = { kind: 'opening' }
        await this.openAndFollow()
      } catch (error) {
        if (!(await this.recover(error))) return
      }
    }
    this.state = { kind: 'stopped' }
  }

  private async openAndFollow(): Promise<void> {
    const { environment, place } = this
    const { log, stores, topology } = environment
    const { subTopology, partition } = place
    const name = databaseName(topology.name, this.taskId)
    const database = await TaskDatabase.open(stores, name, subTopology.stores)
    let reader: LogReader | undefined
    this.database = database
    try {
      const replay = new ChangelogReplay({
        ...environment,
        topologyName: topology.name,
        partition,
        database,
        stores: subTopology.stores,
      })
      const positions = await replay.positions()
      replay.begin(environment.clock.now())
      let failure: StreamsError | undefined
      reader = log.openReader({
        onReady: () => this.signal.notify(),
        onError: (_partition, error) => {
          failure = error
          this.signal.notify()
        },
        maxBufferedBytes: environment.settings.inputMaxBufferedBytes,
      })
      for (const position of positions) reader.follow(position, position.offset)
      await this.follow(replay, reader, positions, () => failure)
    } finally {
      this.database = undefined
      await closeAll([async () => reader?.close(), () => database.close()])
    }
  }

  private async follow(
    replay: ChangelogReplay,
    reader: LogReader,
    changelogs: readonly PartitionOffset[],
    failure: () => StreamsError | undefined,
  ): Promise<void> {
    const { clock } = this.environment
    let confirmedMs = clock.now()
    this.state = { kind: 'following', lag: null }
    while (!this.stopping) {
      const failed = failure()
      if (failed !== undefined) throw failed
      const turnMs = clock.now()
      let taken = false
      for (const changelog of changelogs) {
        const batch = reader.take(changelog)
        if (batch === null) continue
        taken = true
        if (batch.length > 0) replay.apply(batch)
      }
      const lag = lagOf(reader, changelogs)
      this.state = { kind: 'following', lag }
      if (lag !== null) {
        this.failures = 0
        this.onLag(lag)
      }
      if (lag === 0 && turnMs - confirmedMs >= confirmEveryMs) {
        confirmedMs = turnMs
        await this.confirm(replay, positionsOf(reader, changelogs))
      }
      if (taken) await clock.yieldTurn()
      else await this.signal.wait(idleWaitMaxMs)
    }
  }

  /** Asks the log whether the copy is complete, which what the reader heard last does not say. */
  private async confirm(replay: ChangelogReplay, positions: readonly PartitionOffset[]): Promise<void> {
    const { clock, log } = this.environment
    const askedMs = clock.now()
    const ranges = await log.offsetRanges(positions)
    if (ranges.every(({ end }, index) => end <= positions[index]!.offset)) replay.complete(positions, askedMs)
  }

  /** Whether to go on. */
  private async recover(error: unknown): Promise<boolean> {
    if (this.stopping) {
      this.state = { kind: 'stopped' }
      return false
    }
    const { logger, settings, stores, topology } = this.environment
    const fields = { task: this.taskId, reason: messageOf(error) }
    const recovery = recoveryOf(error)
    const code = error instanceof StreamsError ? error.code : 'UNKNOWN'
    const isOutOfDate = code === 'STATE_CORRUPT' || code === 'OFFSET_OUT_OF_RANGE'
    const mayPass = recovery === 'retry' || recovery === 'rebuild-task' || isOutOfDate
    if (!mayPass || ++this.failures > settings.taskMaxAttempts) {
      logger.error({ ...fields, code }, 'a standby is given up')
      this.state = { kind: 'failed', error }
      return false
    }
    logger.warn({ ...fields, code }, 'a standby is opened again')
    this.state = { kind: 'waiting', error }
    if (isOutOfDate) {
      await stores.destroy(databaseName(topology.name, this.taskId)).catch((failure: unknown) => {
        logger.warn({ task: this.taskId, reason: messageOf(failure) }, 'state cannot be deleted')
      })
    }
    await this.signal.pause(retryPauseMs(settings, this.failures), () => this.stopping)
    return true
  }
}

function lagOf(reader: LogReader, changelogs: readonly PartitionOffset[]): number | null {
  let lag = 0
  for (const changelog of changelogs) {
    const end = reader.end(changelog)
    if (end === undefined) return null
    lag += Math.max(0, end - reader.position(changelog))
  }
  return lag
}

function positionsOf(reader: LogReader, changelogs: readonly PartitionOffset[]): PartitionOffset[] {
  return changelogs.map(({ topic, partition }) => ({
    topic,
    partition,
    offset: reader.position({ topic, partition }),
  }))
}
