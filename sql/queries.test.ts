/** What people rely on when they query the tables, on each dialect. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { servers, type TestDatabase } from '../tests/support/sql-databases.ts'
import { migrate } from './migrate.ts'
import { orderHeaderTable } from './order-tables.ts'
import { sqlSink } from './sink.ts'
import type { SqlValue } from './table.ts'
import { upsert } from './table.ts'

const hourMs = 3_600_000
const firstMs = Date.UTC(2017, 0, 14)
/** One order an hour, from midnight of the 14th on, for more than two days. */
const orderTimes = Array.from({ length: 60 }, (_, hour) => firstMs + hour * hourMs)
/** Up to the largest amount of an order, with cents that doubles do not hold. */
const amounts = fc.sample(
  fc.oneof(fc.integer({ min: 0, max: 99_999 }), fc.integer({ min: 0, max: 10 ** 12 })),
  {
    numRuns: 3_000,
    seed: 7,
  },
)

for (const server of servers) {
  describe.skipIf(server.skipped)(`queries: ${server.title}`, () => {
    let home: TestDatabase

    beforeEach(async () => {
      home = await server.create()
      await migrate(home.database)
    })
    afterEach(() => home.dispose())

    async function store(orders: readonly { amount: number; timeMs: number }[]): Promise<void> {
      const sink = sqlSink({ name: 'queries', database: home.database, tables: [orderHeaderTable] })
      const session = await sink.open({ id: 'task', partitions: [{ topic: 'in', partition: 0 }] })
      const rows = orders.map(({ amount, timeMs }, index) =>
        upsert(orderHeaderTable, {
          order_id: String(index),
          user_id: 'u',
          store_id: null,
          status: 'PAID',
          currency: 'USD',
          total_amount: amount,
          line_count: 1,
          order_time: timeMs,
          updated_time: timeMs,
        }),
      )
      expect(await session.prepare(rows, [])).toEqual([])
      await session.commit()
      await session.close()
    }

    async function selected(select: string): Promise<SqlValue> {
      const [row] = await home.database.query(`SELECT ${select}`)
      return Object.values(row!)[0]!
    }

    it('should sum amounts to the hundredth', async () => {
      await store(amounts.map((amount) => ({ amount, timeMs: firstMs })))
      const sum = amounts.reduce((total, amount) => total + BigInt(amount), 0n)
      const sumSelected = await selected('ROUND(SUM(total_amount), 2) FROM order_header')
      expect(BigInt(Math.round(Number(sumSelected) * 100))).toBe(sum)
    })

    it('should find amounts by the number and order them by size', async () => {
      await store([900, 1205, 100_000, 10, 1205].map((amount) => ({ amount, timeMs: firstMs })))
      expect(Number(await selected('COUNT(*) FROM order_header WHERE total_amount = 12.05'))).toBe(2)
      expect(Number(await selected('COUNT(*) FROM order_header WHERE total_amount >= 9'))).toBe(4)
      const sorted = await home.database.query('SELECT total_amount FROM order_header ORDER BY total_amount')
      expect(sorted.map((row) => Number(row['total_amount']))).toEqual([0.1, 9, 12.05, 12.05, 1000])
    })

    it.each([
      ["order_time >= '2017-01-15'", 36],
      ["order_time < '2017-01-15'", 24],
      ["order_time >= '2017-01-15 00:00:00.000'", 36],
      ["order_time > '2017-01-15 00:00:00.000'", 35],
      ["order_time = '2017-01-15 05:00:00.000'", 1],
      ["order_time >= '2017-01-15' AND order_time < '2017-01-16'", 24],
    ])('should count orders whose %s', async (condition, count) => {
      await store(orderTimes.map((timeMs) => ({ amount: 100, timeMs })))
      expect(Number(await selected(`COUNT(*) FROM order_header WHERE ${condition}`))).toBe(count)
    })

    it('should group orders by day', async () => {
      await store(orderTimes.map((timeMs) => ({ amount: 110, timeMs })))
      const days = await home.database.query(
        'SELECT DATE(order_time) AS day, ROUND(SUM(total_amount), 2) AS amount FROM order_header GROUP BY DATE(order_time) ORDER BY day',
      )
      expect(days.map(({ day, amount }) => [day, Number(amount)])).toEqual([
        ['2017-01-14', 26.4],
        ['2017-01-15', 26.4],
        ['2017-01-16', 13.2],
      ])
    })
  })
}
