/**
 * Tables, typed, and the rows to be written into them.
 *
 * A table is described once; the description types its rows, converts their values and makes its statements. The
 * columns' limits are checked here, so that SQLite and MySQL reject the same rows.
 */
import { StreamsError } from '../streams/index.ts'

/** What a statement takes. No boolean and no undefined: libsql aborts the process on the one and stores null for the other. */
export type SqlValue = string | number | null

export interface Column<T> {
  /** As the migrations declare it. */
  readonly type: string
  readonly nullable: boolean
  /** @throws ValueError when the value is not of the column. */
  toSql(value: unknown): SqlValue
  /** Never set: it carries the type of the values. */
  readonly valueType?: T
}

export type Columns = Readonly<Record<string, Column<unknown>>>
export type ValueOf<C> = C extends Column<infer T> ? T : never
export type ValuesOf<C extends Columns> = { readonly [N in keyof C]: ValueOf<C[N]> }
type Name<C> = keyof C & string
type NumberColumn<C> = { [N in Name<C>]: ValueOf<C[N]> extends number ? N : never }[Name<C>]

/** A value that its column cannot hold; the row is rejected with this as the reason. */
export class ValueError extends Error {
  readonly code = 'VALUE_INVALID'
}

/** Text of at most `maxCharacters`. */
export function text(maxCharacters: number): Column<string> {
  return column(`VARCHAR(${maxCharacters})`, (value) => {
    if (typeof value !== 'string') throw invalid(value, 'text')
    // Characters are code points to both databases; counting them is only needed for what looks too long.
    if (value.length > maxCharacters && [...value].length > maxCharacters) {
      throw invalid(value, `text of at most ${maxCharacters} characters`)
    }
    return value
  })
}

/** A whole number that JavaScript holds exactly. */
export const integer: Column<number> = column('BIGINT', (value) => {
  if (!Number.isSafeInteger(value)) throw invalid(value, 'a whole number up to 2^53')
  return value as number
})

/** The largest amount whose hundredths SQLite, which computes with doubles, gives back exactly: 70 trillion. */
const largestMinorUnits = 7_000_000_000_000_000

/** An amount in minor units: hundredths of its currency's unit. */
export const money: Column<number> = column('DECIMAL(18,2)', (value) => {
  if (!Number.isSafeInteger(value) || Math.abs(value as number) > largestMinorUnits) {
    throw invalid(value, `a whole number of minor units up to ${largestMinorUnits}`)
  }
  return decimalText(value as number)
})

/** A time in epoch milliseconds, from the year 1000 to 9999; stored in UTC. */
export const time: Column<number> = column('DATETIME(3)', (value) => {
  if (!Number.isSafeInteger(value) || (value as number) < earliestMs || (value as number) > latestMs) {
    throw invalid(value, 'epoch milliseconds within the years 1000 to 9999')
  }
  return timeText(value as number)
})

export const boolean: Column<boolean> = column('BOOLEAN', (value) => {
  if (typeof value !== 'boolean') throw invalid(value, 'true or false')
  return value ? 1 : 0
})

/** Any value that JSON can say. */
export const json: Column<unknown> = column('JSON', (value) => {
  const encoded = JSON.stringify(value)
  if (encoded === undefined) throw invalid(value, 'a JSON value')
  return wellFormed(encoded)
})

/** JSON that is text already. */
export const jsonText: Column<string> = column('JSON', (value) => {
  if (typeof value !== 'string') throw invalid(value, 'JSON text')
  try {
    JSON.parse(value)
  } catch {
    throw invalid(value, 'JSON text')
  }
  return wellFormed(value)
})

/** The same column where null is a value. */
export function nullable<T>(of: Column<T>): Column<T | null> {
  return { type: of.type, nullable: true, toSql: (value) => (value === null ? null : of.toSql(value)) }
}

/** For what outsiders sent: text is cut to `maxCharacters` instead of being rejected. */
export function cutText(maxCharacters: number): Column<string> {
  const whole = text(maxCharacters)
  return {
    ...whole,
    toSql: (value) =>
      whole.toSql(
        typeof value === 'string' && value.length > maxCharacters
          ? [...value].slice(0, maxCharacters).join('')
          : value,
      ),
  }
}

/** For what outsiders sent: a value that the column cannot hold is stored as null. */
export function orNull<T>(of: Column<T>): Column<T | null> {
  return {
    type: of.type,
    nullable: true,
    toSql: (value) => {
      try {
        return value === null ? null : of.toSql(value)
      } catch (error) {
        if (error instanceof ValueError) return null
        throw error
      }
    },
  }
}

export interface Table<C extends Columns = Columns, K extends string = string> {
  readonly name: string
  readonly columns: C
  readonly columnNames: readonly string[]
  /** The primary key. A table has no other unique key. */
  readonly key: readonly K[]
  /** The column that tells which of two rows is newer; null when the later write always wins. */
  readonly newerWins: string | null
  /** The column in which the least value of all rows of the key stays, those of older rows too; null: none. */
  readonly leastStays: string | null
}

