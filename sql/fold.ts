/**
 * Rows of one table, folded per key: what is left has the effect of all of them in order, whatever row is stored.
 *
 * Any sequence of upserts and removals of a key comes down to at most one removal followed by at most one upsert:
 * 1. Of two upserts the newer stays, of equals the later.
 * 2. A removal swallows upserts before it that are not newer than its bound, and stands back behind a newer one.
 * 3. An upsert swallows a removal before it whose bound it reaches.
 * Without a guard every row is as new as can be, so the last one wins. Where the least value of a column stays, there are
 * no removals, and the upsert that stays takes the least value over.
 */
import type { RowRejection } from '../streams/index.ts'
import { type Column, type SqlRow, type SqlValue, type Table, ValueError } from './table.ts'

/** A row as statements take it. */
export interface WritableRow {
  readonly kind: SqlRow['kind']
  /** Index into the rows given to the sink. */
  readonly index: number
  /** Of an upsert the columns' values, of a removal the key's. */
  readonly values: readonly SqlValue[]
  /** How new: the guard's value of an upsert, the bound of a removal. */
  readonly newness: number
  /** Of an upsert the value in the column in which the least stays; without such a column NaN. */
  readonly least: number
  /** The bound as the guard column stores it; null: none. */
  readonly bound: SqlValue
  readonly sizeBytes: number
}

export interface KeyFold {
  removal: WritableRow | undefined
  upsert: WritableRow | undefined
  /** All rows of the key in order, once there are several. */
  all: WritableRow[] | undefined
}

/** Converts the rows of a table. */
class RowConverter {
  private readonly table: Table
  private readonly columns: readonly NamedColumn[]
  private readonly keyColumns: readonly NamedColumn[]
  private readonly guard: NamedColumn | undefined

  constructor(table: Table) {
    this.table = table
    this.columns = named(table, table.columnNames)
    this.keyColumns = named(table, table.key)
    this.guard = this.columns.find(({ name }) => name === table.newerWins)
  }

  /** @throws ValueError naming the column */
  convert(row: SqlRow, index: number): WritableRow {
    const columns = row.kind === 'upsert' ? this.columns : this.keyColumns
    const values = new Array<SqlValue>(columns.length)
    let sizeBytes = 0
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      const value = this.valueOf(column, row.values[column.name])
      values[i] = value
      // Three bytes at most for a UTF-16 unit.
      sizeBytes += typeof value === 'string' ? value.length * 3 : 8
    }
    const { guard } = this
    if (row.kind === 'remove') {
      const bounded = guard !== undefined && row.ifNotNewerThan !== undefined
      return {
        kind: 'remove',
        index,
        values,
        newness: bounded ? row.ifNotNewerThan : Number.POSITIVE_INFINITY,
        least: Number.NaN,
        bound: bounded ? this.valueOf(guard, row.ifNotNewerThan) : null,
        sizeBytes,
      }
    }
    const newness = guard === undefined ? Number.POSITIVE_INFINITY : Number(row.values[guard.name])
    const { leastStays } = this.table
    const least = leastStays === null ? Number.NaN : Number(row.values[leastStays])
    return { kind: 'upsert', index, values, newness, least, bound: null, sizeBytes }
  }

  private valueOf({ name, column }: NamedColumn, value: unknown): SqlValue {
    try {
      if (value === null && !column.nullable) throw new ValueError('it may not be null')
      return column.toSql(value)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      throw new ValueError(`${this.table.name}.${name}: ${error.message}`)
    }
  }
}

interface NamedColumn {
  readonly name: string
  readonly column: Column<unknown>
}

function named({ columns }: Table, names: readonly string[]): readonly NamedColumn[] {
  return names.map((name) => ({ name, column: columns[name]! }))
}

/** Folds rows of one table; those that their columns cannot hold are left out and added to `rejections`. */
export function foldRows(
  table: Table,
  rows: readonly SqlRow[],
  indexes: readonly number[],
  rowLimitBytes: number,
  rejections: RowRejection[],
): Map<string, KeyFold> {
  const folds = new Map<string, KeyFold>()
  const converter = new RowConverter(table)
  const keyColumns = table.key.map((column) => table.columnNames.indexOf(column))
  const leastColumn = table.leastStays === null ? -1 : table.columnNames.indexOf(table.leastStays)
  for (const index of indexes) {
    let row: WritableRow
    try {
      row = converter.convert(rows[index]!, index)
      // The exact size is only worth counting for what looks too large.
      if (row.sizeBytes > rowLimitBytes) checkSize(row, rowLimitBytes)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      rejections.push({ index, code: error.code, message: error.message })
      continue
    }
    const key = keyOf(row, keyColumns)
    const fold = folds.get(key)
    if (fold === undefined) {
      folds.set(key, {
        removal: row.kind === 'remove' ? row : undefined,
        upsert: row.kind === 'upsert' ? row : undefined,
        all: undefined,
      })
    } else add(fold, row, leastColumn)
  }
  return folds
}

function add(fold: KeyFold, row: WritableRow, leastColumn: number): void {
  fold.all ??= [(fold.removal ?? fold.upsert)!]
  fold.all.push(row)
  const { upsert, removal } = fold
  if (row.kind === 'upsert') {
    if (upsert === undefined) fold.upsert = row
    else if (row.newness >= upsert.newness) fold.upsert = withLeast(row, upsert, leastColumn)
    else fold.upsert = withLeast(upsert, row, leastColumn)
    if (removal !== undefined && fold.upsert!.newness >= removal.newness) fold.removal = undefined
  } else if (upsert === undefined || row.newness >= upsert.newness) {
    fold.upsert = undefined
    if (removal === undefined || row.newness >= removal.newness) fold.removal = row
  }
}

/** A row with another's value in the column in which the least stays, if that is less. */
function withLeast(row: WritableRow, other: WritableRow, leastColumn: number): WritableRow {
  if (!(other.least < row.least)) return row
  return { ...row, values: row.values.with(leastColumn, other.values[leastColumn]!), least: other.least }
}

function checkSize(row: WritableRow, limitBytes: number): void {
  const sizeBytes = row.values.reduce<number>((sum, value) => sum + Buffer.byteLength(String(value)), 0)
  if (sizeBytes > limitBytes) {
    throw new ValueError(
      `the row has ${sizeBytes} bytes, and the database takes ${limitBytes} in a statement`,
    )
  }
}

function keyOf(row: WritableRow, keyColumns: readonly number[]): string {
  if (keyColumns.length === 1) return String(row.values[row.kind === 'upsert' ? keyColumns[0]! : 0])
  let key = ''
  for (let i = 0; i < keyColumns.length; i++) {
    const value = row.values[row.kind === 'upsert' ? keyColumns[i]! : i]!
    key += typeof value === 'string' ? `${value.length}:${value}` : `${value};`
  }
  return key
}
