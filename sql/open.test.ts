import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asOrdinaryUser } from '../tests/support/ordinary-user.ts'
import { mysqlServer } from '../tests/support/sql-databases.ts'
import type { Database } from './database.ts'
import { migrate } from './migrate.ts'
import { openDatabase } from './open.ts'
import { orderLineTable } from './order-tables.ts'
import { sqlSink } from './sink.ts'
import { upsert } from './table.ts'

let directory: string
let opened: Database[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'order-streams-open-'))
  opened = []
})
afterEach(async () => {
  for (const database of opened) await database.close()
  rmSync(directory, { recursive: true, force: true })
})

async function open(...given: Parameters<typeof openDatabase>): Promise<Database> {
  const database = await openDatabase(...given)
  opened.push(database)
  return database
}

const failsWith = (code: string, message: string) => ({ code, message: expect.stringContaining(message) })
const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }
const line = (order_id: string) =>
  upsert(orderLineTable, {
    order_id,
    line_no: 1,
    user_id: 'user',
    product_id: 'x'.repeat(64),
    quantity: 1,
    line_amount: 100,
    currency: 'USD',
    status: 'PAID',
    order_time: 0,
  })

describe('a database opened to be read only', () => {
  it('should read what another one has just written, write nothing, and leave its log alone', async () => {
    const path = join(directory, 'orders.db')
    const writer = await open(path)
    await migrate(writer)
    const reader = await openDatabase(path, { readOnly: true })
    const count = 'SELECT count(*) AS rows_there FROM order_line'
    const session = await sqlSink({ name: 'lines', database: writer, tables: [orderLineTable] }).open(task)
    await session.prepare([line('a')], [])
    await session.commit()
    expect(await reader.query(count)).toEqual([{ rows_there: 1 }])
    await expect(reader.begin('a reader')).rejects.toMatchObject(failsWith('SINK_FAILED', 'readonly'))
    const logBytes = statSync(`${path}-wal`).size
    expect(logBytes).toBeGreaterThan(0)
    await reader.close()
    expect(statSync(`${path}-wal`).size).toBe(logBytes)
    await session.close()
    expect(await writer.query(count)).toEqual([{ rows_there: 1 }])
  })
})

describe('database URLs', () => {
  it('should open a SQLite file by URL and by path, making its directory', async () => {
    const path = join(directory, 'a b', 'orders.db')
    const byPath = await open(path)
    await migrate(byPath)
    const byUrl = await open(`sqlite://${path.replace(' ', '%20')}`)
    expect(byUrl.label).toBe(path)
    expect(await byUrl.query('SELECT count(*) AS rows_there FROM order_line')).toEqual([{ rows_there: 0 }])
  })

  it('should refuse what they cannot mean, without quoting a password', async () => {
    for (const url of [
      'postgres://localhost/orders',
      'mysql://user:secret@localhost',
      'mysql://u:secret@h/db?tls=1',
      'mysql://u:se%ret@[h/db',
      '',
    ]) {
      const error = await openDatabase(url).catch((thrown: Error) => thrown)
      expect(error).toMatchObject(
        failsWith('CONFIGURATION_INVALID', 'Use sqlite:///path/orders.db or mysql://'),
      )
      expect(String(error)).not.toMatch(/secret|se%ret/)
    }
  })
})

