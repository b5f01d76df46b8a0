/**
 * What must be in the tables after valid orders, reckoned from what was sent. Rows of order_event are told without their
 * coordinates, so that equal events are equal rows.
 */
import type { Database } from '../../sql/database.ts'
import {
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
} from '../../sql/order-tables.ts'
import type { SentOrder } from '../support/sent-order.ts'
import { readTable } from '../support/sql-databases.ts'
import { StatisticsTally, statisticsTables } from '../support/statistics-tally.ts'

const tables = [orderEventTable, orderHeaderTable, orderLineTable, orderRejectionTable, ...statisticsTables]

interface Order {
  newest: SentOrder
  placedTime: string
}

/** By table the rows, as texts in their order. */
export type Rows = Readonly<Record<string, readonly string[]>>

export class ExpectedTables {
  private readonly events: string[] = []
  private readonly orders = new Map<string, Order>()
  private readonly known = new Set<string>()
  private readonly statistics = new StatisticsTally()

  /** An event that the Order API accepted. */
  take(bytes: Uint8Array): void {
    const sent: SentOrder = JSON.parse(Buffer.from(bytes).toString('utf8'))
    const { lines, order_time, ...rest } = { ...sent, store_id: sent.store_id ?? null }
    this.events.push(
      textOf({
        ...rest,
        total_amount: decimal(sent.total_amount),
        order_time: sqlTime(order_time),
        line_count: lines.length,
        problem_count: 0,
      }),
    )
    const identity = `${sent.order_id} ${sent.status} ${order_time}`
    if (!this.known.has(identity)) this.statistics.take(sent)
    this.known.add(identity)
    const order = this.orders.get(sent.order_id)
    if (order === undefined) {
      this.orders.set(sent.order_id, { newest: sent, placedTime: order_time })
      return
    }
    if (sqlTime(order_time) >= sqlTime(order.newest.order_time)) order.newest = sent
    if (sqlTime(order_time) < sqlTime(order.placedTime)) order.placedTime = order_time
  }

  rows(): Rows {
    const headers: string[] = []
    const orderLines: string[] = []
    for (const { newest, placedTime } of this.orders.values()) {
      const { lines, total_amount, ...rest } = { ...newest, store_id: newest.store_id ?? null }
      const { store_id: _, ...common } = { ...rest, order_time: sqlTime(newest.order_time) }
      headers.push(
        textOf({
          ...rest,
          total_amount: decimal(total_amount),
          line_count: lines.length,
          order_time: sqlTime(placedTime),
          updated_time: common.order_time,
        }),
      )
      for (const line of lines)
        orderLines.push(textOf({ ...common, ...line, line_amount: decimal(line.line_amount) }))
    }
    const statistics = Object.entries(this.statistics.rows()).map(([table, rows]) => [
      table,
      rows.map(textOf).sort(),
    ])
    return {
      order_event: this.events.toSorted(),
      order_header: headers.sort(),
      order_line: orderLines.sort(),
      order_rejection: [],
      ...Object.fromEntries(statistics),
    }
  }
}

export async function readRows(database: Database): Promise<Rows> {
  const found: Record<string, string[]> = {}
  for (const table of tables) {
    const rows = await readTable(database, table)
    found[table.name] = rows
      .map(({ topic: _topic, partition: _partition, offset: _offset, ...row }) => textOf(row))
      .sort()
  }
  return found
}

/** By table how many rows it has. */
export async function countRows(database: Database): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { name } of tables) {
    const [row] = await database.query(`SELECT count(*) AS n FROM ${name}`)
    counts[name] = Number(row?.['n'])
  }
  return counts
}

const mostShown = 3

/** What differs, table by table, the first few rows of each; empty when nothing does. */
export function differences(expected: Rows, actual: Rows): string[] {
  return tables.flatMap(({ name }) => {
    const surplus = new Map<string, number>()
    for (const row of actual[name] ?? []) surplus.set(row, (surplus.get(row) ?? 0) + 1)
    for (const row of expected[name] ?? []) surplus.set(row, (surplus.get(row) ?? 0) - 1)
    const wrong = [...surplus].filter(([, count]) => count !== 0)
    const shown = wrong.slice(0, mostShown).map(([row, count]) => {
      return `${name}: ${Math.abs(count)} ${count < 0 ? 'missing' : 'too many'}: ${row}`
    })
    return wrong.length > mostShown ? [...shown, `${name}: and ${wrong.length - mostShown} more`] : shown
  })
}

/** JSON with the fields in the order of their names. */
function textOf(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function decimal(amount: string): string {
  return Number(amount).toFixed(2)
}

function sqlTime(time: string): string {
  return new Date(time).toISOString().replace('T', ' ').replace('Z', '')
}
