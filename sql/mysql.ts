/**
 * MySQL and MariaDB by mysql2: a bounded pool, one connection per open transaction.
 *
 * 1. A connection that failed other than by a row's values is destroyed, never used again.
 * 2. Waiting is bounded everywhere: for a connection, for a statement, for locks of others; on the server's side too, which
 *    drops a connection that says nothing, with its locks.
 * 3. Values go escaped into the statement's text: for rows of ten columns that takes half the CPU of mysql2's prepared
 *    statements. It is safe as the session fixes what escaping rests on: utf8mb4, and backslashes that escape.
 */
import mysql, {
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
  type SslOptions,
} from 'mysql2/promise'
import { StreamsError } from '../streams/index.ts'
import type { Database, DatabaseOptions, DatabaseRow, SchemaSession, Transaction } from './database.ts'
import { connectionLost, isExistingObject, isSilent, mysqlFailure } from './mysql-errors.ts'
import { MysqlTransaction, rowsOf } from './mysql-transaction.ts'
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
const leastPacketBytes = 1024 * 1024
const migrationWaitSeconds = 60

type Settings = Required<
  Pick<DatabaseOptions, 'lockWaitMs' | 'statementTimeoutMs' | 'idleTimeoutMs' | 'poolSize'>
>

export async function openMysql(address: MysqlAddress, options: DatabaseOptions): Promise<Database> {
  const settings: Settings = {
    lockWaitMs: options.lockWaitMs ?? 5_000,
    statementTimeoutMs: options.statementTimeoutMs ?? 30_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 10_000,
    poolSize: options.poolSize ?? 8,
  }
  const pool = mysql.createPool({
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    ...(address.tls ? { ssl: tlsOptions(options) } : {}),
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
    const limitBytes = statementLimit(label, await packetBytes(pool, settings.statementTimeoutMs))
    return new MysqlDatabase(label, address.database, pool, settings, limitBytes)
  } catch (error) {
    await pool.end()
    throw mysqlFailure(label, error)
  }
}

/** Without verifyIdentity any certificate of a trusted authority would do, whoever it is for. */
function tlsOptions({ tlsAuthorities: ca }: DatabaseOptions): SslOptions {
  return { verifyIdentity: true, ...(ca === undefined ? {} : { ca }) }
}

async function packetBytes(pool: Pool, timeout: number): Promise<number> {
  const connection = await pool.getConnection()
  const sql = 'SELECT @@max_allowed_packet AS bytes'
  const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout })
  connection.release()
  return Number(rows[0]?.['bytes'])
}

/** The most bytes of values in a statement: escaping at most doubles them. */
function statementLimit(label: string, bytes: number): number {
  if (bytes >= leastPacketBytes) return Math.floor((bytes - packetReserveBytes) / 2)
  throw new StreamsError(
    'SINK_FAILED',
    `${label}: the server's max_allowed_packet is ${bytes}: set it to ${leastPacketBytes} or more`,
    { details: { database: label, maxAllowedPacket: bytes } },
  )
}

class MysqlDatabase implements Database {
  readonly dialect = 'mysql'
  readonly label: string
  readonly statementLimitBytes: number
  private readonly schema: string
  private readonly pool: Pool
  private readonly settings: Settings
  private readonly turns: Turns
  /** Of connections whose session is set up, which generation they are of. Those of an earlier one are not used again. */
  private readonly generations = new WeakMap<object, number>()
  private generation = 0
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
      // A holder may be in the middle of a slow commit.
      Math.max(settings.lockWaitMs, settings.statementTimeoutMs),
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
      return new MysqlTransaction({
        label: this.label,
        connection,
        timeout: this.settings.statementTimeoutMs,
        release,
        onReadOnly: () => this.retire(connection),
      })
    } catch (error) {
      release()
      throw mysqlFailure(this.label, error)
    }
  }

  async changeSchema<T>(work: (session: SchemaSession) => Promise<T>): Promise<T> {
    return this.withConnection('the migration', async (connection) => {
      const lock = `order-streams:${this.schema}`.slice(0, 64)
      const [rows] = await connection.query<RowDataPacket[]>({
        sql: 'SELECT GET_LOCK(?, ?) AS got',
        values: [lock, migrationWaitSeconds],
        timeout: migrationWaitSeconds * 1000 + this.settings.statementTimeoutMs,
      })
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

  /**
   * A connection with its session set up, on which `first` was run. Idle ones that the server dropped are passed over, and
   * those to a server that others found to be read-only: by now the address may lead to another.
   */
  private async connection(first: string): Promise<PoolConnection> {
    for (;;) {
      const connection = await this.pool.getConnection()
      const generation = this.generations.get(connection.connection)
      if (generation !== undefined && generation !== this.generation) {
        connection.destroy()
        continue
      }
      try {
        if (generation === undefined) await this.setUp(connection)
        await connection.query({ sql: first, timeout: this.settings.statementTimeoutMs })
        return connection
      } catch (error) {
        connection.destroy()
        const wasDropped = generation !== undefined && connectionLost(error) && !isSilent(error)
        if (!wasDropped) throw error
      }
    }
  }

  /** No connection that is as old as this one is used again. */
  private retire(connection: PoolConnection): void {
    if (this.generations.get(connection.connection) === this.generation) this.generation++
  }

  private async setUp(connection: PoolConnection): Promise<void> {
    const { idleTimeoutMs, lockWaitMs, statementTimeoutMs: timeout } = this.settings
    const idleSeconds = Math.max(1, Math.round(idleTimeoutMs / 1000))
    const sql = `SET SESSION time_zone = '+00:00',
       sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO',
       wait_timeout = ${idleSeconds}, net_read_timeout = ${idleSeconds},
       innodb_lock_wait_timeout = ${Math.max(1, Math.round(lockWaitMs / 1000))}`
    await connection.query({ sql, timeout })
    // Without gap locks, tasks that write different keys do not meet.
    await connection.query({ sql: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', timeout })
    this.generations.set(connection.connection, this.generation)
  }
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