describe('SQLite files', () => {
  it('should be refused, with what to do, where they are something else', async () => {
    const text = join(directory, 'text.db')
    writeFileSync(text, 'not a database, but long enough to be read as one. '.repeat(100))
    await expect(open(text)).rejects.toMatchObject(failsWith('SINK_FAILED', 'another kind of file'))
    const folder = join(directory, 'folder.db')
    mkdirSync(folder)
    await expect(open(folder)).rejects.toMatchObject(
      failsWith('SINK_FAILED', 'check that the path is a file'),
    )
    await expect(open(join(text, 'orders.db'))).rejects.toMatchObject(
      failsWith('SINK_FAILED', 'cannot create the directory'),
    )
  })

  it('should be refused where they are corrupt', async () => {
    const path = join(directory, 'orders.db')
    const whole = await openDatabase(path)
    await migrate(whole)
    await whole.close()
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0xaa, 100, bytes.length))
    const database = open(path).then((corrupt) => corrupt.query('SELECT * FROM order_line'))
    await expect(database).rejects.toMatchObject(failsWith('SINK_FAILED', 'restore the file from a backup'))
  })

  it('should be refused where they cannot be written', async () => {
    const path = join(directory, 'orders.db')
    await (await openDatabase(path)).close()
    chmodSync(directory, 0o555)
    chmodSync(path, 0o444)
    await asOrdinaryUser(async () => {
      await expect(open(path).then((database) => migrate(database))).rejects.toMatchObject(
        failsWith('SINK_FAILED', 'right to write'),
      )
    })
    chmodSync(directory, 0o755)
  })

  it('should tell that the schema is missing', async () => {
    const database = await open(join(directory, 'orders.db'))
    const sink = sqlSink({ name: 'sql', database, tables: [orderLineTable] })
    await expect(sink.open(task)).rejects.toMatchObject(failsWith('SINK_FAILED', 'migrations'))
  })

  it('should tell that the disk is full, keep what was committed, and go on when there is room', async () => {
    const database = await open(join(directory, 'orders.db'))
    await migrate(database)
    const setPages = async (pages: number) => {
      const transaction = await database.begin('test')
      await transaction.query(`PRAGMA max_page_count = ${pages}`, [])
      await transaction.commit()
    }
    const session = await sqlSink({ name: 'sql', database, tables: [orderLineTable] }).open(task)
    await session.prepare([line('first')], [{ ...task.partitions[0]!, offset: 1 }])
    await session.commit()
    await setPages(1)
    const many = Array.from({ length: 2_000 }, (_, i) => line(`order-${i}`))
    const next = [{ ...task.partitions[0]!, offset: 2_001 }]
    await expect(session.prepare(many, next)).rejects.toMatchObject(failsWith('STORAGE_FULL', 'free some'))
    expect(await database.query('SELECT order_id FROM order_line')).toEqual([{ order_id: 'first' }])
    await setPages(100_000)
    expect(await session.prepare(many, next)).toEqual([])
    await session.commit()
    expect(await database.query('SELECT count(*) AS lines FROM order_line')).toEqual([{ lines: 2_001 }])
  })

  it('should be waited for while another process holds the lock, without holding up other work', async () => {
    const path = join(directory, 'orders.db')
    const database = await open(path, { lockWaitMs: 300 })
    await migrate(database)
    const program = `
      const Libsql = require('libsql')
      new Libsql(${JSON.stringify(path)}).exec('BEGIN IMMEDIATE')
      console.log('locked')
      setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    let turns = 0
    const other = setInterval(() => turns++, 5)
    const sink = sqlSink({ name: 'sql', database, tables: [orderLineTable] })
    await expect(sink.open(task)).rejects.toMatchObject(
      failsWith('SINK_UNAVAILABLE', 'another process holds its lock'),
    )
    clearInterval(other)
    expect(turns).toBeGreaterThan(10)
    const waiting = sink.open(task)
    const exited = new Promise((resolve) => holder.once('exit', resolve))
    holder.kill('SIGKILL')
    await exited
    expect((await waiting).positions).toEqual([null])
  })

  it('should have one writer: a session waits for another to end, and is told when it does not', async () => {
    const database = await open(join(directory, 'orders.db'), { lockWaitMs: 50 })
    await migrate(database)
    const sink = sqlSink({ name: 'sql', database, tables: [orderLineTable] })
    const [first, second] = [
      await sink.open({ ...task, id: 'first' }),
      await sink.open({ ...task, id: 'second' }),
    ]
    await first.prepare([line('a')], [])
    const waiting = second.prepare([line('b')], [])
    await first.commit()
    await waiting
    await expect(first.prepare([line('c')], [])).rejects.toMatchObject(
      failsWith('SINK_UNAVAILABLE', 'which second has'),
    )
    await second.commit()
    expect(await first.prepare([line('c')], [])).toEqual([])
    await first.close()
  })
})

describe('MySQL servers', () => {
  it('should be unavailable, with what to check, where none answers', async () => {
    const error = openDatabase('mysql://user:secret@127.0.0.1:1/orders', { connectTimeoutMs: 500 })
    await expect(error).rejects.toMatchObject(
      failsWith('SINK_UNAVAILABLE', 'mysql://127.0.0.1:1/orders: cannot be reached'),
    )
    await expect(error).rejects.not.toThrow('secret')
  })

  it.skipIf(mysqlServer.skipped)(
    `should refuse wrong credentials and unknown databases (${mysqlServer.title})`,
    async () => {
      const url = new URL(process.env['TEST_MYSQL_URL'] ?? '')
      const wrongPassword = new URL(url)
      wrongPassword.password = 'not-it'
      await expect(open(wrongPassword.href)).rejects.toMatchObject(
        failsWith('SINK_FAILED', 'check the user and the password'),
      )
      const unknownDatabase = new URL(url)
      unknownDatabase.pathname = '/no_such_database'
      await expect(open(unknownDatabase.href)).rejects.toMatchObject(
        failsWith('SINK_FAILED', 'create the database'),
      )
    },
  )
})
