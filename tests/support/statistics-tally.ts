/**
 * The tables of stage 3 as a plain tally of the events has them: sums in maps, without windows, watermarks or partitions.
 * Rows are as `readTable` reads them from a database, in no order.
 */
import type { Database } from '../../sql/database.ts'
import {
  orderStatisticsHourTable,
  orderStatisticsMinuteTable,
  orderStatusStatisticsTable,
  productStatisticsTable,
  userSessionTable,
  userStatisticsTable,
} from '../../sql/index.ts'
import type { SqlValue, Table } from '../../sql/table.ts'
import type { SentOrder } from './sent-order.ts'
import { readTable } from './sql-databases.ts'

const tables = {
  order_statistics_minute: orderStatisticsMinuteTable,
  order_statistics_hour: orderStatisticsHourTable,
  user_statistics: userStatisticsTable,
  product_statistics: productStatisticsTable,
  order_status_statistics: orderStatusStatisticsTable,
  user_session: userSessionTable,
}

type TableName = keyof typeof tables
export const statisticsTables: readonly Table[] = Object.values(tables)
export const statisticsTableNames = Object.keys(tables) as TableName[]

export type Row = Readonly<Record<string, SqlValue>>
export type StatisticsRows = Readonly<Record<TableName, readonly Row[]>>

/** What a database has of them. */
export async function readStatistics(database: Database): Promise<StatisticsRows> {
  const found: Partial<Record<TableName, readonly Row[]>> = {}
  for (const name of statisticsTableNames) found[name] = await readTable(database, tables[name])
  return found as StatisticsRows
}

const minuteMs = 60_000
const hourMs = 3_600_000

/** An order as its first event tells it. */
interface Order {
  readonly timeMs: number
  readonly currency: string
  readonly cents: number
}

export class StatisticsTally {
  private readonly minutes = new Sums()
  private readonly hours = new Sums()
  private readonly users = new Sums()
  private readonly products = new Sums()
  private readonly statuses = new Sums()
  private readonly entered = new Set<string>()
  private readonly ordersByUser = new Map<string, Map<string, Order>>()
  /** How many events were taken, and how many orders they are of. */
  eventCount = 0
  orderCount = 0

  /** A valid event that is no repeat; an order's events in the order in which they are processed. */
  take(event: SentOrder): void {
    const { order_id, status, order_time, user_id, currency } = event
    const timeMs = Date.parse(order_time)
    this.eventCount++
    const entering = `${order_id} ${status}`
    const entered_count = this.entered.has(entering) ? 0 : 1
    this.entered.add(entering)
    this.statuses.add({ window_start: startOf(timeMs, minuteMs), status }, { order_count: 1, entered_count })

    const own = this.ordersByUser.get(user_id) ?? new Map<string, Order>()
    this.ordersByUser.set(user_id, own)
    if (own.has(order_id)) return
    this.orderCount++
    const total_amount = centsOf(event.total_amount)
    own.set(order_id, { timeMs, currency, cents: total_amount })
    const window_start = startOf(timeMs, hourMs)
    const sums = { order_count: 1, total_amount }
    this.minutes.add({ window_start: startOf(timeMs, minuteMs), currency }, sums)
    this.hours.add({ window_start, currency }, sums)
    this.users.add({ window_start, user_id, currency }, sums)
    this.sell(event, window_start)
  }

  rows(): StatisticsRows {
    return {
      order_statistics_minute: this.minutes.rows(),
      order_statistics_hour: this.hours.rows(),
      user_statistics: this.users.rows(),
      product_statistics: this.products.rows(),
      order_status_statistics: this.statuses.rows(),
      user_session: [...this.ordersByUser].flatMap(([user, orders]) =>
        sessionsOf(user, [...orders.values()]),
      ),
    }
  }

  /** By user and currency, what the user ordered in the hour up to each order: what `order-statistics` has beside the tables. */
  lastHours(): Row[] {
    return [...this.ordersByUser].flatMap(([user_id, orders]) => {
      const all = [...orders.values()]
      const ends = new Set(all.map(({ timeMs }) => timeMs))
      const sums = new Sums()
      for (const endMs of ends) {
        for (const { timeMs, currency, cents } of all) {
          if (timeMs < endMs - hourMs || timeMs > endMs) continue
          sums.add(
            { window_end: timeText(endMs), user_id, currency },
            { order_count: 1, total_amount: cents },
          )
        }
      }
      return sums.rows()
    })
  }

  /** An order counts once for a product, however many of its lines have it. */
  private sell({ currency, lines }: SentOrder, window_start: string): void {
    const counted = new Set<string>()
    for (const { product_id, line_amount, ...line } of lines) {
      const order_count = counted.has(product_id) ? 0 : 1
      counted.add(product_id)
      const [quantity, sales_amount] = [Number(line.quantity), centsOf(line_amount)]
      this.products.add({ window_start, product_id, currency }, { order_count, quantity, sales_amount })
    }
  }
}

/** A user's orders by time, cut where more than 30 minutes lie between two. */
function sessionsOf(user_id: string, orders: readonly Order[]): Row[] {
  const sorted = orders.toSorted((a, b) => a.timeMs - b.timeMs)
  const starts = sorted.flatMap(({ timeMs }, index) =>
    index > 0 && timeMs - sorted[index - 1]!.timeMs <= 30 * minuteMs ? [] : [index],
  )
  return starts.map((start, index) => {
    const session = sorted.slice(start, starts[index + 1])
    const { currency, cents } = mainOf(session)
    return {
      user_id,
      session_start: timeText(session[0]!.timeMs),
      session_end: timeText(session.at(-1)!.timeMs),
      order_count: session.length,
      total_amount: decimal(cents),
      currency,
    }
  })
}

/** The currency of most orders, of several the first in the alphabet, with what they come to. */
function mainOf(orders: readonly Order[]): { readonly currency: string; readonly cents: number } {
  const currencies = [...new Set(orders.map(({ currency }) => currency))].sort()
  const sums = currencies.map((currency) => {
    const own = orders.filter((order) => order.currency === currency)
    return { currency, count: own.length, cents: own.reduce((sum, { cents }) => sum + cents, 0) }
  })
  const most = Math.max(...sums.map(({ count }) => count))
  return sums.find(({ count }) => count === most)!
}

/** Sums of amounts by key; those whose names end so are money, in hundredths. */
class Sums {
  private readonly groups = new Map<string, { readonly key: Row; readonly sums: Record<string, number> }>()

  add(key: Row, amounts: Readonly<Record<string, number>>): void {
    const name = Object.values(key).join('\n')
    const sums = this.groups.get(name)?.sums ?? {}
    for (const [column, amount] of Object.entries(amounts)) sums[column] = (sums[column] ?? 0) + amount
    this.groups.set(name, { key, sums })
  }

  rows(): Row[] {
    return [...this.groups.values()].map(({ key, sums }) => {
      const columns = Object.entries(sums).map(([column, sum]) => [
        column,
        column.endsWith('_amount') ? decimal(sum) : sum,
      ])
      return { ...key, ...Object.fromEntries(columns) }
    })
  }
}

function centsOf(amount: string): number {
  return Math.round(Number(amount) * 100)
}

function decimal(cents: number): string {
  return (cents / 100).toFixed(2)
}

function startOf(timeMs: number, sizeMs: number): string {
  return timeText(timeMs - (timeMs % sizeMs))
}

/** As the databases have it. */
export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('T', ' ').replace('Z', '')
}
