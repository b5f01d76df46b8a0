/**
 * Runs one task for as long as this instance owns it, opening it anew after errors that may pass.
 *
 *     opening ─► running ─► stopped
 *        ▲          │
 *        └─ waiting ◄┘ (retry, rebuild)        any ─► given-up (fenced) | failed (stop)
 */
import { assertNever, messageOf, recoveryOf, StreamsError } from '../errors.ts'
import type { PartitionOffset } from '../ports/log.ts'
import type { SubTopology } from '../topology/topology.ts'
import { openTask } from './open-task.ts'
import { Signal } from './signal.ts'
import type { Task } from './task.ts'
import { databaseName, type TaskEnvironment, taskIdOf } from './task-environment.ts'

export type DriverState =
  | { readonly kind: 'opening' }
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
  state: DriverState = { kind: 'opening' }
  private readonly environment: TaskEnvironment
  private readonly subTopology: SubTopology
  private readonly partition: number
  private readonly signal: Signal
  private readonly onFailed: (error: unknown) => void
  private stopping = false
  private task: Task | undefined
  private failures = 0

  constructor(
    environment: TaskEnvironment,
    subTopology: SubTopology,
    partition: number,
    onFailed: (error: unknown) => void,
  ) {
    this.taskId = taskIdOf(subTopology, partition)
    this.environment = environment
    this.subTopology = subTopology
    this.partition = partition
    this.onFailed = onFailed
    this.signal = new Signal(environment.clock)
    this.finished = this.run()
  }

  /** Where the last commit of the task stands; undefined while it is not running. */
  get committedOffsets(): readonly PartitionOffset[] | undefined {
    return this.task?.committedOffsets
  }

  /** Commits what was processed, then lets the task go. */
  async stop(): Promise<void> {
    this.stopping = true
    this.signal.notify()
    await this.finished
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.openAndRun()
        this.state = { kind: 'stopped' }
        return
      } catch (error) {
        const ended = await this.recover(error)
        if (ended !== undefined) {
          this.state = ended
          if (ended.kind === 'failed') this.onFailed(ended.error)
          return
        }
      }
    }
    this.state = { kind: 'stopped' }
  }

  private async openAndRun(): Promise<void> {
    this.state = { kind: 'opening' }
    const task = await openTask(this.environment, this.subTopology, this.partition, () =>
      this.signal.notify(),
    )
    try {
      this.task = task
      this.state = { kind: 'running' }
      await this.process(task)
    } finally {
      this.task = undefined
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
      const worked = this.stopping ? false : await task.advance()
      const decision = task.decideCommit(this.stopping)
      if (decision.kind === 'commit') {
        await task.commit()
        this.failures = 0
      } else if (this.stopping) {
        return
      } else if (worked) {
        await this.environment.clock.yieldTurn()
      } else {
        await this.signal.wait(decision.kind === 'wait' ? decision.forMs : idleWaitMaxMs)
      }
    }
  }

  /** What follows an error: the end of the task, or, after a pause, another opening. */
  private async recover(error: unknown): Promise<DriverState | undefined> {
    const { logger, settings, stores, topology } = this.environment
    const recovery = recoveryOf(error)
    const code = error instanceof StreamsError ? error.code : 'UNKNOWN'
    const fields = { task: this.taskId, code, reason: messageOf(error) }
    switch (recovery) {
      case 'fenced':
        logger.warn(fields, 'the task has another owner now')
        return { kind: 'given-up', error }
      case 'dead-letter':
      case 'stop':
        logger.error({ ...fields, error }, 'the task cannot go on')
        return { kind: 'failed', error }
      case 'retry':
      case 'rebuild-task': {
        this.failures++
        if (this.failures > settings.taskMaxAttempts) {
          logger.error({ ...fields, error, attempts: this.failures }, 'the task failed too often')
          return { kind: 'failed', error }
        }
        logger.warn({ ...fields, attempt: this.failures }, 'the task is opened again from its last commit')
        if (code === 'STATE_CORRUPT') await stores.destroy(databaseName(topology.name, this.taskId))
        this.state = { kind: 'waiting', error, attempt: this.failures }
        await this.pause()
        return undefined
      }
      default:
        return assertNever(recovery)
    }
  }

  private async pause(): Promise<void> {
    const { taskRetryInitialMs, taskRetryMaxMs } = this.environment.settings
    const delayMs = Math.min(taskRetryMaxMs, taskRetryInitialMs * 2 ** (this.failures - 1))
    const { clock } = this.environment
    const endMs = clock.now() + delayMs
    while (!this.stopping && clock.now() < endMs) await this.signal.wait(endMs - clock.now())
  }
}
