/** What stands out in the statistics: the busiest hours, the products that sold best, the users who ordered for most. */
import type { Database, DatabaseRow } from '../sql/index.ts'
import { columns, count } from './output.ts'

export interface Highlights {
  /** The currency of most orders, which the figures are of. */
  readonly currency: string
  readonly busiestHours: readonly {
    readonly hour: string
    readonly orders: number
    readonly amount: number
  }[]
  readonly topProducts: readonly {
    readonly productId: string
    readonly orders: number
    readonly quantity: number
    readonly sales: number
  }[]
  readonly topUsers: readonly {
    readonly userId: string
    readonly orders: number
    readonly amount: number
  }[]
}

const rowCount = 5

/** Null when there are no statistics. */
export async function takeHighlights(database: Database): Promise<Highlights | null> {
  const [most] = await database.query(
    'SELECT currency FROM order_statistics_hour GROUP BY currency ORDER BY sum(order_count) DESC, currency LIMIT 1',
  )
  if (most === undefined) return null
  const currency = String(most['currency'])
  const top = async <T>(select: string, order: string, toItem: (row: DatabaseRow) => T): Promise<T[]> => {
    const rows = await database.query(`${select} ORDER BY ${order} LIMIT ${rowCount}`, [currency])
    return rows.map(toItem)
  }
  return {
    currency,
    busiestHours: await top(
      'SELECT window_start, order_count AS orders, total_amount AS amount FROM order_statistics_hour WHERE currency = ?',
      'orders DESC, window_start',
      (row) => ({
        hour: `${String(row['window_start']).replace(' ', 'T')}Z`,
        orders: Number(row['orders']),
        amount: Number(row['amount']),
      }),
    ),
    topProducts: await top(
      'SELECT product_id, sum(order_count) AS orders, sum(quantity) AS quantity, round(sum(sales_amount), 2) AS sales ' +
        'FROM product_statistics WHERE currency = ? GROUP BY product_id',
      'sales DESC, product_id',
      (row) => ({
        productId: String(row['product_id']),
        orders: Number(row['orders']),
        quantity: Number(row['quantity']),
        sales: Number(row['sales']),
      }),
    ),
    topUsers: await top(
      'SELECT user_id, sum(order_count) AS orders, round(sum(total_amount), 2) AS amount ' +
        'FROM user_statistics WHERE currency = ? GROUP BY user_id',
      'amount DESC, user_id',
      (row) => ({
        userId: String(row['user_id']),
        orders: Number(row['orders']),
        amount: Number(row['amount']),
      }),
    ),
  }
}

const money = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const mostCharacters = 11

/** One table, a place a row. */
export function highlightsText({ currency, busiestHours, topProducts, topUsers }: Highlights): string {
  // An empty column keeps them apart.
  const heading = ['hour', 'orders', '', 'product', 'sales', '', 'user', 'amount']
  const places = Math.max(busiestHours.length, topProducts.length, topUsers.length)
  const rows = Array.from({ length: places }, (_, place) => {
    const [hour, product, user] = [busiestHours[place], topProducts[place], topUsers[place]]
    return [
      ...(hour === undefined ? ['', ''] : [hour.hour.slice(0, 16).replace('T', ' '), count(hour.orders)]),
      '',
      ...(product === undefined ? ['', ''] : [cut(product.productId), money.format(product.sales)]),
      '',
      ...(user === undefined ? ['', ''] : [cut(user.userId), money.format(user.amount)]),
    ]
  })
  const right = [false, true, false, false, true, false, false, true]
  return `Busiest hours, top products and top users, in ${currency}:\n${columns([heading, ...rows], right)}`
}

function cut(id: string): string {
  return id.length <= mostCharacters ? id : `${id.slice(0, mostCharacters - 1)}…`
}
