/**
 * Runs one task for as long as this instance owns it, opening it anew after errors that may pass.
 *
 *     opening (restoring) ─► running ─► stopped                any ─► failed (stop, or too many attempts)
 *        ▲          │
 *        └──────────┴─ waiting (retry, rebuild) | given-up (fenced, until the group decides or a while has passed)
 */
import { assertNever, messageOf, recoveryOf, StreamsError } from '../errors.ts'
import type { PartitionOffset } from '../ports/log.ts'
import type { LogFields } from '../ports/observability.ts'
import { SchemaNotLoaded } from '../serde/serde.ts'
import type { SubTopology } from '../topology/topology.ts'
import { CommitWishes } from './commit-wishes.ts'
import { openTask } from './open-task.ts'
import type { RestoreProgress } from './restore.ts'
import { retryPauseMs } from './retry-pause.ts'
import { Signal } from './signal.ts'
import { flowOfClosed } from './stages/decide-flow.ts'
import type { TaskFlowView } from './stages/stage.ts'
import type { Task } from './task.ts'
import { databaseName, type TaskEnvironment, type TaskObserver, taskIdOf } from './task-environment.ts'
import { countTaskFailure } from './task-meters.ts'
import type { TaskPlace } from './task-place.ts'
import { TaskActivity } from './task-watch.ts'

export type DriverState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'restoring'; readonly progress: RestoreProgress }
  | { readonly kind: 'running' }
  | { readonly kind: 'waiting'; readonly error: unknown; readonly attempt: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'given-up'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }

/** How long an idle task waits at most before it looks again: an answer that it waits for may bring no records. */
const idleWaitMaxMs = 250

export class TaskDriver {
  readonly taskId: string
  readonly finished: Promise<void>
  readonly activity = new TaskActivity()
  state: DriverState = { kind: 'opening' }
  private readonly environment: TaskEnvironment
  private readonly subTopology: SubTopology
  private readonly partition: number
  private readonly signal: Signal
  private readonly onFailed: (error: unknown) => void
  private stopping = false
  private commitAwaited = false
  private readonly wishes = new CommitWishes()
  private inputEnded: { readonly clockToo: boolean } | undefined
  private task: Task | undefined
  /** In a row: a commit that succeeds starts the count anew. */
  private failures = 0
  /** Over with the next commit, or once nothing is left to do. */
  private outageSinceMs: number | undefined
  private hasRun = false
  private abandoned: () => void = () => {}

  constructor(
    environment: TaskEnvironment,
    subTopology: SubTopology,
    partition: number,
    onFailed: (error: unknown) => void,
  ) {
    this.taskId = taskIdOf(subTopology, partition)
    this.environment = { ...environment, observer: this.observing(environment.observer) }
    this.subTopology = subTopology
    this.partition = partition
    this.onFailed = onFailed
    this.signal = new Signal(environment.clock)
    const abandoned = new Promise<void>((resolve) => {
      this.abandoned = resolve
    })
    this.finished = Promise.race([this.run(), abandoned])
  }

  /** The task while it runs; undefined while it is being opened, closed or waited for. */
  get openTask(): Task | undefined {
    return this.state.kind === 'running' ? this.task : undefined
  }

  get place(): TaskPlace {
    return { subTopology: this.subTopology, partition: this.partition }
  }

  get isStateful(): boolean {
    return this.subTopology.stores.length > 0
  }

  /** Where the last commit of the task stands; undefined while it is not running. */
  get committedOffsets(): readonly PartitionOffset[] | undefined {
    return this.task?.committedOffsets
  }

  /** It does not run, and has not run yet or failed twice in a row: being opened anew once is not worth telling. */
  get isAway(): boolean {
    return this.state.kind !== 'running' && (!this.hasRun || this.failures > 1)
  }

  /** Whether the log has not answered for long. */
  get isSilent(): boolean {
    return this.task?.isSilent ?? false
  }

