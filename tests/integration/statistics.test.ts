/** The statistics of real and of simulated orders, against a plain tally of the file that was read. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleFile } from '../../app/package-info.ts'
import { openDatabase } from '../../sql/open.ts'
import { writeSimulation } from '../support/order-files.ts'
import { orderStreams, summaryOf, temporaryDirectory } from '../support/order-streams.ts'

interface Event {
  readonly order_id: string
  readonly user_id: string
  readonly status: string
  readonly currency: string
  readonly order_time: string
  readonly total_amount: string
  readonly lines: readonly {
    readonly product_id: string
    readonly quantity: number
    readonly line_amount: string
  }[]
}

const minuteMs = 60_000
const hourMs = 3_600_000

const columns = {
  order_statistics_minute: ['window_start', 'currency', 'order_count', 'total_amount'],
  order_statistics_hour: ['window_start', 'currency', 'order_count', 'total_amount'],
  user_statistics: ['window_start', 'user_id', 'currency', 'order_count', 'total_amount'],
  product_statistics: ['window_start', 'product_id', 'currency', 'order_count', 'quantity', 'sales_amount'],
  order_status_statistics: ['window_start', 'status', 'order_count', 'entered_count'],
  user_session: ['user_id', 'session_start', 'session_end', 'order_count', 'total_amount', 'currency'],
} as const

type TableName = keyof typeof columns
type Rows = Record<TableName, string[]>
const tableNames = Object.keys(columns) as TableName[]

/** Sums by group: the first numbers of each key add up. */
class Sums {
  readonly groups = new Map<string, number[]>()

  add(key: readonly string[], ...amounts: readonly number[]): void {
    const name = key.join(' | ')
    const sums = this.groups.get(name) ?? amounts.map(() => 0)
    this.groups.set(
      name,
      sums.map((sum, index) => sum + amounts[index]!),
    )
  }

  rows(): string[] {
    return [...this.groups].map(([key, sums]) => `${key} | ${sums.join(' | ')}`).sort()
  }
}

function cents(amount: string): number {
  return Math.round(Number(amount) * 100)
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
}

function startText(time: string, sizeMs: number): string {
  const ms = Date.parse(time)
  return timeText(ms - (ms % sizeMs))
}

function tally(events: readonly Event[]): Rows {
  const [minutes, hours, users, products, statuses] = Array.from({ length: 5 }, () => new Sums())
  const orders = new Map<string, Event>()
  const entered = new Set<string>()
  for (const event of events) {
    const { order_id, status, order_time, user_id, currency, lines } = event
    const enters = !entered.has(`${order_id} ${status}`)
    entered.add(`${order_id} ${status}`)
    statuses!.add([startText(order_time, minuteMs), status], 1, enters ? 1 : 0)
    if (orders.has(order_id)) continue
    orders.set(order_id, event)
    const amount = cents(event.total_amount)
    const hour = startText(order_time, hourMs)
    minutes!.add([startText(order_time, minuteMs), currency], 1, amount)
    hours!.add([hour, currency], 1, amount)
    users!.add([hour, user_id, currency], 1, amount)
    for (const product of new Set(lines.map(({ product_id }) => product_id))) {
      const own = lines.filter(({ product_id }) => product_id === product)
      const quantity = own.reduce((sum, line) => sum + Number(line.quantity), 0)
      products!.add(
        [hour, product, currency],
        1,
        quantity,
        own.reduce((sum, line) => sum + cents(line.line_amount), 0),
      )
    }
  }
  return {
    order_statistics_minute: minutes!.rows(),
    order_statistics_hour: hours!.rows(),
    user_statistics: users!.rows(),
    product_statistics: products!.rows(),
    order_status_statistics: statuses!.rows(),
    user_session: sessionsOf([...orders.values()]),
  }
}

/** Each user's orders by time, cut where more than 30 minutes lie between two. */
function sessionsOf(orders: readonly Event[]): string[] {
  const byUser = new Map<string, Event[]>()
  for (const order of orders) byUser.set(order.user_id, [...(byUser.get(order.user_id) ?? []), order])
  const sessions: string[] = []
  for (const [user, own] of byUser) {
    const sorted = own.sort((a, b) => Date.parse(a.order_time) - Date.parse(b.order_time))
    let from = 0
    for (let index = 1; index <= sorted.length; index++) {
      const previousMs = Date.parse(sorted[index - 1]!.order_time)
      if (index < sorted.length && Date.parse(sorted[index]!.order_time) - previousMs <= 30 * minuteMs)
        continue
      const session = sorted.slice(from, index)
      const start = timeText(Date.parse(session[0]!.order_time))
      const { currency, amount } = mainOf(session)
      sessions.push([user, start, timeText(previousMs), session.length, amount, currency].join(' | '))
      from = index
    }
  }
  return sessions.sort()
}

