/**
 * MySQL and MariaDB by mysql2: a bounded pool, one connection per open transaction.
 *
 * 1. A connection that failed other than by a row's values is destroyed, never used again.
 * 2. Waiting is bounded everywhere: for a connection, for a statement, for locks of others.
 * 3. Values go escaped into the statement's text: for rows of ten columns that takes half the CPU of mysql2's prepared
 *    statements. It is safe as the session fixes what escaping rests on: utf8mb4, and backslashes that escape.
 */
import mysql, {
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from 'mysql2/promise'
import { messageOf, StreamsError } from '../streams/index.ts'
import {
  type Database,
  type DatabaseOptions,
  type DatabaseRow,
  RowError,
  type SchemaSession,
  type Transaction,
} from './database.ts'
import { connectionLost, isExistingObject, mysqlFailure } from './mysql-errors.ts'
import type { SqlValue } from './table.ts'
import { type Release, Turns } from './turns.ts'

export interface MysqlAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly tls: boolean
}

/** Room in a packet for the statement's text. */
const packetReserveBytes = 64 * 1024
const migrationWaitSeconds = 60

type Settings = Required<
  Pick<DatabaseOptions, 'lockWaitMs' | 'statementTimeoutMs' | 'idleTimeoutMs' | 'poolSize'>
>

export async function openMysql(address: MysqlAddress, options: DatabaseOptions): Promise<Database> {
  const settings: Settings = {
    lockWaitMs: options.lockWaitMs ?? 5_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    poolSize: options.poolSize ?? 8,
  }
  const pool = mysql.createPool({
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    ...(address.tls ? { ssl: {} } : {}),
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    jsonStrings: true,
    supportBigNumbers: true,
    connectTimeout: options.connectTimeoutMs ?? 10_000,
    connectionLimit: settings.poolSize,
    enableKeepAlive: true,
  })
  const label = `mysql://${address.host}:${address.port}/${address.database}`
  try {
    const connection = await pool.getConnection()
    const [rows] = await connection.query<RowDataPacket[]>('SELECT @@max_allowed_packet AS bytes')
    connection.release()
    // Escaping at most doubles the values.
    const limitBytes = Math.floor((Number(rows[0]?.['bytes']) - packetReserveBytes) / 2)
    return new MysqlDatabase(label, address.database, pool, settings, limitBytes)
  } catch (error) {
    await pool.end()
    throw mysqlFailure(label, error)
  }
}

class MysqlDatabase implements Database {
  readonly dialect = 'mysql'
  readonly label: string
  readonly statementLimitBytes: number
  private readonly schema: string
  private readonly pool: Pool
  private readonly settings: Settings
  private readonly turns: Turns
  private readonly prepared = new WeakSet<object>()
  private closed = false

  constructor(label: string, schema: string, pool: Pool, settings: Settings, statementLimitBytes: number) {
    this.label = label
    this.schema = schema
    this.pool = pool
    this.settings = settings
    this.statementLimitBytes = statementLimitBytes
    this.turns = new Turns(
      `one of ${settings.poolSize} connections to ${label}`,
      settings.poolSize,
      settings.lockWaitMs,
    )
  }

  async query(sql: string, parameters: readonly SqlValue[] = []): Promise<readonly DatabaseRow[]> {
    return this.withConnection('a query', async (connection) => {
      const [result] = await connection.query<RowDataPacket[] | ResultSetHeader>({
        sql,
        values: [...parameters],
        timeout: this.settings.statementTimeoutMs,
      })
      return rowsOf(result)
    })
  }

  async begin(owner: string): Promise<Transaction> {
    const release = await this.takeTurn(owner)
    try {
      const connection = await this.connection('START TRANSACTION')
      return new MysqlTransaction(this.label, connection, this.settings.statementTimeoutMs, release)
    } catch (error) {
      release()
      throw mysqlFailure(this.label, error)
    }
  }

  async changeSchema<T>(work: (session: SchemaSession) => Promise<T>): Promise<T> {
    return this.withConnection('the migration', async (connection) => {
      const lock = `order-streams:${this.schema}`.slice(0, 64)
      const [rows] = await connection.query<RowDataPacket[]>('SELECT GET_LOCK(?, ?) AS got', [
        lock,
        migrationWaitSeconds,
      ])
      if (rows[0]?.['got'] !== 1) {
        throw new StreamsError(
          'SINK_UNAVAILABLE',
          `${this.label}: another process has been migrating the schema for ${migrationWaitSeconds} s: wait for it, or end it`,
        )
      }
      const result = await work({
        query: async (sql) => {
          const [result] = await connection.query<RowDataPacket[] | ResultSetHeader>(sql)
          return rowsOf(result)
        },
        script: (sql) => runScript(connection, sql),
      })
      // After a failure the connection is destroyed, and the lock with it.
      await connection.query('DO RELEASE_LOCK(?)', [lock])
      return result
    })
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.pool.end()
  }

