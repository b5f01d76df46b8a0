/** What a server of its own can be told to do: to be killed, to stand still, to become a replica, to take little. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePorts, Service } from '../tests/cluster/services.ts'
import { mysqlServer, readTable } from '../tests/support/sql-databases.ts'
import { startTypeScript } from '../tests/support/typescript-process.ts'
import type { Database, DatabaseOptions } from './database.ts'
import { migrate } from './migrate.ts'
import { openDatabase } from './open.ts'
import { sqlSink } from './sink.ts'
import { defineTable, integer, type SqlRow, text, upsert } from './table.ts'

const commands = process.env['TEST_SERVICES'] ?? ''
const title = commands === '' ? ' (skipped: TEST_SERVICES=folder of the services runs it)' : ''

const stock = defineTable({ name: 'stock', key: ['id'], columns: { id: text(16), value: integer } })
const note = defineTable({ name: 'note', key: ['id'], columns: { id: text(16), body: text(60_000) } })
const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }
const at = (offset: number) => [{ ...task.partitions[0]!, offset }]
const row = (id: string, value: number): SqlRow => upsert(stock, { id, value })

describe.skipIf(commands === '')(`MySQL sink and its server${title}`, () => {
  let service: Service | undefined
  let directory: string
  let url: string
  let schema: string
  let pidFile: string
  const open: Database[] = []

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'order-streams-mysql-'))
    const port = await freePorts(1)
    service = await startServer(port)
    url = `mysql://root:root@127.0.0.1:${port}`
  }, 120_000)

  async function startServer(port: number): Promise<Service> {
    const socket = `/tmp/mysql-${port}.sock`
    for (let attempt = 1; ; attempt++) {
      const data = join(directory, String(attempt))
      const server = new Service(join(commands, 'mysql'), data, port, [socket, `${socket}.lock`], {
        MYSQL_PORT: String(port),
        MYSQL_DIR: data,
        MYSQL_OPTS: '--max-allowed-packet=1M',
      })
      try {
        await server.start()
        pidFile = join(data, 'pid')
        return server
      } catch (error) {
        // Its first start walks through all of the socket's directory, where files of others come and go.
        if (attempt === 3) throw error
      }
    }
  }

  afterAll(async () => {
    await Promise.all(open.map((database) => database.close()))
    await service?.kill()
    rmSync(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    schema = `s${randomUUID().slice(0, 8)}`
    const admin = await connect({ poolSize: 1 }, 'mysql')
    await admin.query(`CREATE DATABASE ${schema}`)
    const database = await connect()
    await migrate(database)
    await database.changeSchema((session) =>
      session.script(`
        CREATE TABLE stock (id VARCHAR(16) NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
        CREATE TABLE note (id VARCHAR(16) NOT NULL PRIMARY KEY, body MEDIUMTEXT NOT NULL);
      `),
    )
  })

  async function connect(options: DatabaseOptions = {}, name = schema): Promise<Database> {
    const database = await openDatabase(`${url}/${name}`, options)
    open.push(database)
    return database
  }

  const sinkOn = (database: Database) => sqlSink({ name: 'sql', database, tables: [stock, note] })
  const pid = () => Number(readFileSync(pidFile, 'utf8'))

  it('should go on over the death of the server, from where the database stands', async () => {
    const database = await connect({ poolSize: 2 })
    const sink = sinkOn(database)
    const [idle, prepared] = [await sink.open({ ...task, id: 'idle' }), await sink.open(task)]
    for (const session of [idle, prepared]) {
      await session.prepare([row('a', 1)], at(1))
      await session.commit()
    }
    await prepared.prepare([row('a', 2)], at(2))
    await service?.kill()

    await expect(prepared.commit()).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    await expect(idle.prepare([row('b', 1)], at(2))).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    await expect(sink.open(task)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE', recovery: 'retry' })
    await prepared.close()
    await service?.start()

    expect(await idle.prepare([row('b', 1)], at(2))).toEqual([])
    await idle.commit()
    const again = await sink.open(task)
    expect(again.positions).toEqual([1])
    await again.prepare([row('a', 2)], at(2))
    await again.commit()
    expect(await readTable(database, stock)).toEqual([
      { id: 'a', value: 2 },
      { id: 'b', value: 1 },
    ])
  }, 120_000)

  it('should not wait without end for a server that stands still', async () => {
    const database = await connect({ statementTimeoutMs: 300, connectTimeoutMs: 300, poolSize: 2 })
    const session = await sinkOn(database).open(task)
    await session.prepare([row('a', 1)], at(1))
    process.kill(pid(), 'SIGSTOP')
    try {
      await expect(session.commit()).rejects.toMatchObject({
        code: 'SINK_UNAVAILABLE',
        message: expect.stringContaining('unknown'),
      })
      await expect(sinkOn(database).open(task)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
      await expect(connect({ connectTimeoutMs: 300 })).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    } finally {
      process.kill(pid(), 'SIGCONT')
    }
    // The commit was on its way: whether it came to pass is for the server to say.
    const next = await sinkOn(await connect()).open(task)
    const stored = await readTable(await connect(), stock)
    expect([next.positions, stored]).toEqual(
      next.positions[0] === null ? [[null], []] : [[1], [{ id: 'a', value: 1 }]],
    )
  })

  it('should leave a server that has become a replica, and write when it is none', async () => {
    const admin = await connect({ poolSize: 1 }, 'mysql')
    const database = await connect({ poolSize: 3 })
    const session = await sinkOn(database).open(task)
    const idsOf = async () => {
      const held = await Promise.all([1, 2, 3].map((i) => database.begin(`holder ${i}`)))
      const ids = await Promise.all(
        held.map(async (each) => (await each.query('SELECT CONNECTION_ID() AS id', []))[0]!['id']),
      )
      for (const each of held) await each.rollback()
      return new Set(ids)
    }
    const before = await idsOf()
    await admin.query('SET GLOBAL super_read_only = ON')
    try {
      await expect(session.prepare([row('a', 1)], at(1))).rejects.toMatchObject({
        code: 'SINK_UNAVAILABLE',
        details: { databaseCode: 'ER_OPTION_PREVENTS_STATEMENT' },
      })
    } finally {
      await admin.query('SET GLOBAL super_read_only = OFF')
      await admin.query('SET GLOBAL read_only = OFF')
    }
    expect([...(await idsOf())].filter((id) => before.has(id))).toEqual([])
    expect(await session.prepare([row('a', 1)], at(1))).toEqual([])
    await session.commit()
  })

  it('should keep its statements below what little the server takes, and reject a row that is above it', async () => {
    const database = await connect()
    expect(database.statementLimitBytes).toBeLessThan(512 * 1024)
    const session = await sinkOn(database).open(task)
    // Every character is escaped, and so takes twice its room.
    const body = "'".repeat(20_000)
    const rows = Array.from({ length: 128 }, (_, i) => upsert(note, { id: `n${i}`, body }))
    expect(await session.prepare(rows, at(128))).toEqual([])
    await session.commit()
    expect(await database.query('SELECT count(*) AS notes, min(length(body)) AS bytes FROM note')).toEqual([
      { notes: 128, bytes: 20_000 },
    ])
  })

  it('should refuse a server that takes next to nothing', async () => {
    const admin = await connect({ poolSize: 1 }, 'mysql')
    await admin.query('SET GLOBAL max_allowed_packet = 65536')
    try {
      await expect(connect()).rejects.toMatchObject({
        code: 'SINK_FAILED',
        message: expect.stringContaining('max_allowed_packet is 65536: set it to 1048576 or more'),
      })
    } finally {
      await admin.query('SET GLOBAL max_allowed_packet = 1048576')
    }
  })
})

describe('MySQL that does not answer', () => {
  it('should be unavailable when a connection is taken and nothing said', async () => {
    const sockets: { destroy(): void }[] = []
    const server = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    try {
      await expect(
        openDatabase(`mysql://user:secret@127.0.0.1:${port}/orders`, { connectTimeoutMs: 50 }),
      ).rejects.toMatchObject({
        code: 'SINK_UNAVAILABLE',
        message: expect.not.stringContaining('secret'),
      })
    } finally {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  })
})

describe.skipIf(mysqlServer.skipped)(`MySQL sink and a process that stalls: ${mysqlServer.title}`, () => {
  it('should take nothing from it once its tasks have another owner', async () => {
    const home = await mysqlServer.create({ lockWaitMs: 3_000 })
    try {
      await migrate(home.database)
      const program = new URL('../tests/integration/processes/stalled-sql-writer.ts', import.meta.url)
      const writer = startTypeScript(program, home.url)
      await writer.lines(1)
      writer.child.kill('SIGSTOP')

      const sink = sqlSink({ name: 'owner', database: home.database, tables: [] })
      const owners = [await sink.open({ ...task, id: 'prepared' }), await sink.open({ ...task, id: 'idle' })]
      expect(owners.map(({ positions }) => positions)).toEqual([[null], [1]])
      for (const owner of owners) {
        await owner.prepare([], at(3))
        await owner.commit()
      }
      writer.child.kill('SIGCONT')
      writer.child.stdin?.write('go on\n')
      expect((await writer.ended).stdout.split('\n')).toEqual([
        'prepared',
        'commit SINK_UNAVAILABLE',
        'again CLOSED',
        'prepare SINK_FENCED',
        'without positions SINK_FENCED',
        '',
      ])
      expect(await home.database.query('SELECT order_id FROM order_header')).toEqual([{ order_id: 'before' }])
      expect((await sink.open({ ...task, id: 'prepared' })).positions).toEqual([3])
    } finally {
      await home.dispose()
    }
  })
})
