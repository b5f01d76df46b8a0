import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeSinkContract, type SinkHarness } from '../tests/contracts/sink-contract.ts'
import { readTable, servers, type TestDatabase } from '../tests/support/sql-databases.ts'
import type { Database } from './database.ts'
import { migrate } from './migrate.ts'
import { orderHeaderTable } from './order-tables.ts'
import { sqlSink } from './sink.ts'
import { defineTable, integer, remove, type SqlRow, text, timeText, upsert } from './table.ts'

const plain = defineTable({
  name: 'plain',
  key: ['id'],
  columns: { id: text(16), value: integer },
})
const guarded = defineTable({
  name: 'guarded',
  key: ['id', 'part'],
  columns: { id: text(16), part: integer, value: integer, at: integer },
  newerWins: 'at',
})
const script = `
CREATE TABLE plain (id VARCHAR(16) NOT NULL PRIMARY KEY, value BIGINT NOT NULL CHECK (value >= 0));
CREATE TABLE guarded (
  id VARCHAR(16) NOT NULL, part BIGINT NOT NULL, value BIGINT NOT NULL CHECK (value >= 0), at BIGINT NOT NULL, PRIMARY KEY (id, part)
);
`

const header = {
  user_id: 'u',
  store_id: null,
  status: 'PAID',
  currency: 'USD',
  total_amount: 1,
  line_count: 1,
  order_time: 0,
  updated_time: 0,
}

async function prepareSchema(database: Database): Promise<void> {
  await migrate(database)
  await database.changeSchema((session) => session.script(script))
}