  private async withConnection<T>(
    owner: string,
    work: (connection: PoolConnection) => Promise<T>,
  ): Promise<T> {
    const release = await this.takeTurn(owner)
    try {
      const connection = await this.connection('DO 0')
      try {
        const result = await work(connection)
        connection.release()
        return result
      } catch (error) {
        connection.destroy()
        throw error
      }
    } catch (error) {
      throw mysqlFailure(this.label, error)
    } finally {
      release()
    }
  }

  private async takeTurn(owner: string): Promise<Release> {
    if (this.closed) throw new StreamsError('CLOSED', `the database ${this.label} was closed`)
    return this.turns.take(owner)
  }

  /** A connection with its session set up, on which `first` was run. Idle ones that the server dropped are passed over. */
  private async connection(first: string): Promise<PoolConnection> {
    for (let attempt = 0; ; attempt++) {
      const connection = await this.pool.getConnection()
      try {
        if (!this.prepared.has(connection.connection)) await this.setUp(connection)
        await connection.query({ sql: first, timeout: this.settings.statementTimeoutMs })
        return connection
      } catch (error) {
        connection.destroy()
        if (!connectionLost(error) || attempt === this.settings.poolSize) throw error
      }
    }
  }

  private async setUp(connection: PoolConnection): Promise<void> {
    const { idleTimeoutMs, lockWaitMs } = this.settings
    await connection.query(
      `SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO',
       wait_timeout = ${Math.max(1, Math.round(idleTimeoutMs / 1000))},
       innodb_lock_wait_timeout = ${Math.max(1, Math.round(lockWaitMs / 1000))}`,
    )
    // Without gap locks, tasks that write different keys do not meet.
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
    this.prepared.add(connection.connection)
  }
}

/** Statements without a result answer their header. With the connection's options values are text, numbers or null. */
function rowsOf(result: RowDataPacket[] | ResultSetHeader): readonly DatabaseRow[] {
  return Array.isArray(result) ? (result as DatabaseRow[]) : []
}

/** MySQL commits each change of the schema by itself: what an interrupted run left is passed over by the next. */
async function runScript(connection: PoolConnection, sql: string): Promise<void> {
  for (const statement of sql.split(/;[ \t]*$/m)) {
    if (statement.replaceAll(/^\s*--.*$/gm, '').trim() === '') continue
    try {
      await connection.query(statement)
    } catch (error) {
      if (!isExistingObject(error)) throw error
    }
  }
}

class MysqlTransaction implements Transaction {
  private readonly label: string
  private readonly connection: PoolConnection
  private readonly timeout: number
  private readonly releaseTurn: Release
  private broken = false
  private ended = false

  constructor(label: string, connection: PoolConnection, timeout: number, releaseTurn: Release) {
    this.label = label
    this.connection = connection
    this.timeout = timeout
    this.releaseTurn = releaseTurn
  }

  async run(sql: string, parameters: readonly SqlValue[]): Promise<number> {
    const [result] = await this.attempt(() =>
      this.connection.query<ResultSetHeader>({ sql, values: [...parameters], timeout: this.timeout }),
    )
    return result.affectedRows
  }

  async query(sql: string, parameters: readonly SqlValue[]): Promise<readonly DatabaseRow[]> {
    const [result] = await this.attempt(() =>
      this.connection.query<RowDataPacket[] | ResultSetHeader>({
        sql,
        values: [...parameters],
        timeout: this.timeout,
      }),
    )
    return rowsOf(result)
  }

  async commit(): Promise<void> {
    try {
      await this.connection.query({ sql: 'COMMIT', timeout: this.timeout })
    } catch (error) {
      this.end(true)
      throw new StreamsError(
        'SINK_UNAVAILABLE',
        `${this.label}: whether the transaction was committed is unknown: ${messageOf(error)}`,
        { cause: error },
      )
    }
    this.end(false)
  }

  async rollback(): Promise<void> {
    try {
      if (!this.broken && !this.ended) await this.connection.query({ sql: 'ROLLBACK', timeout: this.timeout })
    } catch {
      this.broken = true
    }
    this.end(this.broken)
  }

  private async attempt<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await statement()
    } catch (error) {
      const failure = mysqlFailure(this.label, error)
      if (!(failure instanceof RowError)) this.broken = true
      throw failure
    }
  }

  private end(destroy: boolean): void {
    if (this.ended) return
    this.ended = true
    if (destroy) this.connection.destroy()
    else this.connection.release()
    this.releaseTurn()
  }
}
