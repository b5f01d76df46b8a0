/**
 * The transactional SQL sink: rows and positions in one transaction, guarded by the task's epoch.
 *
 *     idle ─prepare─► prepared ─commit───► idle
 *                        ├─────rollback──► idle
 *                        └─────commit whose outcome is unknown─► spent
 *
 * What fails before the commit has changed nothing. A deadlock, a lock that is held too long or a connection that is lost is
 * tried again here, a few times: what is left is for the task, which opens a new session.
 *
 * SQLite has one writer: between `prepare` and `commit` no other session of the process can prepare. A runtime that
 * prepares several must commit each before the next.
 */
import {
  type PartitionOffset,
  type RowRejection,
  type Sink,
  type SinkSession,
  type SinkTask,
  StreamsError,
} from '../streams/index.ts'
import type { Database, Transaction } from './database.ts'
import { advance, movedTo, type TaskProgress, takeTask } from './progress.ts'
import type { SqlRow, Table } from './table.ts'
import { RowWriter } from './write-rows.ts'

export interface SqlSinkOptions {
  readonly name: string
  /** Migrated; the caller closes it, after all sessions. */
  readonly database: Database
  /** All tables that rows are for, in the order to write them. */
  readonly tables: readonly Table[]
}

export function sqlSink({ name, database, tables }: SqlSinkOptions): Sink<SqlRow> {
  const { dialect, statementLimitBytes } = database
  const writer = new RowWriter({ dialect, statementLimitBytes, tables })
  return {
    name,
    traceAttributes: { 'db.system.name': dialect, 'db.operation.name': 'upsert' },
    open: async (task) => {
      const progress = await withRetries(() => takeTask(database, task))
      return new SqlSinkSession(database, writer, task, progress)
    },
  }
}

type State = 'idle' | 'busy' | 'prepared' | 'spent' | 'closed'

class SqlSinkSession implements SinkSession<SqlRow> {
  readonly positions: readonly (number | null)[]
  private readonly database: Database
  private readonly writer: RowWriter
  private readonly task: SinkTask
  /** Where this session has left the task. */
  private stands: TaskProgress
  private state: State = 'idle'
  private transaction: Transaction | undefined
  private prepared: readonly PartitionOffset[] = []

  constructor(database: Database, writer: RowWriter, task: SinkTask, progress: TaskProgress) {
    this.database = database
    this.writer = writer
    this.task = task
    this.stands = progress
    this.positions = progress.positions
  }

  async prepare(rows: readonly SqlRow[], next: readonly PartitionOffset[]): Promise<RowRejection[]> {
    this.leave('idle', 'prepare')
    this.expectKnown(next)
    try {
      return await withRetries(() => this.tryPrepare(rows, next))
    } catch (error) {
      this.become('idle')
      throw error
    }
  }

  private async tryPrepare(
    rows: readonly SqlRow[],
    next: readonly PartitionOffset[],
  ): Promise<RowRejection[]> {
    this.expectNotClosed()
    const transaction = await this.database.begin(this.task.id)
    try {
      await advance(transaction, this.task, this.stands, next, this.database.dialect)
      const rejections = await this.writer.write(transaction, rows)
      this.expectNotClosed()
      this.transaction = transaction
      this.prepared = next
      this.state = 'prepared'
      return rejections
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  async commit(): Promise<void> {
    this.leave('prepared', 'commit')
    try {
      await this.transaction!.commit()
      this.stands = movedTo(this.task, this.stands, this.prepared)
      this.become('idle')
    } catch (error) {
      this.become('spent')
      throw error
    }
  }

  async rollback(): Promise<void> {
    this.leave('prepared', 'roll back')
    await this.transaction!.rollback()
    this.become('idle')
  }

  async close(): Promise<void> {
    if (this.state === 'prepared') await this.rollback()
    this.state = 'closed'
  }

  private leave(state: State, call: string): void {
    this.expectNotClosed()
    if (this.state !== state) {
      throw new StreamsError(
        'INVARIANT_VIOLATED',
        `the sink session of task ${this.task.id} was told to ${call} while it was ${this.state}`,
        { details: { task: this.task.id, state: this.state } },
      )
    }
    this.state = 'busy'
  }

  /** A session that was closed during a call stays closed. */
  private become(state: State): void {
    if (this.state !== 'closed') this.state = state
  }

  private expectNotClosed(): void {
    if (this.state !== 'closed' && this.state !== 'spent') return
    const why =
      this.state === 'closed' ? 'was closed' : 'cannot tell the outcome of its commit: open a new one'
    throw new StreamsError('CLOSED', `the sink session of task ${this.task.id} ${why}`, {
      details: { task: this.task.id },
    })
  }

  private expectKnown(next: readonly PartitionOffset[]): void {
    for (const { topic, partition } of next) {
      if (!this.task.partitions.some((own) => own.topic === topic && own.partition === partition)) {
        this.state = 'idle'
        throw new StreamsError('INVARIANT_VIOLATED', `${topic}-${partition} is not of task ${this.task.id}`)
      }
    }
  }
}

const mostAttempts = 3

/** For work that has changed nothing when it fails. Its causes pass by waiting for locks or on another connection. */
async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === mostAttempts || !isUndone(error)) throw error
    }
  }
}

/** The database undid it. Not: the turn to write did not come, which has been waited for long enough. */
function isUndone(error: unknown): boolean {
  return error instanceof StreamsError && error.code === 'SINK_UNAVAILABLE' && 'databaseCode' in error.details
}