  /** It hangs, and nobody waits for it any more. Should it come back, it can commit only while nobody else owns the task. */
  abandon(error: StreamsError): void {
    this.stopping = true
    this.countFailure(error)
    this.state = this.failed(error)
    this.abandoned()
    this.onFailed(error)
  }

  /** Commits what was processed, then lets the task go. */
  async stop(): Promise<void> {
    this.stopping = true
    this.signal.notify()
    await this.finished
  }

  /** Something may have changed that it goes by: stage commands. */
  wake(): void {
    this.signal.notify()
  }

  /** Whether and how stage commands hold the task; while it is not open, what they say. */
  get flow(): TaskFlowView {
    if (this.task !== undefined) return this.task.flow.view()
    const { topology, partitionCounts, stages, clock } = this.environment
    const { subTopology, partition, taskId } = this
    return flowOfClosed({ taskId, topology, subTopology, partition, partitionCounts }, stages, clock.now())
  }

  /** Somebody waits for the next commit: it need not wait for its interval once there is nothing more to put into it. */
  awaitCommit(): void {
    this.commitAwaited = true
    this.signal.notify()
  }

  /**
   * Commits what was processed so far, at once; resolves when that is done, or when there was nothing to commit.
   * @throws CLOSED when the task does not run, or is let go before that
   */
  async commitNow(): Promise<void> {
    if (this.openTask === undefined) throw new StreamsError('CLOSED', `task ${this.taskId} does not run`)
    const committed = this.wishes.add()
    this.signal.notify()
    await committed
  }

  /** Nothing comes any more: what waits for time to pass is due once all that is there was processed. */
  endInput(clockToo: boolean): void {
    this.inputEnded = { clockToo }
    this.task?.endInput(clockToo)
    this.signal.notify()
  }

