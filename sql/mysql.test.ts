import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mysqlServer, readTable, type TestDatabase } from '../tests/support/sql-databases.ts'
import type { Database, Transaction } from './database.ts'
import { migrate } from './migrate.ts'
import { sqlSink } from './sink.ts'
import { defineTable, integer, json, type SqlRow, text, upsert } from './table.ts'

const stock = defineTable({ name: 'stock', key: ['id'], columns: { id: text(16), value: integer } })
const document = defineTable({ name: 'document', key: ['id'], columns: { id: text(16), body: json } })
const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }
const at = (offset: number) => [{ ...task.partitions[0]!, offset }]

describe.skipIf(mysqlServer.skipped)(`MySQL sink under faults: ${mysqlServer.title}`, () => {
  let home: TestDatabase
  beforeEach(async () => {
    home = await mysqlServer.create({ lockWaitMs: 2_000 })
    await migrate(home.database)
    await home.database.changeSchema((session) =>
      session.script(`
        CREATE TABLE stock (id VARCHAR(16) NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
        CREATE TABLE document (id VARCHAR(16) NOT NULL PRIMARY KEY, body JSON NOT NULL);
      `),
    )
  })
  afterEach(() => home.dispose())

  const sinkOn = (database: Database) => sqlSink({ name: 'sql', database, tables: [stock, document] })
  const row = (id: string, value: number): SqlRow => upsert(stock, { id, value })

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
