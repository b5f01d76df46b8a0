/**
 * A SQL database as the sink sees it: committed reads, and transactions that queue for a writer.
 *
 * Every failure is a StreamsError that names the database and the remedy, but for what one row's values cause: that is
 * a RowError, after which the transaction goes on as if the statement had never been run.
 */
import type { SqlValue } from './table.ts'

export type Dialect = 'sqlite' | 'mysql'

export type DatabaseRow = Readonly<Record<string, SqlValue>>

/** The database rejected a statement for the values of a row. The code is the database's own. */
export class RowError extends Error {
  readonly code: string

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'RowError'
    this.code = code
  }
}

export interface Database {
  readonly dialect: Dialect
  /** For people: the file, or the server and database; never the password. */
  readonly label: string
  /** The most bytes of values that one statement may carry. */
  readonly statementLimitBytes: number
  /** Reads what is committed. @throws SINK_UNAVAILABLE, SINK_FAILED */
  query(sql: string, parameters?: readonly SqlValue[]): Promise<readonly DatabaseRow[]>
  /**
   * Begins a transaction that may write, waiting in turn for a writer: SQLite has one, MySQL as many as the pool is large.
   * @param owner who asks, for the messages of those who wait.
   * @throws SINK_UNAVAILABLE when the wait is over before the turn came
   */
  begin(owner: string): Promise<Transaction>
  /** Runs schema changes alone among all processes: in one transaction where the database can, else under a lock. */
  changeSchema<T>(work: (session: SchemaSession) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Transaction {
  /**
   * Runs a statement. Answers the rows it changed or, for MySQL's UPDATE, matched.
   * @throws RowError, SINK_UNAVAILABLE, SINK_FAILED, STORAGE_FULL
   */
  run(sql: string, parameters: readonly SqlValue[]): Promise<number>
  query(sql: string, parameters: readonly SqlValue[]): Promise<readonly DatabaseRow[]>
  /** @throws SINK_UNAVAILABLE: the outcome is unknown. STORAGE_FULL, SINK_FAILED: nothing was written. */
  commit(): Promise<void>
  /** Never throws: what cannot be rolled back is rolled back by the database when the connection goes. */
  rollback(): Promise<void>
}

export interface SchemaSession {
  query(sql: string): Promise<readonly DatabaseRow[]>
  /** Runs statements, each ended by `;` at the end of a line. */
  script(sql: string): Promise<void>
}

export interface DatabaseOptions {
  /**
   * For a process that looks into tables which another one writes: it sets nothing in the database, and leaves alone what
   * the writer has not yet moved into SQLite's file. Default false.
   */
  readonly readOnly?: boolean
  /** SQLite: `FULL` survives a power failure with every commit, `NORMAL` may lose the last ones. Default FULL. */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** How long a transaction waits for locks of others, and with SQLite in the line of writers while it does not move. Default 5,000. */
  readonly lockWaitMs?: number
  /** MySQL with `ssl=true`: the authorities that its certificate is trusted by, PEM. Default: those of Node.js. */
  readonly tlsAuthorities?: string
  /** MySQL: connections at most. Default 8. */
  readonly poolSize?: number
  /**
   * MySQL: how long connecting, and any one statement, may take; a transaction waits as long as a statement for one of the
   * pool's connections. Default 10,000 and 30,000.
   */
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
  /**
   * MySQL: an idle connection is dropped by the server after this long, so that the locks of a process that stalled in
   * the middle of a transaction do not bar its successor for hours. Less than what it takes to find out that a process has
   * stalled: then the successor need not wait at all. Default 10,000.
   */
  readonly idleTimeoutMs?: number
}
