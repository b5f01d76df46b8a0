import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { servers, type TestDatabase } from '../tests/support/sql-databases.ts'
import type { Database } from './database.ts'
import { orderAnomaliesTable, orderStatusHistoryTable, userBehaviorTable } from './detection-tables.ts'
import { migrate, pendingMigrations } from './migrate.ts'
import { orderEventTable, orderHeaderTable, orderLineTable, orderRejectionTable } from './order-tables.ts'
import { sinkProgressTable } from './progress.ts'
import {
  orderStatisticsHourTable,
  orderStatisticsMinuteTable,
  orderStatusStatisticsTable,
  productStatisticsTable,
  userSessionTable,
  userStatisticsTable,
} from './statistics-tables.ts'
import type { Table } from './table.ts'

const tables: readonly Table[] = [
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
  orderStatisticsMinuteTable,
  orderStatisticsHourTable,
  userStatisticsTable,
  productStatisticsTable,
  orderStatusStatisticsTable,
  userSessionTable,
  orderAnomaliesTable,
  orderStatusHistoryTable,
  userBehaviorTable,
  sinkProgressTable,
]
/** All that the program has. */
const migrations = [
  { version: 1, name: 'orders' },
  { version: 2, name: 'statistics' },
  { version: 3, name: 'detection' },
]
const indexes = [
  'order_anomalies_order: order_id, event_time',
  'order_anomalies_type: type, event_time',
  'order_anomalies_user: user_id, event_time',
  'order_event_order: order_id, order_time',
  'order_header_status: status, order_time',
  'order_header_user: user_id, order_time',
  'order_line_product: product_id',
  'order_rejection_order: order_id',
  'order_rejection_time: rejected_time',
  'order_status_history_user: user_id, event_time',
  'user_behavior_seen: last_seen',
  'user_session_start: session_start',
  'user_statistics_user: user_id, window_start',
]

for (const server of servers) {
  describe.skipIf(server.skipped)(`migrations: ${server.title}`, () => {
    let home: TestDatabase
    let directory: string
    beforeEach(async () => {
      home = await server.create()
      // The characters are ones that a file pattern gives a meaning.
      directory = join(mkdtempSync(join(tmpdir(), 'order-streams-migrations-')), 'a [b] {c,d} (e)*?')
      cpSync(fileURLToPath(new URL('./migrations', import.meta.url)), directory, { recursive: true })
    })
    afterEach(async () => {
      await home.dispose()
      rmSync(join(directory, '..'), { recursive: true, force: true })
    })

    it('should make the tables that the rows are typed by, with the same columns and keys in every dialect', async () => {
      await migrate(home.database)
      expect(await tableNames(home.database)).toEqual(
        [...tables.map((table) => table.name), 'schema_version'].sort(),
      )
      for (const table of tables) {
        const columns = table.columnNames.map((name) => {
          const { type, nullable } = table.columns[name]!
          return `${name} ${type}${nullable ? '' : ' NOT NULL'}`
        })
        expect(await columnsOf(home.database, table.name)).toEqual(columns)
        expect(await keyOf(home.database, table.name)).toEqual(table.key)
      }
      expect(await indexesOf(home.database)).toEqual(indexes)
    })

    it('should apply each migration once', async () => {
      expect(await migrate(home.database)).toEqual(migrations)
      expect(await migrate(home.database)).toEqual([])
      writeFileSync(
        join(directory, '004.do.more.sql'),
        'CREATE TABLE more (id BIGINT NOT NULL PRIMARY KEY);\n',
      )
      expect(await migrate(home.database, directory)).toEqual([{ version: 4, name: 'more' }])
    })

    it('should tell which migrations are pending, and change nothing by that', async () => {
      expect(await pendingMigrations(home.database)).toEqual(migrations)
      expect(await tableNames(home.database)).toEqual([])
      await migrate(home.database)
      expect(await pendingMigrations(home.database)).toEqual([])
    })

    it('should apply each migration once when several processes start together', async () => {
      const others = [home.database, await home.open(), await home.open()]
      const applied = await Promise.all(others.map((database) => migrate(database)))
      expect(applied.flat()).toEqual(migrations)
    })

    it('should refuse a schema that is newer than the program', async () => {
      writeFileSync(
        join(directory, '007.do.more.sql'),
        'CREATE TABLE more (id BIGINT NOT NULL PRIMARY KEY);\n',
      )
      await migrate(home.database, directory)
      await expect(migrate(home.database)).rejects.toMatchObject({
        code: 'SINK_FAILED',
        message: `${home.database.label}: its schema has version 7, and this program knows ${migrations.length}: start a newer version of the program`,
      })
    })

    it('should refuse a migration that was changed after it had run', async () => {
      await migrate(home.database)
      writeFileSync(join(directory, '001.do.orders.sql'), 'SELECT 1;\n')
      await expect(migrate(home.database, directory)).rejects.toMatchObject({
        code: 'SINK_FAILED',
        message: expect.stringContaining('migration 1 was changed after it had run here'),
      })
    })

    it('should go on where a failed migration stopped', async () => {
      await migrate(home.database)
      const first =
        'CREATE TABLE more (id BIGINT NOT NULL PRIMARY KEY);\nCREATE INDEX more_id ON more (id);\n'
      writeFileSync(join(directory, '004.do.more.sql'), `${first}CREATE NONSENSE;\n`)
      await expect(migrate(home.database, directory)).rejects.toMatchObject({ code: 'SINK_FAILED' })
      writeFileSync(join(directory, '004.do.more.sql'), first)
      expect(await migrate(home.database, directory)).toEqual([{ version: 4, name: 'more' }])
      expect(await tableNames(home.database)).toContain('more')
    })
  })
}

