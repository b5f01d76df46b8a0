import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Database, migrate } from '../../sql/index.ts'
import { servers, type TestDatabase } from '../../tests/support/sql-databases.ts'
import { FigureReader, type FiguresRequest } from './figures.ts'

const newestMs = Date.UTC(2017, 0, 2, 9, 30)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const request: FiguresRequest = {
  buckets: 10,
  unit: undefined,
  currency: undefined,
  places: 2,
  sessionGapMs: 30 * minuteMs,
}

for (const server of servers) {
  describe.skipIf(server.skipped)(`FigureReader on ${server.title}`, () => {
    let home: TestDatabase
    let database: Database
    let nowMs: number
    let reader: FigureReader

    beforeEach(async () => {
      home = await server.create()
      database = home.database
      nowMs = 0
      reader = new FigureReader(database, () => nowMs)
    })
    afterEach(() => home.dispose())

    async function run(...statements: readonly string[]): Promise<void> {
      const transaction = await database.begin('test')
      for (const sql of statements) await transaction.run(sql, [])
      await transaction.commit()
    }

    async function figures(changes: Partial<FiguresRequest> = {}) {
      const read = await reader.read({ ...request, ...changes })
      if (typeof read === 'string') throw new Error(`waits for ${read}`)
      return read
    }

    const order = (id: string, status: string, time: string) =>
      `INSERT INTO order_header VALUES ('${id}', 'u', NULL, '${status}', 'USD', 1, 1, '2017-01-02 ${time}', '2017-01-02 ${time}')`

    /** Two currencies in the newest hour, and another hour of each of the two days before. */
    async function fill(): Promise<void> {
      await migrate(database)
      await run(
        `INSERT INTO order_statistics_minute VALUES
          ('2017-01-02 09:29:00.000', 'USD', 2, 20.5), ('2017-01-02 09:30:00.000', 'USD', 1, 0.1),
          ('2017-01-02 09:30:00.000', 'EUR', 2, 7), ('2017-01-02 09:00:00.000', 'USD', 9, 9)`,
        `INSERT INTO order_statistics_hour VALUES
          ('2017-01-02 09:00:00.000', 'USD', 12, 29.6), ('2017-01-02 09:00:00.000', 'EUR', 2, 7),
          ('2017-01-02 01:00:00.000', 'EUR', 30, 1), ('2017-01-02 03:00:00.000', 'USD', 1, 1),
          ('2016-12-31 09:00:00.000', 'JPY', 99, 1)`,
        `INSERT INTO product_statistics VALUES
          ('2017-01-02 09:00:00.000', 'tea', 'USD', 1, 2, 0.1), ('2017-01-01 10:00:00.000', 'tea', 'USD', 1, 1, 0.2),
          ('2017-01-02 09:00:00.000', 'milk', 'USD', 5, 5, 0.25), ('2017-01-02 09:00:00.000', 'rice', 'USD', 5, 5, 0.05),
          ('2017-01-02 09:00:00.000', 'oil', 'EUR', 1, 1, 99), ('2017-01-01 09:00:00.000', 'rice', 'USD', 5, 5, 99)`,
        `INSERT INTO user_statistics VALUES
          ('2017-01-02 09:00:00.000', '900', 'USD', 3, 30.5), ('2017-01-01 09:00:00.000', '901', 'USD', 4, 31)`,
        `INSERT INTO user_session VALUES
          ('900', '2017-01-02 08:00:00.000', '2017-01-02 09:00:00.000', 3, 30.5, 'USD'),
          ('901', '2017-01-02 09:10:00.000', '2017-01-02 09:10:00.000', 1, 1, 'EUR'),
          ('902', '2017-01-02 08:10:00.000', '2017-01-02 08:59:59.999', 2, 1, 'USD')`,
        order('a', 'PAID', '09:29:59.250'),
        order('b', 'CREATED', '09:30:12.500'),
        order('c', 'PAID', '08:00:00.000'),
      )
    }

    it('should wait for tables, then for the first rows', async () => {
      expect(await reader.read(request)).toBe('tables')
      await migrate(database)
      expect(await reader.read(request)).toBe('rows')
    })

    it('should read the newest hours, and what was best in 24 of them', async () => {
      await fill()
      expect(await figures()).toMatchObject({
        unit: 'hour',
        currency: 'EUR',
        newestStartMs: newestMs - 30 * minuteMs,
        buckets: [
          { startMs: Date.UTC(2017, 0, 2, 1), currency: 'EUR', orders: 30, amount: 1 },
          { startMs: Date.UTC(2017, 0, 2, 3), currency: 'USD', orders: 1, amount: 1 },
          { startMs: Date.UTC(2017, 0, 2, 9), currency: 'EUR', orders: 2, amount: 7 },
          { startMs: Date.UTC(2017, 0, 2, 9), currency: 'USD', orders: 12, amount: 29.6 },
        ],
        topProducts: [{ productId: 'oil', orders: 1, quantity: 1, sales: 99 }],
        topUsers: [],
      })
      expect(await figures({ currency: 'USD' })).toMatchObject({
        topProducts: [
          { productId: 'tea', orders: 2, quantity: 3, sales: 0.3 },
          { productId: 'milk', orders: 5, quantity: 5, sales: 0.25 },
        ],
        topUsers: [{ userId: '900', orders: 3, amount: 30.5 }],
      })
    })

    it('should read the newest minutes, with the figures of their hour', async () => {
      await fill()
      expect(await figures({ unit: 'minute', buckets: 2 })).toMatchObject({
        unit: 'minute',
        currency: 'USD',
        newestStartMs: newestMs,
        buckets: [
          { startMs: newestMs - minuteMs, currency: 'USD', orders: 2, amount: 20.5 },
          { startMs: newestMs, currency: 'EUR', orders: 2 },
          { startMs: newestMs, currency: 'USD', orders: 1, amount: 0.1 },
        ],
        newestHour: [
          { currency: 'EUR', orders: 2, amount: 7 },
          { currency: 'USD', orders: 12, amount: 29.6 },
        ],
      })
    })

    it('should choose minutes where many orders are in each, or where there are few hours', async () => {
      await fill()
      expect((await figures({ buckets: 2 })).unit).toBe('minute')
      expect((await figures()).unit).toBe('hour')
      await run("UPDATE order_statistics_minute SET order_count = 50 WHERE currency = 'EUR'")
      expect((await figures()).unit).toBe('minute')
    })

    it('should tell the newest sessions, and how many can still go on', async () => {
      await fill()
      expect(await figures()).toMatchObject({
        openSessions: 2,
        newestSessions: [
          { userId: '901', startMs: newestMs - 20 * minuteMs, orders: 1, amount: 1, currency: 'EUR' },
          { userId: '902', endMs: newestMs - 30 * minuteMs - 1, orders: 2 },
        ],
      })
    })

    it('should count orders by status in the order of their lives, and the rows of the tables', async () => {
      await fill()
      const { counts, countsBefore } = await figures()
      expect(countsBefore).toBeNull()
      expect(counts).toMatchObject({
        newestOrderMs: newestMs + 12_500,
        rows: { order_header: 3, order_line: 0, order_event: 0, order_rejection: 0 },
      })
      expect(Object.entries(counts.statuses)).toEqual([
        ['CREATED', 1],
        ['PAID', 2],
      ])
    })

    it('should count anomalies by type once there is a table of them', async () => {
      await fill()
      await run('DROP TABLE IF EXISTS order_anomalies')
      const older = new FigureReader(database, () => nowMs)
      expect(await older.read(request)).toMatchObject({ counts: { anomalies: null } })
      await run(
        'CREATE TABLE order_anomalies (anomaly_id VARCHAR(64) NOT NULL PRIMARY KEY, type VARCHAR(32))',
      )
      await run("INSERT INTO order_anomalies VALUES ('1', 'BURST'), ('2', 'UNPAID_TIMEOUT'), ('3', 'BURST')")
      nowMs += hourMs
      expect(await older.read(request)).toMatchObject({
        counts: { anomalies: { BURST: 2, UNPAID_TIMEOUT: 1 } },
      })
    })

    it('should rest nineteen times as long as counting took', async () => {
      await fill()
      const slow: Database = { ...database, dialect: database.dialect, query: slowQuery }
      reader = new FigureReader(slow, () => nowMs)
      async function slowQuery(...given: Parameters<Database['query']>) {
        if (given[0].includes('FROM order_line')) nowMs += 100
        return database.query(...given)
      }
      const first = (await figures()).counts
      await run(order('d', 'PAID', '09:00:00.000'))
      nowMs = 100 + 19 * 100 - 1
      expect((await figures()).counts).toBe(first)
      nowMs++
      const { counts, countsBefore } = await figures()
      expect(counts).toMatchObject({ atMs: 2_000, rows: { order_header: 4 } })
      expect(countsBefore).toBe(first)
    })
  })
}

