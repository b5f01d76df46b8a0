/**
 * Writes rows in few statements, and finds those that the database rejects.
 *
 * 1. Statements hold 2^n rows, so that few different ones are prepared, and no more bytes than the server takes.
 * 2. A statement that fails for a row's values has changed nothing: SQLite and InnoDB undo it alone. It is halved until
 *    the row is found.
 * 3. The key of a rejected row has its rows replayed one by one, so that those before and after the bad one still count.
 *    Its removal may have run already, which is harmless: each row that it takes away is taken away or replaced again.
 */
import { type RowRejection, StreamsError } from '../streams/index.ts'
import { type Dialect, RowError, type Transaction } from './database.ts'
import { foldRows, type KeyFold, type WritableRow } from './fold.ts'
import { removeSql, upsertSql } from './statements.ts'
import type { SqlRow, SqlValue, Table } from './table.ts'

const largestUpsertRows = 128
const largestRemovalRows = 64
/** SQLite's limit, and half of MySQL's. */
const parameterLimit = 32_766
/** More would not be faster. */
const largestChunkBytes = 4 * 1024 * 1024

export interface RowWriterOptions {
  readonly dialect: Dialect
  /** A row larger than this is rejected. */
  readonly statementLimitBytes: number
  /** In the order to write them, the same in every task, so that transactions seldom wait for each other in a ring. */
  readonly tables: readonly Table[]
}

export class RowWriter {
  private readonly options: RowWriterOptions
  private readonly sqlByTable: Map<Table, TableSql>
  private readonly chunkLimitBytes: number

  constructor(options: RowWriterOptions) {
    this.options = options
    this.chunkLimitBytes = Math.min(largestChunkBytes, options.statementLimitBytes)
    this.sqlByTable = new Map(options.tables.map((table) => [table, new TableSql(options.dialect, table)]))
  }

  /** @throws whatever the transaction throws but RowError, which becomes a rejection */
  async write(transaction: Transaction, rows: readonly SqlRow[]): Promise<RowRejection[]> {
    const rejections: RowRejection[] = []
    const indexesByTable = this.indexesByTable(rows)
    for (const [table, sql] of this.sqlByTable) {
      const indexes = indexesByTable.get(table)
      if (indexes === undefined) continue
      const folds = foldRows(table, rows, indexes, this.options.statementLimitBytes, rejections)
      const write = new TableWrite(transaction, sql, this.chunkLimitBytes, rejections)
      await write.write(this.inLockOrder(folds))
    }
    return rejections.sort((a, b) => a.index - b.index)
  }

  private indexesByTable(rows: readonly SqlRow[]): Map<Table, number[]> {
    const indexesByTable = new Map<Table, number[]>()
    for (let index = 0; index < rows.length; index++) {
      const { table } = rows[index]!
      const indexes = indexesByTable.get(table)
      if (indexes !== undefined) indexes.push(index)
      else if (this.sqlByTable.has(table)) indexesByTable.set(table, [index])
      else {
        throw new StreamsError(
          'SINK_FAILED',
          `a row is for table ${table.name}, which is not among the sink's tables: add it to them`,
          { details: { table: table.name } },
        )
      }
    }
    return indexesByTable
  }

  /** Transactions that lock their rows in the order of the keys cannot deadlock over them. SQLite has one writer. */
  private inLockOrder(folds: Map<string, KeyFold>): KeyFold[] {
    if (this.options.dialect === 'sqlite') return [...folds.values()]
    return [...folds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fold]) => fold)
  }
}

/** The statements of one table, made once each. */
class TableSql {
  readonly largestUpsertRows: number
  private readonly make: Record<'upsert' | 'removal' | 'boundedRemoval', (rowCount: number) => string>
  private readonly made = { upsert: [] as string[], removal: [] as string[], boundedRemoval: [] as string[] }

  constructor(dialect: Dialect, table: Table) {
    this.largestUpsertRows = Math.min(
      largestUpsertRows,
      Math.floor(parameterLimit / table.columnNames.length),
    )
    this.make = {
      upsert: (rowCount) => upsertSql(dialect, table, rowCount),
      removal: (rowCount) => removeSql(table, rowCount, false),
      boundedRemoval: (rowCount) => removeSql(table, rowCount, true),
    }
  }

  upsert(rowCount: number): string {
    this.made.upsert[rowCount] ??= this.make.upsert(rowCount)
    return this.made.upsert[rowCount]
  }