const ofSchema = 'FROM information_schema'

async function tableNames(database: Database): Promise<unknown[]> {
  const sql =
    database.dialect === 'sqlite'
      ? "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
      : `SELECT table_name AS name ${ofSchema}.tables WHERE table_schema = DATABASE() ORDER BY 1`
  return (await database.query(sql)).map((row) => row['name'])
}

async function columnsOf(database: Database, table: string): Promise<string[]> {
  const sql =
    database.dialect === 'sqlite'
      ? 'SELECT name, type, "notnull" AS required FROM pragma_table_info(?) ORDER BY cid'
      : `SELECT column_name AS name, column_type AS type, is_nullable = 'NO' AS required ${ofSchema}.columns
         WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`
  const rows = await database.query(sql, [table])
  return rows.map(({ name, type, required }) => {
    const declared = String(type)
      .toUpperCase()
      .replace(/^BIGINT.*/, 'BIGINT')
      // What MySQL calls BOOLEAN.
      .replace('TINYINT(1)', 'BOOLEAN')
      // MariaDB's JSON is text that it checks.
      .replace('LONGTEXT', 'JSON')
    return `${name} ${declared}${Number(required) === 1 ? ' NOT NULL' : ''}`
  })
}

async function keyOf(database: Database, table: string): Promise<unknown[]> {
  const sql =
    database.dialect === 'sqlite'
      ? 'SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk'
      : `SELECT column_name AS name ${ofSchema}.key_column_usage
         WHERE table_schema = DATABASE() AND table_name = ? AND constraint_name = 'PRIMARY' ORDER BY ordinal_position`
  return (await database.query(sql, [table])).map((row) => row['name'])
}

async function indexesOf(database: Database): Promise<string[]> {
  const sql =
    database.dialect === 'sqlite'
      ? `SELECT i.name AS name, c.name AS column_name FROM sqlite_master i, pragma_index_info(i.name) c
         WHERE i.type = 'index' AND i.sql IS NOT NULL ORDER BY i.name, c.seqno`
      : `SELECT index_name AS name, column_name AS column_name ${ofSchema}.statistics
         WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' ORDER BY 1, seq_in_index`
  const columns = new Map<string, string[]>()
  for (const row of await database.query(sql)) {
    const name = String(row['name'])
    columns.set(name, [...(columns.get(name) ?? []), String(row['column_name'])])
  }
  return [...columns].map(([name, own]) => `${name}: ${own.join(', ')}`)
}