describe('the queries on SQLite', () => {
  it('should read of products and users no more than the newest hours, and sort nothing else', async () => {
    const home = await servers[0]!.create()
    try {
      const { database } = home
      await migrate(database)
      const transaction = await database.begin('test')
      await transaction.run(
        "INSERT INTO order_statistics_minute VALUES ('2017-01-02 09:30:00.000', 'USD', 1, 1)",
        [],
      )
      await transaction.commit()
      const plans: string[] = []
      const watched: Database = {
        ...database,
        dialect: 'sqlite',
        query: async (sql, parameters) => {
          const plan = await database.query(`EXPLAIN QUERY PLAN ${sql}`, parameters)
          plans.push(...plan.map((row) => String(row['detail'])))
          return database.query(sql, parameters)
        },
      }
      await new FigureReader(watched, () => 0).read(request)
      for (const table of ['product_statistics', 'user_statistics', 'order_statistics_minute']) {
        const ofTable = plans.filter((plan) => plan.includes(` ${table} `))
        expect(ofTable, table).not.toEqual([])
        expect(
          ofTable.filter((plan) => !plan.startsWith(`SEARCH ${table} USING PRIMARY KEY`)),
          table,
        ).toEqual([])
      }
      // Nothing else than the few groups of the lists is sorted.
      const sorted = plans.filter((plan) => plan.includes('TEMP B-TREE FOR') && plan.includes('ORDER BY'))
      expect(sorted).toHaveLength(2)
    } finally {
      await home.dispose()
    }
  })
})
