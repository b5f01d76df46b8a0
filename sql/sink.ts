/**
 * The transactional SQL sink: rows and positions in one transaction, guarded by the task's epoch.
 *
 *     idle ─prepare─► prepared ─commit───► idle
 *                        ├─────rollback──► idle
 *                        └─────commit whose outcome is unknown─► spent
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
import { advance, type TaskProgress, takeTask } from './progress.ts'
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
    open: async (task) => new SqlSinkSession(database, writer, task, await takeTask(database, task)),
  }
}

type State = 'idle' | 'busy' | 'prepared' | 'spent' | 'closed'

class SqlSinkSession implements SinkSession<SqlRow> {
  readonly positions: readonly (number | null)[]
  private readonly database: Database
  private readonly writer: RowWriter
  private readonly task: SinkTask
  private readonly epoch: number
  private state: State = 'idle'
  private transaction: Transaction | undefined

  constructor(database: Database, writer: RowWriter, task: SinkTask, progress: TaskProgress) {
    this.database = database
    this.writer = writer
    this.task = task
    this.epoch = progress.epoch
    this.positions = progress.positions
  }

  async prepare(rows: readonly SqlRow[], next: readonly PartitionOffset[]): Promise<RowRejection[]> {
    this.leave('idle', 'prepare')
    this.expectKnown(next)
    let transaction: Transaction | undefined
    try {
      transaction = await this.database.begin(this.task.id)
      await advance(transaction, this.task, this.epoch, next)
      const rejections = await this.writer.write(transaction, rows)
      this.expectNotClosed()
      this.transaction = transaction
      this.state = 'prepared'
      return rejections
    } catch (error) {
      await transaction?.rollback()
      this.become('idle')
      throw error
    }
  }

  async commit(): Promise<void> {
    this.leave('prepared', 'commit')
    try {
      await this.transaction!.commit()
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