/** The currency of most orders, of several the first in the alphabet, with what they come to. */
function mainOf(orders: readonly Event[]): { readonly currency: string; readonly amount: number } {
  const currencies = [...new Set(orders.map(({ currency }) => currency))].sort()
  const amounts = currencies.map((currency) => {
    const own = orders
      .filter((order) => order.currency === currency)
      .map(({ total_amount }) => cents(total_amount))
    return { currency, count: own.length, amount: own.reduce((sum, amount) => sum + amount, 0) }
  })
  const most = Math.max(...amounts.map(({ count }) => count))
  return amounts.find(({ count }) => count === most)!
}

/** All rows as texts, amounts in hundredths. */
async function stored(dataDir: string): Promise<Rows> {
  const database = await openDatabase(join(dataDir, 'orders.db'))
  try {
    const tables = tableNames.map(async (table) => {
      const rows = await database.query(`SELECT ${columns[table].join(', ')} FROM ${table}`)
      const texts = rows.map((row) =>
        columns[table]
          .map((column) => (column.endsWith('_amount') ? Math.round(Number(row[column]) * 100) : row[column]))
          .join(' | '),
      )
      return [table, texts.sort()] as const
    })
    return Object.fromEntries(await Promise.all(tables)) as Rows
  } finally {
    await database.close()
  }
}

/** What the summary should say, of orders in one currency. */
function highlightsOf(rows: Rows): object {
  const split = (table: TableName) => rows[table].map((row) => row.split(' | '))
  /** Sums of columns by the text in another; the largest of the first column come first. */
  const top = (table: TableName, key: number, ...sums: readonly number[]) => {
    const groups = new Sums()
    for (const cells of split(table))
      groups.add([cells[key]!], ...sums.map((column) => Number(cells[column])))
    const order = ([a, m]: [string, number[]], [b, n]: [string, number[]]) =>
      n[0]! - m[0]! || (a < b ? -1 : 1)
    return [...groups.groups].sort(order).slice(0, 5)
  }
  return {
    currency: 'USD',
    busiestHours: top('order_statistics_hour', 0, 2, 3).map(([start, [orders, amount]]) => {
      return { hour: `${start.replace(' ', 'T')}Z`, orders, amount: amount! / 100 }
    }),
    topProducts: top('product_statistics', 1, 5, 3, 4).map(([productId, [sales, orders, quantity]]) => {
      return { productId, orders, quantity, sales: sales! / 100 }
    }),
    topUsers: top('user_statistics', 1, 4, 3).map(([userId, [amount, orders]]) => {
      return { userId, orders, amount: amount! / 100 }
    }),
  }
}

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeEach(() => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
})

afterEach(() => directory.dispose())

function eventsOf(bytes: Buffer): Event[] {
  return bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Tables one by one, so that a difference is shown in a few lines. */
async function expectTally(events: readonly Event[]): Promise<Rows> {
  const expected = tally(events)
  const actual = await stored(dataDir)
  for (const table of tableNames) {
    expect(actual[table].length, table).toBe(expected[table].length)
    const index = expected[table].findIndex((row, at) => row !== actual[table][at])
    expect(actual[table][index], `row ${index} of ${table}`).toBe(expected[table][index])
  }
  return expected
}

describe('statistics', () => {
  it('should be what a plain tally of the real orders says, in every minute, hour, product, user and session', async () => {
    const run = await orderStreams(['start', '--once', '--json', '--data-dir', dataDir])
    expect(run.code, run.stderr).toBe(0)
    const expected = await expectTally(eventsOf(gunzipSync(readFileSync(sampleFile))))
    expect(expected.user_session.length).toBeGreaterThan(10_000)
    expect(expected.product_statistics.length).toBeGreaterThan(100_000)
    expect(summaryOf(run)).toMatchObject({ reconciles: true, statistics: highlightsOf(expected) })
  })

  it('should be so of orders of many statuses that come late and out of order, and stay so when started again', async () => {
    const input = join(directory.path, 'orders.ndjson')
    const maxLatenessMs = 5 * hourMs
    writeSimulation(input, { seed: 3, orders: 1_000, lateShare: 0.3, maxLatenessMs })
    const events = eventsOf(readFileSync(input))
    for (let start = 0; start < 2; start++) {
      const run = await orderStreams(['start', '--once', '--json', '--data-dir', dataDir, '--input', input])
      expect(run.code, run.stderr).toBe(0)
      await expectTally(events)
    }
  })
})
