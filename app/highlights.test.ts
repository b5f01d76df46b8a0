import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Database, migrate } from '../sql/index.ts'
import { servers, type TestDatabase } from '../tests/support/sql-databases.ts'
import { highlightsText, takeHighlights } from './highlights.ts'

const [sqlite] = servers
let home: TestDatabase
let database: Database

beforeEach(async () => {
  home = await sqlite!.create()
  database = home.database
  await migrate(database)
})
afterEach(() => home.dispose())

async function insert(sql: string): Promise<void> {
  const transaction = await database.begin('test')
  await transaction.run(sql, [])
  await transaction.commit()
}

describe('takeHighlights', () => {
  it('should find nothing where nothing was counted', async () => {
    expect(await takeHighlights(database)).toBeNull()
  })

  it('should tell the busiest hours, the best products and users, in the currency of most orders', async () => {
    await insert(`INSERT INTO order_statistics_hour VALUES
      ('2017-01-01 11:00:00.000', 'USD', 3, 30.5), ('2017-01-01 12:00:00.000', 'USD', 4, 1),
      ('2017-01-01 11:00:00.000', 'JPY', 6, 99999)`)
    await insert(`INSERT INTO product_statistics VALUES
      ('2017-01-01 11:00:00.000', 'tea', 'USD', 1, 2, 0.1), ('2017-01-01 12:00:00.000', 'tea', 'USD', 1, 1, 0.2),
      ('2017-01-01 11:00:00.000', 'milk', 'USD', 5, 5, 0.25), ('2017-01-01 11:00:00.000', 'rice', 'JPY', 5, 5, 9999)`)
    await insert(`INSERT INTO user_statistics VALUES
      ('2017-01-01 11:00:00.000', '900', 'USD', 3, 30.5), ('2017-01-01 12:00:00.000', '901', 'USD', 4, 31)`)
    expect(await takeHighlights(database)).toEqual({
      currency: 'USD',
      busiestHours: [
        { hour: '2017-01-01T12:00:00.000Z', orders: 4, amount: 1 },
        { hour: '2017-01-01T11:00:00.000Z', orders: 3, amount: 30.5 },
      ],
      topProducts: [
        { productId: 'tea', orders: 2, quantity: 3, sales: 0.3 },
        { productId: 'milk', orders: 5, quantity: 5, sales: 0.25 },
      ],
      topUsers: [
        { userId: '901', orders: 4, amount: 31 },
        { userId: '900', orders: 3, amount: 30.5 },
      ],
    })
  })
})

describe('highlightsText', () => {
  it('should be lists beside each other that fit into a terminal, also with long ids and where there are fewer products', () => {
    const hour = { hour: '2017-01-01T12:00:00.000Z', orders: 12_345, amount: 1 }
    const text = highlightsText({
      currency: 'USD',
      busiestHours: [hour, hour],
      topProducts: [{ productId: 'a-very-long-product-id', orders: 1, quantity: 1, sales: 1_234_567.5 }],
      topUsers: [{ userId: '900', orders: 1, amount: 9_999_999.5 }],
    })
    expect(text.split('\n')).toEqual([
      '── Busiest hours, top products and top users, in USD ───────────────────────────',
      'hour              orders   product            sales   user              amount',
      '2017-01-01 12:00  12,345   a-very-lo…  1,234,567.50   900         9,999,999.50',
      '2017-01-01 12:00  12,345',
    ])
  })
})
