/**
 * Finding tasks that hang: on a call of the log, the registry or a sink that never returns. What blocks the event loop
 * itself is not seen from here.
 *
 * Invariants:
 * 1. Time is counted in looks, of which ten without a turn are the deadline: a process that was stopped for a while, or a
 *    clock that jumped, makes no task hang.
 * 2. A task that rests waits on purpose, however long.
 */
import { StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import { Signal } from './signal.ts'

/** What a task is doing, kept by the task itself, which has nothing to do for it but to count. */
export class TaskActivity {
  /** `committing (after sent)`; null while the task rests. */
  doing: string | null = 'opening'
  /** Grows whenever the task gets any further. */
  turns = 0

  turn(doing: string): void {
    this.doing = doing
    this.turns++
  }

  rest(): void {
    this.doing = null
    this.turns++
  }
}

export interface WatchedTask {
  readonly taskId: string
  readonly activity: TaskActivity
}

const looksPerDeadline = 10

interface Seen {
  readonly turns: number
  /** How often it was seen with as many turns. */
  readonly looks: number
}

export class TaskWatch<T extends WatchedTask> {
  private readonly deadlineMs: number
  private readonly tasks: () => Iterable<T>
  private readonly onStuck: (task: T, error: StreamsError) => void
  private readonly signal: Signal
  private seen = new Map<T, Seen>()
  private isClosed = false

  /** @param onStuck called once for each task that hangs */
  constructor(
    clock: Clock,
    deadlineMs: number,
    tasks: () => Iterable<T>,
    onStuck: (task: T, error: StreamsError) => void,
  ) {
    this.deadlineMs = deadlineMs
    this.tasks = tasks
    this.onStuck = onStuck
    this.signal = new Signal(clock)
    void this.run()
  }

  close(): void {
    this.isClosed = true
    this.signal.notify()
  }

  private async run(): Promise<void> {
    while (!this.isClosed) {
      await this.signal.wait(Math.ceil(this.deadlineMs / looksPerDeadline))
      if (!this.isClosed) this.look()
    }
  }

  private look(): void {
    const before = this.seen
    this.seen = new Map()
    for (const task of this.tasks()) {
      const { doing, turns } = task.activity
      if (doing === null) continue
      const last = before.get(task)
      const looks = last?.turns === turns ? last.looks + 1 : 0
      this.seen.set(task, { turns, looks })
      if (looks === looksPerDeadline) this.onStuck(task, this.stuck(task.taskId, doing))
    }
  }

  private stuck(taskId: string, doing: string): StreamsError {
    return new StreamsError(
      'TASK_STUCK',
      `task ${taskId} has got no further for ${this.deadlineMs} ms (taskDeadlineMs): it was ${doing}, and what it waits for ` +
        'does not answer; see to that, then start again',
      { details: { task: taskId, doing, deadlineMs: this.deadlineMs } },
    )
  }
}
