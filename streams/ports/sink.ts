/**
 * A transactional sink outside the log, for rows that must be written exactly once: a SQL database.
 *
 * The sink keeps the input offsets of each task itself, in the same transaction as the rows, guarded by an epoch that
 * the task takes when it opens its session. A commit has two steps, so that rows which the database rejects can become
 * dead letters in the log before the sink's transaction is final (docs/commit.md tells why nothing is lost or doubled):
 *
 *     open ─► prepare ─► commit ─► prepare ─► commit … ─► close
 *                └────► rollback
 */
import type { PartitionOffset, TopicPartition } from './log.ts'
import type { SpanAttributes } from './tracing.ts'

export interface Sink<R> {
  readonly name: string
  /** What spans of its writes say of it, such as `db.system.name`. */
  readonly traceAttributes?: SpanAttributes
  /**
   * Takes the task over: from now on no earlier session of it can commit.
   * @throws SINK_UNAVAILABLE, SINK_FAILED
   */
  open(task: SinkTask): Promise<SinkSession<R>>
}

export interface SinkTask {
  /** Unique among all tasks that use the database: application, sub-topology and partition. */
  readonly id: string
  readonly partitions: readonly TopicPartition[]
}

export interface RowRejection {
  /** Index into the rows given. */
  readonly index: number
  /** The database's own code, such as `SQLITE_CONSTRAINT`. */
  readonly code: string
  readonly message: string
}

export interface SinkSession<R> {
  /** Where the sink stands: offsets of the next record to write; null where it has none yet. */
  readonly positions: readonly (number | null)[]
  /**
   * Begins a transaction and writes rows in it, with the offsets to continue from. A row that the database rejects is
   * left out and reported; the others stay.
   * @throws SINK_FENCED, SINK_UNAVAILABLE (nothing was written), SINK_FAILED
   */
  prepare(rows: readonly R[], next: readonly PartitionOffset[]): Promise<RowRejection[]>
  /** Makes what was prepared final. @throws SINK_UNAVAILABLE: the outcome is unknown; open a new session to learn it. */
  commit(): Promise<void>
  rollback(): Promise<void>
  close(): Promise<void>
}
