/**
 * A transactional sink in memory, for tests of topologies that end in a database: rows and positions together, sessions
 * fenced by their epoch.
 *
 *     idle ─prepare─► prepared ─commit, rollback─► idle          any ─close─► closed
 */
import { StreamsError } from '../errors.ts'
import type { PartitionOffset } from '../ports/log.ts'
import type { RowRejection, Sink, SinkSession, SinkTask } from '../ports/sink.ts'

export interface MemorySinkOptions<R> {
  /** `memory` by default. */
  readonly name?: string
  /** Why the database would reject a row; undefined takes it. */
  readonly rejects?: (row: R) => Omit<RowRejection, 'index'> | undefined
}

interface TaskProgress {
  epoch: number
  readonly positions: Map<string, number>
}

export class MemorySink<R> implements Sink<R> {
  readonly name: string
  private readonly options: MemorySinkOptions<R>
  private readonly committed: R[] = []
  private readonly tasks = new Map<string, TaskProgress>()

  constructor(options: MemorySinkOptions<R> = {}) {
    this.name = options.name ?? 'memory'
    this.options = options
  }

  /** Every row that was committed, in the order of the commits. */
  get rows(): readonly R[] {
    return this.committed
  }

  /** What is committed by now, as another process would find it after a crash of this one. */
  snapshot(): MemorySink<R> {
    const copy = new MemorySink<R>(this.options)
    copy.committed.push(...this.committed)
    for (const [id, { epoch, positions }] of this.tasks)
      copy.tasks.set(id, { epoch, positions: new Map(positions) })
    return copy
  }

  async open(task: SinkTask): Promise<SinkSession<R>> {
    const progress = this.tasks.get(task.id) ?? { epoch: 0, positions: new Map<string, number>() }
    this.tasks.set(task.id, progress)
    progress.epoch++
    return new MemorySinkSession(task, progress, this.committed, this.options)
  }
}

class MemorySinkSession<R> implements SinkSession<R> {
  readonly positions: readonly (number | null)[]
  private readonly task: SinkTask
  private readonly progress: TaskProgress
  private readonly committed: R[]
  private readonly options: MemorySinkOptions<R>
  private readonly epoch: number
  private state: 'idle' | 'prepared' | 'closed' = 'idle'
  private rows: readonly R[] = []
  private next: readonly PartitionOffset[] = []

  constructor(task: SinkTask, progress: TaskProgress, committed: R[], options: MemorySinkOptions<R>) {
    this.task = task
    this.progress = progress
    this.committed = committed
    this.options = options
    this.epoch = progress.epoch
    this.positions = task.partitions.map((partition) => progress.positions.get(nameOf(partition)) ?? null)
  }

  async prepare(rows: readonly R[], next: readonly PartitionOffset[]): Promise<RowRejection[]> {
    this.expect('idle')
    await Promise.resolve()
    this.expect('idle')
    this.checkEpoch()
    const own = new Set(this.task.partitions.map(nameOf))
    const foreign = next.find((partition) => !own.has(nameOf(partition)))
    if (foreign !== undefined)
      throw new StreamsError('INVARIANT_VIOLATED', `${nameOf(foreign)} is not of task ${this.task.id}`)
    const rejections: RowRejection[] = []
    this.rows = rows.filter((row, index) => {
      const reason = this.options.rejects?.(row)
      if (reason !== undefined) rejections.push({ index, ...reason })
      return reason === undefined
    })
    this.next = next
    this.state = 'prepared'
    return rejections
  }

  async commit(): Promise<void> {
    this.expect('prepared')
    this.state = 'idle'
    this.checkEpoch()
    this.committed.push(...this.rows)
    for (const partition of this.next) this.progress.positions.set(nameOf(partition), partition.offset)
  }

  async rollback(): Promise<void> {
    this.expect('prepared')
    this.state = 'idle'
  }

  async close(): Promise<void> {
    this.state = 'closed'
  }

  private expect(state: 'idle' | 'prepared'): void {
    if (this.state === state) return
    const details = { task: this.task.id, state: this.state }
    if (this.state === 'closed')
      throw new StreamsError('CLOSED', `the sink session of task ${this.task.id} was closed`, { details })
    const message = `the sink session of task ${this.task.id} is ${this.state} where it must be ${state}`
    throw new StreamsError('INVARIANT_VIOLATED', message, { details })
  }

  private checkEpoch(): void {
    if (this.progress.epoch === this.epoch) return
    throw new StreamsError('SINK_FENCED', `task ${this.task.id} was taken over by a newer session`, {
      details: { task: this.task.id, epoch: this.epoch },
    })
  }
}

function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}-${partition}`
}
