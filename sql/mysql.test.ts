import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mysqlServer, readTable, type TestDatabase } from '../tests/support/sql-databases.ts'
import type { Database, Transaction } from './database.ts'
import { migrate } from './migrate.ts'
import { sqlSink } from './sink.ts'
import { defineTable, integer, json, remove, type SqlRow, text, upsert } from './table.ts'

const stock = defineTable({ name: 'stock', key: ['id'], columns: { id: text(16), value: integer } })
const document = defineTable({ name: 'document', key: ['id'], columns: { id: text(16), body: json } })
const lot = defineTable({
  name: 'lot',
  key: ['id'],
  columns: { id: text(16), value: integer, at: integer },
  newerWins: 'at',
})
const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }
const at = (offset: number) => [{ ...task.partitions[0]!, offset }]

describe.skipIf(mysqlServer.skipped)(`MySQL sink under faults: ${mysqlServer.title}`, () => {
  let home: TestDatabase
  beforeEach(async () => {
    home = await mysqlServer.create({ lockWaitMs: 1_000 })
    await migrate(home.database)
    await home.database.changeSchema((session) =>
      session.script(`
        CREATE TABLE stock (id VARCHAR(16) NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
        CREATE TABLE document (id VARCHAR(16) NOT NULL PRIMARY KEY, body JSON NOT NULL);
        CREATE TABLE lot (id VARCHAR(16) NOT NULL PRIMARY KEY, value BIGINT NOT NULL, at BIGINT NOT NULL);
        CREATE TABLE shelf (id VARCHAR(16) NOT NULL PRIMARY KEY, FOREIGN KEY (id) REFERENCES lot (id));
      `),
    )
  })
  afterEach(() => home.dispose())

  const sinkOn = (database: Database) => sqlSink({ name: 'sql', database, tables: [stock, document, lot] })
  const row = (id: string, value: number): SqlRow => upsert(stock, { id, value })

  /** Resolves with the id of a connection of this test that waits for a lock. */
  function waiting(): Promise<number> {
    const look = async () => {
      const [found] = await home.database.query(
        `SELECT trx_mysql_thread_id AS id FROM information_schema.INNODB_TRX
         JOIN information_schema.PROCESSLIST ON ID = trx_mysql_thread_id
         WHERE trx_state = 'LOCK WAIT' AND DB = DATABASE()`,
      )
      return found === undefined ? undefined : Number(found['id'])
    }
    // The server looks anew only when nobody has asked for a tenth of a second.
    return vi.waitUntil(look, { interval: 150, timeout: 20_000 })
  }

  /** Kills a transaction's connection from another one, as a failing network or server does. */
  async function killConnection(database: Database, session: { prepare: unknown }): Promise<void> {
    const transaction: unknown = Reflect.get(session, 'transaction')
    const rows = await (transaction as Transaction).query('SELECT CONNECTION_ID() AS id', [])
    await database.query(`KILL ${rows[0]!['id']}`)
  }

  it('should not know the outcome of a commit whose connection is lost; a new session learns it', async () => {
    const sink = sinkOn(home.database)
    const session = await sink.open(task)
    await session.prepare([row('a', 1)], at(1))
    await session.commit()
    await session.prepare([row('a', 2)], at(2))
    await killConnection(home.database, session)
    await expect(session.commit()).rejects.toMatchObject({
      code: 'SINK_UNAVAILABLE',
      message: expect.stringContaining('unknown'),
    })
    await expect(session.prepare([], at(3))).rejects.toMatchObject({ code: 'CLOSED' })
    await session.close()
    const next = await sink.open(task)
    expect(next.positions).toEqual([1])
    await next.prepare([row('a', 2)], at(2))
    await next.commit()
    expect(await readTable(home.database, stock)).toEqual([{ id: 'a', value: 2 }])
  })

  it('should go on with new connections after the server dropped the idle ones', async () => {
    const sink = sinkOn(home.database)
    const session = await sink.open(task)
    const holders = await Promise.all([1, 2, 3].map((i) => home.database.begin(`holder ${i}`)))
    const ids = await Promise.all(
      holders.map(async (holder) => (await holder.query('SELECT CONNECTION_ID() AS id', []))[0]!['id']),
    )
    for (const holder of holders) await holder.rollback()
    const other = await home.open()
    for (const id of ids) await other.query(`KILL ${id}`)
    expect(await session.prepare([row('a', 1)], at(1))).toEqual([])
    await session.commit()
  })

  it('should be unavailable to the victim of a deadlock, and work when tried again', async () => {
    const sink = sinkOn(home.database)
    const [first, second] = [
      await sink.open({ ...task, id: 'first' }),
      await sink.open({ ...task, id: 'second' }),
    ]
    await first.prepare([row('a', 0), row('b', 0)], [])
    await first.commit()
    // Rows of other transactions, locked crosswise.
    const [x, y] = [await home.database.begin('x'), await home.database.begin('y')]
    await x.run('UPDATE stock SET value = 1 WHERE id = ?', ['a'])
    await y.run('UPDATE stock SET value = 1 WHERE id = ?', ['b'])
    const outcomes = await Promise.allSettled([
      x.run('UPDATE stock SET value = 2 WHERE id = ?', ['b']),
      y.run('UPDATE stock SET value = 2 WHERE id = ?', ['a']),
    ])
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(failed).toHaveLength(1)
    expect(failed[0]?.reason).toMatchObject({
      code: 'SINK_UNAVAILABLE',
      details: { databaseCode: 'ER_LOCK_DEADLOCK' },
    })
    // A lock that is held too long is the same to a session.
    const waiting = second.prepare([row('a', 9), row('b', 9)], [])
    await expect(waiting).rejects.toMatchObject({
      code: 'SINK_UNAVAILABLE',
      details: { databaseCode: 'ER_LOCK_WAIT_TIMEOUT' },
    })
    await x.rollback()
    await y.rollback()
    expect(await second.prepare([row('a', 9), row('b', 9)], [])).toEqual([])
    await second.commit()
    expect(await readTable(home.database, stock)).toEqual([
      { id: 'a', value: 9 },
      { id: 'b', value: 9 },
    ])
  })

  it('should try again by itself as the victim of a deadlock', async () => {
    const session = await sinkOn(home.database).open(task)
    await session.prepare([row('a', 0), row('b', 0)], at(1))
    await session.commit()
    // It has written more than the session, so that the server undoes the session's work.
    const other = await home.database.begin('other')
    for (let i = 0; i < 20; i++) await other.run('INSERT INTO stock VALUES (?, 0)', [`other-${i}`])
    await other.run('UPDATE stock SET value = 1 WHERE id = ?', ['b'])
    const preparing = session.prepare([row('a', 9), row('b', 9)], at(2))
    await waiting()
    await other.run('UPDATE stock SET value = 1 WHERE id = ?', ['a'])
    await other.commit()
    expect(await preparing).toEqual([])
    await session.commit()
    const stored = await readTable(home.database, stock)
    expect(stored.filter(({ id }) => String(id).length === 1)).toEqual([
      { id: 'a', value: 9 },
      { id: 'b', value: 9 },
    ])
  })

  it('should try again on another connection when its own is lost while it writes', async () => {
    const session = await sinkOn(home.database).open(task)
    const other = await home.database.begin('other')
    await other.run('INSERT INTO stock VALUES (?, 0)', ['a'])
    const preparing = session.prepare([row('a', 9)], at(1))
    await home.database.query(`KILL ${await waiting()}`)
    await waiting()
    await other.rollback()
    expect(await preparing).toEqual([])
    await session.commit()
    expect(await readTable(home.database, stock)).toEqual([{ id: 'a', value: 9 }])
  })

  it('should reject a removal that the database refuses, and keep to the order of the rows of its key', async () => {
    const session = await sinkOn(home.database).open(task)
    const ids = ['a', 'b', 'c', 'd', 'e']
    const lotRow = (id: string, value: number, at: number) => upsert(lot, { id, value, at })
    await session.prepare(
      ids.map((id) => lotRow(id, 0, 0)),
      at(5),
    )
    await session.commit()
    for (const id of ['b', 'd']) await home.database.query('INSERT INTO shelf VALUES (?)', [id])
    const removals = ids.map((id) => remove(lot, { id }, { ifNotNewerThan: 10 }))
    // Older than what the removals let go, so that it is for what is left of them.
    const rejections = await session.prepare([...removals, lotRow('d', 7, 5), lotRow('e', 8, 5)], at(12))
    const refused = { code: expect.stringMatching(/^ER_ROW_IS/) }
    expect(rejections).toMatchObject([
      { index: 1, ...refused },
      { index: 3, ...refused },
    ])
    await session.commit()
    expect(await readTable(home.database, lot)).toEqual([
      { id: 'b', value: 0, at: 0 },
      { id: 'd', value: 7, at: 5 },
      { id: 'e', value: 8, at: 5 },
    ])
  })

  it('should serve many tasks that hold prepared transactions over few connections, each in its turn', async () => {
    const few = await home.open({ poolSize: 2, lockWaitMs: 1_000 })
    const tasks = Array.from({ length: 24 }, (_, i) => ({ ...task, id: `task-${i}` }))
    const sessions = await Promise.all(tasks.map((own) => sinkOn(few).open(own)))
    let prepared = 0
    await Promise.all(
      sessions.map(async (session, i) => {
        for (let round = 1; round <= 5; round++) {
          await session.prepare([row(`${i}`, round), row(`${i + 1}-`, round)], at(round))
          prepared++
          expect(prepared).toBeLessThanOrEqual(2)
          // What the log's commit takes.
          await home.database.query('SELECT SLEEP(0.02)')
          prepared--
          await session.commit()
        }
      }),
    )
    expect(await home.database.query('SELECT count(*) AS count, min(value) AS least FROM stock')).toEqual([
      { count: 48, least: 5 },
    ])
  })

  it('should let a successor in once the server has dropped a stalled process', async () => {
    const stalled = await home.open({ idleTimeoutMs: 1_000 })
    const zombie = await sinkOn(stalled).open(task)
    await zombie.prepare([row('a', 1)], at(1))
    const owner = await sinkOn(home.database).open(task)
    expect(owner.positions).toEqual([null])
    await expect(zombie.commit()).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    expect(await readTable(home.database, stock)).toEqual([])
  })

  it('should write rows of megabytes in statements that the server takes, and reject a row that it would not', async () => {
    const sink = sinkOn(home.database)
    const session = await sink.open(task)
    const body = 'x'.repeat(1_000_000)
    const rows = Array.from({ length: 20 }, (_, i) => upsert(document, { id: `d${i}`, body }))
    const tooLarge = upsert(document, { id: 'large', body: 'x'.repeat(home.database.statementLimitBytes) })
    const rejections = await session.prepare([...rows, tooLarge], at(21))
    expect(rejections).toMatchObject([
      { index: 20, code: 'VALUE_INVALID', message: expect.stringContaining('the database takes') },
    ])
    await session.commit()
    expect(await home.database.query('SELECT count(*) AS documents FROM document')).toEqual([
      { documents: 20 },
    ])
  })

  it('should store text as it is, whatever a statement would read into it', async () => {
    const body = `'; DROP TABLE document; -- \\' " \\ \n \0 ? :name 😀`
    const session = await sinkOn(home.database).open(task)
    expect(await session.prepare([upsert(document, { id: `a'"\\?`, body })], at(1))).toEqual([])
    await session.commit()
    const [stored] = await readTable(home.database, document)
    expect(stored?.['id']).toBe(`a'"\\?`)
    expect(JSON.parse(String(stored?.['body']))).toBe(body)
  })

  it('should store JSON that only JavaScript calls well-formed', async () => {
    const session = await sinkOn(home.database).open(task)
    expect(await session.prepare([upsert(document, { id: 'a', body: ['\ud800'] })], at(1))).toEqual([])
    await session.commit()
  })
})