for (const server of servers) {
  describeSinkContract(
    server.title,
    async (): Promise<SinkHarness<SqlRow>> => {
      const home = await server.create()
      await prepareSchema(home.database)
      const elsewhere = await home.open()
      return {
        sink: sqlSink({ name: 'home', database: home.database, tables: [plain] }),
        elsewhere: sqlSink({ name: 'elsewhere', database: elsewhere, tables: [plain] }),
        row: (id, value) => upsert(plain, { id, value }),
        badRow: (id) => upsert(plain, { id, value: -1 }),
        stored: async () =>
          Object.fromEntries(
            (await readTable(home.database, plain)).map((row) => [row['id'], Number(row['value'])]),
          ),
        kill: () => elsewhere.close(),
        dispose: () => home.dispose(),
      }
    },
    server,
  )

  describe.skipIf(server.skipped)(`SQL sink: ${server.title}`, () => {
    let home: TestDatabase
    const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }
    const at = (offset: number) => [{ topic: 'in', partition: 0, offset }]
    const tables = [plain, guarded]
    beforeEach(async () => {
      home = await server.create({ lockWaitMs: 1_000 })
      await prepareSchema(home.database)
    })
    afterEach(() => home.dispose())

    async function write(...batches: SqlRow[][]): Promise<void> {
      const session = await sqlSink({ name: 'sql', database: home.database, tables }).open(task)
      for (const rows of batches) {
        expect(await session.prepare(rows, at(0))).toEqual([])
        await session.commit()
      }
      await session.close()
    }
    const row = (value: number, time: number) => upsert(guarded, { id: 'a', part: 1, value, at: time })
    const values = async () => (await readTable(home.database, guarded)).map((each) => Number(each['value']))

    it('should skip nothing of what a backup lacks that was put back under an open session', async () => {
      const sink = sqlSink({ name: 'sql', database: home.database, tables })
      const session = await sink.open(task)
      for (const offset of [1, 2]) {
        await session.prepare([row(offset, offset)], at(offset))
        await session.commit()
      }
      const backup = 'UPDATE sink_progress SET next_offset = 1'
      await home.database.changeSchema((schema) => schema.script(backup))
      await expect(session.prepare([row(3, 3)], at(3))).rejects.toMatchObject({
        code: 'SINK_FENCED',
        message: expect.stringContaining('older state'),
      })
      await session.close()
      const again = await sink.open(task)
      expect(again.positions).toEqual([1])
      await again.prepare([row(2, 2), row(3, 3)], at(3))
      await again.commit()
      expect(await values()).toEqual([3])
      await again.close()
    })

    it('should let the newer row win, and the later of equals', async () => {
      await write([row(1, 10)], [row(2, 9)])
      expect(await values()).toEqual([1])
      await write([row(3, 10)])
      expect(await values()).toEqual([3])
      await write([row(4, 12), row(5, 11)])
      expect(await values()).toEqual([4])
    })

    it('should take an older row for nothing but the least value that stays, over commits and within one', async () => {
      const session = await sqlSink({
        name: 'sql',
        database: home.database,
        tables: [orderHeaderTable],
      }).open(task)
      const event = (status: string, time: number, placed = time) =>
        upsert(orderHeaderTable, { ...header, order_id: 'a', status, updated_time: time, order_time: placed })
      const expectStored = async (rows: SqlRow[], status: string, placed: number, updated: number) => {
        expect(await session.prepare(rows, at(0))).toEqual([])
        await session.commit()
        expect(await readTable(home.database, orderHeaderTable)).toMatchObject([
          { status, order_time: timeText(placed), updated_time: timeText(updated) },
        ])
      }
      await expectStored([event('SHIPPED', 50)], 'SHIPPED', 50, 50)
      await expectStored([event('PAID', 30)], 'SHIPPED', 30, 50)
      await expectStored([event('PAID', 40)], 'SHIPPED', 30, 50)
      await expectStored([event('DELIVERED', 60)], 'DELIVERED', 30, 60)
      await expectStored(
        [event('CREATED', 20), event('PAID', 25), event('COMPLETED', 70)],
        'COMPLETED',
        20,
        70,
      )
      await expectStored([event('REFUNDED', 80), event('CREATED', 10)], 'REFUNDED', 10, 80)
      await session.close()
    })

    it('should remove a row unless it is newer', async () => {
      await write([row(1, 10)], [remove(guarded, { id: 'a', part: 1 }, { ifNotNewerThan: 9 })])
      expect(await values()).toEqual([1])
      await write([remove(guarded, { id: 'a', part: 1 }, { ifNotNewerThan: 10 })])
      expect(await values()).toEqual([])
      await write([row(2, 10)], [remove(guarded, { id: 'a', part: 1 }), row(3, 1)])
      expect(await values()).toEqual([3])
    })

    it('should reject a value that its column cannot hold, naming the column', async () => {
      const session = await sqlSink({ name: 'sql', database: home.database, tables }).open(task)
      const rejections = await session.prepare(
        [upsert(plain, { id: 'x'.repeat(17), value: 1 }), upsert(plain, { id: 'b', value: 1 })],
        at(2),
      )
      expect(rejections).toEqual([
        {
          index: 0,
          code: 'VALUE_INVALID',
          message: `plain.id: "${'x'.repeat(17)}" is not text of at most 16 characters`,
        },
      ])
      await session.commit()
      expect(await readTable(home.database, plain)).toMatchObject([{ id: 'b' }])
    })

    it('should tell keys apart by case, accents and trailing spaces', async () => {
      const session = await sqlSink({
        name: 'sql',
        database: home.database,
        tables: [orderHeaderTable],
      }).open(task)
      const ids = ['a', 'A', 'á', 'a ', '😀']
      expect(
        await session.prepare(
          ids.map((order_id) => upsert(orderHeaderTable, { ...header, order_id })),
          at(1),
        ),
      ).toEqual([])
      await session.commit()
      const stored = await home.database.query('SELECT order_id FROM order_header')
      expect(stored.map((each) => each['order_id']).sort()).toEqual([...ids].sort())
    })

    it('should refuse rows for a table that is not its own', async () => {
      const session = await sqlSink({ name: 'sql', database: home.database, tables: [plain] }).open(task)
      await expect(session.prepare([row(1, 1)], at(1))).rejects.toMatchObject({
        code: 'SINK_FAILED',
        message: expect.stringContaining('guarded'),
      })
    })

    it('should be unavailable, and say who holds the rows, while another process has a task prepared', async () => {
      const other = sqlSink({ name: 'other', database: await home.open(), tables })
      const holder = await other.open(task)
      await holder.prepare([row(1, 1)], at(1))
      const mine = sqlSink({ name: 'mine', database: home.database, tables })
      await expect(mine.open(task)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE', recovery: 'retry' })
      await holder.rollback()
      expect((await mine.open(task)).positions).toEqual([null])
    })

    it('should end in the fold of the input, whatever crashes and zombies come between', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { maxLength: 60 }),
          fc.array(step, { maxLength: 25 }),
          async (input, steps) => {
            await home.database.changeSchema(async (session) => {
              for (const table of ['guarded', 'sink_progress']) await session.query(`DELETE FROM ${table}`)
            })
            await play(home, input, steps)
            expect(await readTable(home.database, guarded)).toEqual(oracle(input))
          },
        ),
        { numRuns: server.title === 'SQLite' ? 150 : 60 },
      )
    })
  })
}

