/** The statements of a table. Names are safe to quote so: `defineTable` allows small letters, digits and _ only. */
import type { Dialect } from './database.ts'
import type { Table } from './table.ts'

/**
 * Inserts rows, or replaces those of the same keys unless they are newer.
 *
 * MySQL has `VALUES()`, which MariaDB knows too, unlike row aliases. It assigns from left to right and reads what it has
 * assigned, so the guard column comes last.
 */
export function upsertSql(dialect: Dialect, table: Table, rowCount: number): string {
  const columns = table.columnNames
  const row = `(${columns.map(() => '?').join(',')})`
  const insert = `INSERT INTO ${quoted(table.name)} (${columns.map(quoted).join(',')}) VALUES ${Array(rowCount).fill(row).join(',')}`
  return `${insert} ${dialect === 'sqlite' ? sqliteConflict(table) : mysqlConflict(table)}`
}

/** Parameters per row: the key's values, then the guard's bound if `guarded`. */
export function removeSql(table: Table, rowCount: number, guarded: boolean): string {
  const terms = table.key.map((column) => `${quoted(column)} = ?`)
  if (guarded && table.newerWins !== null) terms.push(`${quoted(table.newerWins)} <= ?`)
  return `DELETE FROM ${quoted(table.name)} WHERE ${Array(rowCount)
    .fill(`(${terms.join(' AND ')})`)
    .join(' OR ')}`
}

function sqliteConflict(table: Table): string {
  const key = table.key.map(quoted).join(',')
  const changed = replacedColumns(table)
  if (changed.length === 0) return `ON CONFLICT (${key}) DO NOTHING`
  const given = (column: string) => `excluded.${quoted(column)}`
  const stored = (column: string) => `${quoted(table.name)}.${quoted(column)}`
  const { newerWins: guard, leastStays: least } = table
  const isNewer = guard === null ? null : `${given(guard)} >= ${stored(guard)}`
  const set = changed.map((column) => {
    if (column === least) return `${quoted(column)} = min(${given(column)}, ${stored(column)})`
    // Only where an older row passes the guard below, to leave its least value.
    const either = isNewer !== null && least !== null
    return `${quoted(column)} = ${either ? `iif(${isNewer}, ${given(column)}, ${stored(column)})` : given(column)}`
  })
  const isLess = least === null ? '' : ` OR ${given(least)} < ${stored(least)}`
  const condition = isNewer === null ? '' : ` WHERE ${isNewer}${isLess}`
  return `ON CONFLICT (${key}) DO UPDATE SET ${set.join(', ')}${condition}`
}

function mysqlConflict(table: Table): string {
  const guard = table.newerWins
  const changed = replacedColumns(table)
  const columns = changed.length === 0 ? [...table.key] : changed.filter((column) => column !== guard)
  if (guard !== null) columns.push(guard)
  const set = columns.map((column) => {
    const given = `VALUES(${quoted(column)})`
    if (column === table.leastStays) return `${quoted(column)} = LEAST(${given}, ${quoted(column)})`
    if (guard === null) return `${quoted(column)} = ${given}`
    return `${quoted(column)} = IF(VALUES(${quoted(guard)}) >= ${quoted(guard)}, ${given}, ${quoted(column)})`
  })
  return `ON DUPLICATE KEY UPDATE ${set.join(', ')}`
}

function replacedColumns(table: Table): readonly string[] {
  return table.columnNames.filter((column) => !table.key.includes(column))
}

export function quoted(name: string): string {
  return `\`${name}\``
}