  removal(rowCount: number, bounded: boolean): string {
    const kind = bounded ? 'boundedRemoval' : 'removal'
    this.made[kind][rowCount] ??= this.make[kind](rowCount)
    return this.made[kind][rowCount]!
  }
}

/** One table's part of one transaction. */
class TableWrite {
  private readonly transaction: Transaction
  private readonly sql: TableSql
  private readonly chunkLimitBytes: number
  private readonly rejections: RowRejection[]
  /** Keys whose rows were written one by one: nothing more is to be done for them. */
  private readonly replayed = new Set<KeyFold>()

  constructor(transaction: Transaction, sql: TableSql, chunkLimitBytes: number, rejections: RowRejection[]) {
    this.transaction = transaction
    this.sql = sql
    this.chunkLimitBytes = chunkLimitBytes
    this.rejections = rejections
  }

  async write(folds: readonly KeyFold[]): Promise<void> {
    const bounded = folds.filter(({ removal }) => (removal?.bound ?? null) !== null)
    const unbounded = folds.filter(({ removal }) => removal !== undefined && removal.bound === null)
    for (const removals of [bounded, unbounded]) {
      const chunks = this.chunks(removals, ({ removal }) => removal!, largestRemovalRows)
      for (const chunk of chunks) await this.isolating(chunk, (fold) => fold.removal!, this.runRemoval)
    }
    const upserts = folds.filter((fold) => fold.upsert !== undefined && !this.replayed.has(fold))
    const chunks = this.chunks(upserts, ({ upsert }) => upsert!, this.sql.largestUpsertRows)
    for (const chunk of chunks) await this.isolating(chunk, (fold) => fold.upsert!, this.runUpsert)
  }

  /** Runs one statement for a row of each key, or for as many keys as the database does not reject. */
  private async isolating(
    folds: readonly KeyFold[],
    rowOf: (fold: KeyFold) => WritableRow,
    run: (rows: readonly WritableRow[]) => Promise<void>,
  ): Promise<void> {
    try {
      await run(folds.map(rowOf))
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      if (folds.length > 1) {
        await this.isolating(folds.slice(0, folds.length / 2), rowOf, run)
        await this.isolating(folds.slice(folds.length / 2), rowOf, run)
      } else if (folds[0]!.all === undefined) this.reject(rowOf(folds[0]!), error)
      else await this.replay(folds[0]!, folds[0]!.all)
    }
  }

  private async replay(fold: KeyFold, rows: readonly WritableRow[]): Promise<void> {
    this.replayed.add(fold)
    for (const row of rows) {
      try {
        await (row.kind === 'upsert' ? this.runUpsert([row]) : this.runRemoval([row]))
      } catch (error) {
        if (!(error instanceof RowError)) throw error
        this.reject(row, error)
      }
    }
  }

  private readonly runUpsert = async (rows: readonly WritableRow[]): Promise<void> => {
    const parameters: SqlValue[] = []
    for (const row of rows) for (const value of row.values) parameters.push(value)
    await this.transaction.run(this.sql.upsert(rows.length), parameters)
  }

  /** Of removals that all have a bound, or all have none. */
  private readonly runRemoval = async (rows: readonly WritableRow[]): Promise<void> => {
    const parameters: SqlValue[] = []
    for (const row of rows) {
      for (const value of row.values) parameters.push(value)
      if (row.bound !== null) parameters.push(row.bound)
    }
    await this.transaction.run(this.sql.removal(rows.length, rows[0]!.bound !== null), parameters)
  }

  private reject(row: WritableRow, error: RowError): void {
    this.rejections.push({ index: row.index, code: error.code, message: error.message })
  }

  /** Runs of 2^n keys, at most `largest`, that stay within the bytes of a statement where they can. */
  private *chunks(
    folds: readonly KeyFold[],
    rowOf: (fold: KeyFold) => WritableRow,
    largest: number,
  ): Generator<KeyFold[]> {
    const bytesOf = (chunk: KeyFold[]) => chunk.reduce((bytes, fold) => bytes + rowOf(fold).sizeBytes, 0)
    for (let from = 0; from < folds.length; ) {
      let count = 2 ** Math.floor(Math.log2(Math.min(largest, folds.length - from)))
      let chunk = folds.slice(from, from + count)
      while (count > 1 && bytesOf(chunk) > this.chunkLimitBytes) {
        count /= 2
        chunk = chunk.slice(0, count)
      }
      yield chunk
      from += count
    }
  }
}