  /** Whether all that waited for time is done and committed, since nothing comes any more. */
  get hasEnded(): boolean {
    return this.task?.hasEnded ?? false
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.openAndRun()
        this.state = { kind: 'stopped' }
        return
      } catch (error) {
        if (this.stopping && error instanceof StreamsError && error.code === 'CLOSED') break
        this.countFailure(error)
        const ended = await this.recover(error).catch((failure: unknown) => this.failed(failure))
        if (ended !== undefined) {
          this.state = ended
          if (ended.kind === 'failed') this.onFailed(ended.error)
          return
        }
      }
    }
    this.state = { kind: 'stopped' }
  }

  private observing(observer: TaskObserver): TaskObserver {
    return {
      onCommitted: (checkpoint) => observer.onCommitted?.(checkpoint),
      onCommitStep: (taskId, step) => {
        this.activity.turn(`committing (after ${step})`)
        return observer.onCommitStep?.(taskId, step)
      },
    }
  }

  private async openAndRun(): Promise<void> {
    this.state = { kind: 'opening' }
    this.activity.turn('opening')
    const task = await openTask(this.environment, this.subTopology, this.partition, {
      onReady: () => this.signal.notify(),
      isCancelled: () => this.stopping,
      onStep: (step) => this.activity.turn(`opening (${step})`),
      onRestoring: (progress) => {
        this.activity.turn('restoring')
        this.state = { kind: 'restoring', progress }
      },
    })
    try {
      this.task = task
      this.state = { kind: 'running' }
      this.hasRun = true
      if (this.inputEnded !== undefined) task.endInput(this.inputEnded.clockToo)
      await this.process(task)
    } finally {
      this.task = undefined
      this.wishes.fail(this.taskId)
      this.activity.turn('closing')
      await task.close().catch((error: unknown) => {
        this.environment.logger.warn(
          { task: this.taskId, reason: messageOf(error) },
          'closing the task failed',
        )
      })
    }
  }

  private async process(task: Task): Promise<void> {
    for (;;) {
      this.activity.turn('advancing')
      const worked = this.stopping ? false : await task.advance()
      const requested = this.stopping || this.wishes.any || (this.commitAwaited && task.isAtEnd)
      const decision = task.decideCommit(requested)
      const granted = this.wishes.take()
      // Nothing there to commit is as good as a commit; and who was told where its input ends has been answered.
      if (decision.kind !== 'commit') granted()
      if (decision.kind === 'nothing' && task.isAtEnd) this.outageSinceMs = undefined
      if (decision.kind === 'commit') {
        this.commitAwaited = false
        this.activity.turn('committing')
        await task.commit(requested)
        granted()
        this.failures = 0
        this.outageSinceMs = undefined
      } else if (this.stopping) {
        return
      } else if (worked) {
        await this.environment.clock.yieldTurn()
      } else {
        const waitMs = decision.kind === 'wait' ? decision.forMs : idleWaitMaxMs
        await this.signal.wait(Math.max(1, Math.min(waitMs, task.clockDueInMs)))
      }
    }
  }

  /** What follows an error: the end of the task, or, after a pause, another opening. */
  private async recover(error: unknown): Promise<DriverState | undefined> {
    const { logger, settings, stores, topology } = this.environment
    this.activity.turn('recovering from an error')
    // State that a newer release wrote, while this one still runs.
    const unread = error instanceof SchemaNotLoaded ? error.schemaId : undefined
    const recovery = unread === undefined ? recoveryOf(error) : 'rebuild-task'
    const code = codeOf(error)
    const fields = { task: this.taskId, code, reason: messageOf(error) }
    switch (recovery) {
      case 'fenced':
        if (++this.failures > settings.taskMaxAttempts) return this.failed(error)
        logger.warn(fields, 'the task has another owner now')
        this.state = { kind: 'given-up', error }
        // The group takes the task away if it gave it to that owner. If not, a zombie fenced it, or the log did for a
        // transaction that took too long: then nobody else will run it.
        await this.pause(settings.fencedTaskReopenMs)
        return undefined
      case 'dead-letter':
      case 'stop':
        return this.failed(error)
      case 'retry':
        this.failures++
        this.outageSinceMs ??= this.environment.clock.now()
        if (this.environment.clock.now() - this.outageSinceMs > settings.outageMaxMs)
          return this.failed(error)
        return this.openAgain(error, fields)
      case 'rebuild-task':
        if (++this.failures > settings.taskMaxAttempts) return this.failed(error)
        if (unread !== undefined) await this.loadSchema(unread)
        if (code === 'STATE_CORRUPT') await stores.destroy(databaseName(topology.name, this.taskId))
        return this.openAgain(error, fields)
      default:
        return assertNever(recovery)
    }
  }

  private async openAgain(error: unknown, fields: LogFields): Promise<undefined> {
    const { logger, settings } = this.environment
    logger.warn({ ...fields, attempt: this.failures }, 'the task is opened again from its last commit')
    this.state = { kind: 'waiting', error, attempt: this.failures }
    await this.pause(retryPauseMs(settings, this.failures))
  }

  /** What cannot be loaded now is asked for again by the next attempt. */
  private async loadSchema(id: number): Promise<void> {
    await this.environment.codecs.loadSchema(id).catch((error: unknown) => {
      this.environment.logger.warn(
        { task: this.taskId, schemaId: id, reason: messageOf(error) },
        'a schema cannot be loaded',
      )
    })
  }

  private countFailure(error: unknown): void {
    const { metrics, topology } = this.environment
    countTaskFailure(metrics, topology.name, codeOf(error))
  }

  private failed(error: unknown): DriverState {
    const code = codeOf(error)
    const fields = { task: this.taskId, code, reason: messageOf(error), error, attempts: this.failures }
    this.environment.logger.error(fields, 'the task cannot go on')
    return { kind: 'failed', error }
  }

  private pause(delayMs: number): Promise<void> {
    this.activity.rest()
    return this.signal.pause(delayMs, () => this.stopping)
  }
}

function codeOf(error: unknown): string {
  return error instanceof StreamsError ? error.code : 'UNKNOWN'
}