interface Operation {
  readonly kind: 'upsert' | 'remove' | 'remove-any' | 'bad'
  readonly id: string
  readonly part: number
  readonly at: number
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom('upsert', 'upsert', 'upsert', 'remove', 'remove-any', 'bad'),
  id: fc.constantFrom('a', 'b'),
  part: fc.integer({ min: 1, max: 2 }),
  at: fc.integer({ min: 0, max: 6 }),
})

interface Step {
  readonly size: number
  readonly end: 'commit' | 'rollback' | 'crash-prepared' | 'crash-committed' | 'zombie'
}

const step: fc.Arbitrary<Step> = fc.record({
  size: fc.integer({ min: 0, max: 20 }),
  end: fc.constantFrom(
    'commit',
    'commit',
    'commit',
    'rollback',
    'crash-prepared',
    'crash-committed',
    'zombie',
  ),
})

function toRow({ kind, id, part, at }: Operation, value: number): SqlRow {
  if (kind === 'remove') return remove(guarded, { id, part }, { ifNotNewerThan: at })
  if (kind === 'remove-any') return remove(guarded, { id, part })
  return upsert(guarded, { id, part, value: kind === 'bad' ? -1 : value, at })
}

/** One row after the other, as if each were a statement of its own. */
function oracle(input: readonly Operation[]): unknown[] {
  const rows = new Map<string, { id: string; part: number; value: number; at: number }>()
  input.forEach(({ kind, id, part, at }, value) => {
    const key = `${id}/${part}`
    const stored = rows.get(key)
    if (kind === 'upsert' && (stored === undefined || at >= stored.at)) rows.set(key, { id, part, value, at })
    if (kind === 'remove' && stored !== undefined && stored.at <= at) rows.delete(key)
    if (kind === 'remove-any') rows.delete(key)
  })
  return [...rows.keys()].sort().map((key) => rows.get(key))
}

/** Feeds the input through sessions that end as the steps say, then without trouble to its end. */
async function play(home: TestDatabase, input: readonly Operation[], steps: readonly Step[]): Promise<void> {
  const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }
  const rows = input.map(toRow)
  const bad = (index: number) => input[index]!.kind === 'bad'
  const open = async (database: Database) => {
    const session = await sqlSink({ name: 'sql', database, tables: [guarded] }).open(task)
    return { database, session, position: session.positions[0] ?? 0 }
  }
  let current = await open(await home.open())
  for (const { size, end } of [...steps, { size: input.length, end: 'commit' } satisfies Step]) {
    const next = Math.min(current.position + size, rows.length)
    const zombie = current
    if (end === 'zombie') current = await open(await home.open())
    const batch = rows.slice(current.position, next)
    if (end === 'zombie') {
      await expect(
        zombie.session.prepare(batch, [{ ...task.partitions[0]!, offset: next }]),
      ).rejects.toMatchObject({ code: 'SINK_FENCED' })
      await zombie.database.close()
      continue
    }
    const rejections = await current.session.prepare(batch, [{ ...task.partitions[0]!, offset: next }])
    for (const { index } of rejections) expect(bad(current.position + index)).toBe(true)
    if (end === 'rollback') await current.session.rollback()
    else if (end !== 'crash-prepared') {
      await current.session.commit()
      current.position = next
    }
    if (end.startsWith('crash')) {
      await current.database.close()
      const committed = current.position
      current = await open(await home.open())
      expect(current.position).toBe(committed)
    }
  }
  await current.database.close()
}
