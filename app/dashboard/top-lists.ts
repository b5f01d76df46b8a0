/** The products that sold best and the users who ordered for most: read from the statistics, and as lists. */
import { type Database, type DatabaseRow, timeText } from '../../sql/index.ts'
import { count } from '../output.ts'
import type { Panel } from './panels.ts'
import { money } from './text.ts'

export interface ProductFigures {
  readonly productId: string
  readonly orders: number
  readonly quantity: number
  readonly sales: number
}

export interface UserFigures {
  readonly userId: string
  readonly orders: number
  readonly amount: number
}

export interface TopRequest {
  readonly currency: string
  readonly places: number
  /** The starts of the first and the last hour that count; all by default. */
  readonly hours?: { readonly firstMs: number; readonly lastMs: number }
}

export function topProducts(database: Database, request: TopRequest): Promise<ProductFigures[]> {
  const figures =
    'product_id, SUM(order_count) AS orders, SUM(quantity) AS quantity, ROUND(SUM(sales_amount), 2) AS sales'
  const source = { figures, table: 'product_statistics', id: 'product_id', size: 'sales' }
  return top(database, source, request, (row) => ({
    productId: String(row['product_id']),
    orders: Number(row['orders']),
    quantity: Number(row['quantity']),
    sales: Number(row['sales']),
  }))
}

export function topUsers(database: Database, request: TopRequest): Promise<UserFigures[]> {
  const figures = 'user_id, SUM(order_count) AS orders, ROUND(SUM(total_amount), 2) AS amount'
  const source = { figures, table: 'user_statistics', id: 'user_id', size: 'amount' }
  return top(database, source, request, (row) => ({
    userId: String(row['user_id']),
    orders: Number(row['orders']),
    amount: Number(row['amount']),
  }))
}

interface TopSource {
  readonly figures: string
  readonly table: string
  readonly id: string
  readonly size: string
}

async function top<T>(
  database: Database,
  { figures, table, id, size }: TopSource,
  { currency, places, hours }: TopRequest,
  toItem: (row: DatabaseRow) => T,
): Promise<T[]> {
  // Both bounds: with one alone SQLite takes the index of the ids, and reads the whole table in their order.
  const [bounds, times] =
    hours === undefined
      ? ['', []]
      : ['window_start >= ? AND window_start <= ? AND ', [timeText(hours.firstMs), timeText(hours.lastMs)]]
  const rows = await database.query(
    `SELECT ${figures} FROM ${table} WHERE ${bounds}currency = ? GROUP BY ${id} ORDER BY ${size} DESC, ${id} LIMIT ${places}`,
    [...times, currency],
  )
  return rows.map(toItem)
}

export function productPanel(products: readonly ProductFigures[]): Panel {
  return {
    names: { heading: 'product', cells: products.map(({ productId }) => productId) },
    figures: [
      { heading: 'orders', cells: products.map(({ orders }) => count(orders)), isOptional: true },
      { heading: 'quantity', cells: products.map(({ quantity }) => count(quantity)), isOptional: true },
      { heading: 'sales', cells: products.map(({ sales }) => money(sales)) },
    ],
  }
}

export function userPanel(users: readonly UserFigures[]): Panel {
  return {
    names: { heading: 'user', cells: users.map(({ userId }) => userId) },
    figures: [
      { heading: 'orders', cells: users.map(({ orders }) => count(orders)), isOptional: true },
      { heading: 'amount', cells: users.map(({ amount }) => money(amount)) },
    ],
  }
}
