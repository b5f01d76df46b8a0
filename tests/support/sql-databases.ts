/** The databases that tests run on: a new SQLite file always, a new schema on MySQL where TEST_MYSQL_URL names a server. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database, DatabaseOptions } from '../../sql/database.ts'
import { openDatabase } from '../../sql/open.ts'
import type { SqlValue, Table } from '../../sql/table.ts'

export interface TestDatabase {
  readonly database: Database
  readonly url: string
  /** A handle of its own, as another process has; closed by `dispose`. */
  open(options?: DatabaseOptions): Promise<Database>
  dispose(): Promise<void>
}

export interface TestServer {
  /** For titles; says why when it is skipped. */
  readonly title: string
  readonly skipped: boolean
  create(options?: DatabaseOptions): Promise<TestDatabase>
}

const mysqlUrl = process.env['TEST_MYSQL_URL']
const hasMysql = mysqlUrl?.startsWith('mysql:') === true

export const sqliteServer: TestServer = {
  title: 'SQLite',
  skipped: false,
  create: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'order-streams-sql-'))
    const url = `sqlite://${join(directory, 'orders.db')}`
    return testDatabase(url, options, async () => rmSync(directory, { recursive: true, force: true }))
  },
}

export const mysqlServer: TestServer = {
  title: hasMysql
    ? 'MySQL'
    : 'MySQL (skipped: TEST_MYSQL_URL=mysql://user:password@host:port/database runs it)',
  skipped: !hasMysql,
  create: async (options) => {
    const admin = await openDatabase(mysqlUrl ?? '', { poolSize: 1 })
    const schema = `order_streams_test_${randomUUID().slice(0, 8)}`
    await admin.query(`CREATE DATABASE ${schema}`)
    const url = new URL(mysqlUrl ?? '')
    url.pathname = `/${schema}`
    return testDatabase(url.href, options, async () => {
      await admin.query(`DROP DATABASE ${schema}`)
      await admin.close()
    })
  },
}

export const servers = [sqliteServer, mysqlServer]

async function testDatabase(
  url: string,
  options: DatabaseOptions | undefined,
  cleanUp: () => Promise<void>,
): Promise<TestDatabase> {
  const opened: Database[] = []
  const open = async (own: DatabaseOptions | undefined = options) => {
    const database = await openDatabase(url, own)
    opened.push(database)
    return database
  }
  return {
    database: await open(),
    url,
    open,
    dispose: async () => {
      for (const database of opened) await database.close()
      await cleanUp()
    },
  }
}

/** All rows of a table in key order, decimals as text with two places, so that the dialects compare equal. */
export async function readTable(database: Database, table: Table): Promise<Record<string, SqlValue>[]> {
  const key = table.key.map((column) => `\`${column}\``).join(', ')
  const columns = table.columnNames.map((column) => `\`${column}\``).join(', ')
  const rows = await database.query(`SELECT ${columns} FROM \`${table.name}\` ORDER BY ${key}`)
  return rows.map((row) =>
    Object.fromEntries(
      table.columnNames.map((name) => {
        const value = row[name] ?? null
        const decimal = table.columns[name]?.type.startsWith('DECIMAL') && value !== null
        return [name, decimal ? Number(value).toFixed(2) : value]
      }),
    ),
  )
}