/**
 * Describes a table of the migrations.
 *
 * @param definition.newerWins an upsert whose value in this column is less than the stored row's leaves that row alone.
 * @param definition.leastStays an upsert, of an older row too, changes this column only to a lesser value. Rows of such a
 *   table cannot be removed.
 * @example
 *   const stock = defineTable({
 *     name: 'stock',
 *     key: ['product_id'],
 *     columns: { product_id: text(64), quantity: integer, counted_time: time },
 *     newerWins: 'counted_time',
 *   })
 */
export function defineTable<const C extends Columns, const K extends Name<C>>(definition: {
  readonly name: string
  readonly key: readonly K[]
  readonly columns: C
  readonly newerWins?: NumberColumn<C>
  readonly leastStays?: NumberColumn<C>
}): Table<C, K> {
  const { name, columns, key, newerWins = null, leastStays = null } = definition
  const columnNames = Object.keys(columns)
  for (const identifier of [name, ...columnNames]) {
    if (!/^[a-z][a-z0-9_]*$/.test(identifier)) {
      throw badTable(name, `'${identifier}' is not a name of small letters, digits and _`)
    }
  }
  if (key.length === 0) throw badTable(name, 'it has no key')
  for (const column of key) {
    if (columns[column] === undefined) throw badTable(name, `its key column '${column}' is not a column`)
    if (columns[column].nullable) throw badTable(name, `its key column '${column}' is nullable`)
  }
  const special: readonly (string | null)[] = [newerWins, ...key]
  if (leastStays !== null && special.includes(leastStays)) {
    throw badTable(name, `'${leastStays}' is its key or tells the newer row, so the least cannot stay in it`)
  }
  return { name, columns, columnNames, key, newerWins, leastStays }
}

/** A row to insert, or to replace the row of its key with. */
export interface Upsert {
  readonly kind: 'upsert'
  readonly table: Table
  readonly values: Readonly<Record<string, unknown>>
}

/** A key whose row is to go. */
export interface Removal {
  readonly kind: 'remove'
  readonly table: Table
  readonly values: Readonly<Record<string, unknown>>
  /** Only a row whose `newerWins` column is not above this goes; undefined: any. */
  readonly ifNotNewerThan: number | undefined
}

export type SqlRow = Upsert | Removal

export function upsert<C extends Columns, K extends string>(table: Table<C, K>, values: ValuesOf<C>): Upsert {
  return { kind: 'upsert', table, values }
}

/** @param options.ifNotNewerThan leaves a row alone whose `newerWins` column is above this. */
export function remove<C extends Columns, K extends Name<C>>(
  table: Table<C, K>,
  key: Pick<ValuesOf<C>, K>,
  options: { readonly ifNotNewerThan?: number } = {},
): Removal {
  const { ifNotNewerThan } = options
  if (ifNotNewerThan !== undefined && table.newerWins === null) {
    throw badTable(table.name, "it has no 'newerWins' column, which ifNotNewerThan compares with")
  }
  if (table.leastStays !== null) {
    throw badTable(
      table.name,
      `the least value of '${table.leastStays}' stays, so its rows cannot be removed`,
    )
  }
  return { kind: 'remove', table, values: key, ifNotNewerThan }
}

function column<T>(type: string, toSql: (value: unknown) => SqlValue): Column<T> {
  return { type, nullable: false, toSql }
}

/** Minor units as a decimal: 1205 is `12.05`. */
export function decimalText(minorUnits: number): string {
  const units = Math.abs(minorUnits)
  const hundredths = units % 100
  const whole = (units - hundredths) / 100
  return `${minorUnits < 0 ? '-' : ''}${whole}.${hundredths < 10 ? '0' : ''}${hundredths}`
}

/** JSON with the replacement character for each half of a surrogate pair, which MySQL does not take. */
function wellFormed(encoded: string): string {
  if (!/\\ud[89a-f]/i.test(encoded)) return encoded
  const escapes = /\\(?:ud[89ab]..\\ud[c-f]..|(ud[89a-f]..)|.)/gi
  return encoded.replaceAll(escapes, (found, half?: string) => (half === undefined ? found : '\\ufffd'))
}

const dayMs = 86_400_000
const earliestMs = Date.UTC(1000, 0, 1)
const latestMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)
let lastDay = Number.NaN
let lastDayText = ''
let lastMs = Number.NaN
let lastText = ''

/** Epoch milliseconds as `YYYY-MM-DD HH:MM:SS.mmm` in UTC. Neighbouring rows share their time or its day, so both are kept. */
export function timeText(epochMs: number): string {
  if (epochMs !== lastMs) {
    lastText = newTimeText(epochMs)
    lastMs = epochMs
  }
  return lastText
}

function newTimeText(epochMs: number): string {
  const day = Math.floor(epochMs / dayMs)
  if (day !== lastDay) {
    lastDay = day
    lastDayText = new Date(day * dayMs).toISOString().slice(0, 10)
  }
  const ms = epochMs - day * dayMs
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms / 60_000) % 60
  const seconds = Math.floor(ms / 1000) % 60
  return `${lastDayText} ${two(hours)}:${two(minutes)}:${two(seconds)}.${String(ms % 1000).padStart(3, '0')}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

function invalid(value: unknown, wanted: string): ValueError {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new ValueError(`${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown} is not ${wanted}`)
}

function badTable(table: string, problem: string): StreamsError {
  return new StreamsError('CONFIGURATION_INVALID', `table ${table}: ${problem}`, { details: { table } })
}
