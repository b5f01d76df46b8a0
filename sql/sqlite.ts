/**
 * SQLite by libsql: one connection writes, a second one reads what is committed.
 *
 * 1. The writer is held from begin to commit or rollback; others of this process wait their turn for it.
 * 2. Another process's lock is waited for by asking again: SQLite's own waiting would hold up the event loop.
 */
import { setTimeout as delay } from 'node:timers/promises'
import Libsql from 'libsql'
import { StreamsError } from '../streams/index.ts'
import type { Database, DatabaseOptions, DatabaseRow, SchemaSession, Transaction } from './database.ts'
import { isBusy, openingFailure, sqliteFailure } from './sqlite-errors.ts'
import type { SqlValue } from './table.ts'
import { type Release, Turns } from './turns.ts'

type Connection = InstanceType<typeof Libsql>
type Statement = ReturnType<Connection['prepare']>

const askAgainAfterMs = 10
/** 32 MB of log between checkpoints: enough that a page changed by many commits is written back once. */
const checkpointPages = 8_000
const cacheKibibytes = 64 * 1024
/** SQLite's own default limit. */
const statementLimitBytes = 1_000_000_000
const preparedStatements = 256

export async function openSqlite(path: string, options: DatabaseOptions): Promise<Database> {
  const { lockWaitMs = 5_000, readOnly: isReadOnly = false } = options
  const open = () => {
    const connection = connect(path)
    try {
      if (isReadOnly) connection.exec('PRAGMA query_only = ON')
      else connection.exec('PRAGMA journal_mode = WAL')
      connection.exec(`PRAGMA synchronous = ${options.synchronous ?? 'FULL'}`)
      connection.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
      connection.exec(`PRAGMA cache_size = -${cacheKibibytes}`)
      connection.prepare('SELECT count(*) FROM sqlite_master').all()
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }
  try {
    const writer = await whenUnlocked(lockWaitMs, open)
    return new SqliteDatabase(path, writer, { lockWaitMs, isReadOnly })
  } catch (error) {
    throw error instanceof StreamsError ? error : sqliteFailure(path, error)
  }
}

function connect(path: string): Connection {
  try {
    return new Libsql(path)
  } catch (error) {
    throw openingFailure(path, error)
  }
}

/** Tries again for as long as another process holds the lock, giving other work its turn in between. */
async function whenUnlocked<T>(limitMs: number, attempt: () => T): Promise<T> {
  const until = performance.now() + limitMs
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= until) throw error
      await delay(askAgainAfterMs)
    }
  }
}

class SqliteDatabase implements Database {
  readonly dialect = 'sqlite'
  readonly label: string
  readonly statementLimitBytes = statementLimitBytes
  private readonly writer: PreparedConnection
  private readonly turns: Turns
  private readonly lockWaitMs: number
  private readonly isReadOnly: boolean
  private reader: PreparedConnection | undefined
  private closed = false

  constructor(
    path: string,
    writer: Connection,
    { lockWaitMs, isReadOnly }: { readonly lockWaitMs: number; readonly isReadOnly: boolean },
  ) {
    this.label = path
    this.writer = new PreparedConnection(writer)
    this.lockWaitMs = lockWaitMs
    this.isReadOnly = isReadOnly
    this.turns = new Turns(`the writer of ${path}`, 1, lockWaitMs)
  }

  async query(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly DatabaseRow[]> {
    this.expectOpen()
    try {
      return await whenUnlocked(
        this.lockWaitMs,
        () => this.openReader().prepare(sql).all(parameters) as DatabaseRow[],
      )
    } catch (error) {
      throw sqliteFailure(this.label, error)
    }
  }

  async begin(owner: string): Promise<Transaction> {
    this.expectOpen()
    const release = await this.turns.take(owner)
    try {
      this.expectOpen()
      await whenUnlocked(this.lockWaitMs, () => this.writer.connection.exec('BEGIN IMMEDIATE'))
      return new SqliteTransaction(this.label, this.writer, release)
    } catch (error) {
      release()
      throw error instanceof StreamsError ? error : sqliteFailure(this.label, error)
    }
  }

  async changeSchema<T>(work: (session: SchemaSession) => Promise<T>): Promise<T> {
    const transaction = await this.begin('the migration')
    try {
      const result = await work({
        query: (sql) => transaction.query(sql, []),
        script: async (sql) => {
          this.writer.connection.exec(sql.replaceAll(/\/\*sqlite\b(.*?)\*\//gs, '$1'))
        },
      })
      await transaction.commit()
      return result
    } catch (error) {
      await transaction.rollback()
      throw error instanceof StreamsError ? error : sqliteFailure(this.label, error)
    }
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.reader?.connection.close()
    const { connection } = this.writer
    try {
      if (connection.inTransaction) connection.exec('ROLLBACK')
      // libsql really closes when its statements are collected, so the log is moved into the file here.
      if (!this.isReadOnly) connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // A file that cannot be written stays as it is; the next opening recovers it.
    }
    connection.close()
  }

  private openReader(): PreparedConnection {
    if (this.reader === undefined) {
      const connection = connect(this.label)
      connection.exec('PRAGMA query_only = ON')
      this.reader = new PreparedConnection(connection)
    }
    return this.reader
  }

  private expectOpen(): void {
    if (this.closed) throw new StreamsError('CLOSED', `the database ${this.label} was closed`)
  }
}

/** A connection with its statements, the least recently used of which is forgotten. */
class PreparedConnection {
  readonly connection: Connection
  private readonly statements = new Map<string, Statement>()

  constructor(connection: Connection) {
    this.connection = connection
  }

  prepare(sql: string): Statement {
    const statement = this.statements.get(sql) ?? this.connection.prepare(sql)
    this.statements.delete(sql)
    this.statements.set(sql, statement)
    if (this.statements.size > preparedStatements) {
      for (const oldest of this.statements.keys()) {
        this.statements.delete(oldest)
        break
      }
    }
    return statement
  }
}

class SqliteTransaction implements Transaction {
  private readonly label: string
  private readonly writer: PreparedConnection
  private readonly release: Release

  constructor(label: string, writer: PreparedConnection, release: Release) {
    this.label = label
    this.writer = writer
    this.release = release
  }

  async run(sql: string, parameters: readonly SqlValue[]): Promise<number> {
    try {
      return this.writer.prepare(sql).run(parameters).changes
    } catch (error) {
      throw sqliteFailure(this.label, error)
    }
  }

  async query(sql: string, parameters: readonly SqlValue[]): Promise<readonly DatabaseRow[]> {
    try {
      return this.writer.prepare(sql).all(parameters) as DatabaseRow[]
    } catch (error) {
      throw sqliteFailure(this.label, error)
    }
  }

  async commit(): Promise<void> {
    try {
      this.writer.connection.exec('COMMIT')
    } catch (error) {
      await this.rollback()
      throw sqliteFailure(this.label, error)
    }
    this.release()
  }

  async rollback(): Promise<void> {
    const { connection } = this.writer
    // SQLite has rolled back by itself where the disk was full or broken, and a closed connection has nothing open.
    try {
      if (connection.open && connection.inTransaction) connection.exec('ROLLBACK')
    } catch {
      // The disk is gone; the log beside the file tells the next opening what was committed.
    }
    this.release()
  }
}
