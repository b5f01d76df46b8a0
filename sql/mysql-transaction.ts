/** A transaction on one connection of MySQL's pool, which goes back there when the transaction ends, or is destroyed. */
import type { PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { messageOf, StreamsError } from '../streams/index.ts'
import { type DatabaseRow, RowError, type Transaction } from './database.ts'
import { isReadOnly, mysqlFailure } from './mysql-errors.ts'
import type { SqlValue } from './table.ts'
import type { Release } from './turns.ts'

export interface TransactionParts {
  readonly label: string
  readonly connection: PoolConnection
  readonly timeout: number
  readonly release: Release
  readonly onReadOnly: () => void
}

export class MysqlTransaction implements Transaction {
  private readonly label: string
  private readonly connection: PoolConnection
  private readonly timeout: number
  private readonly releaseTurn: Release
  private readonly onReadOnly: () => void
  private broken = false
  private ended = false

  constructor({ label, connection, timeout, release, onReadOnly }: TransactionParts) {
    this.label = label
    this.connection = connection
    this.timeout = timeout
    this.releaseTurn = release
    this.onReadOnly = onReadOnly
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
      if (isReadOnly(error)) this.onReadOnly()
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
      if (isReadOnly(error)) this.onReadOnly()
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

/** Statements without a result answer their header. With the connection's options values are text, numbers or null. */
export function rowsOf(result: RowDataPacket[] | ResultSetHeader): readonly DatabaseRow[] {
  return Array.isArray(result) ? (result as DatabaseRow[]) : []
}
