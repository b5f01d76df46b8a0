/** The statistics of real and of simulated orders, against a plain tally of the file that was read. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleFile } from '../../app/package-info.ts'
import { openDatabase } from '../../sql/open.ts'
import { writeSimulation } from '../support/order-files.ts'
import { orderStreams, summaryOf, temporaryDirectory } from '../support/order-streams.ts'
import type { SentOrder } from '../support/sent-order.ts'
import {
  type Row,
  readStatistics,
  type StatisticsRows,
  StatisticsTally,
  statisticsTableNames,
} from '../support/statistics-tally.ts'

const hourMs = 3_600_000

type Texts = Readonly<Record<string, readonly string[]>>

function tally(events: readonly SentOrder[]): StatisticsRows {
  const sums = new StatisticsTally()
  for (const event of events) sums.take(event)
  return sums.rows()
}

/** In an order that says nothing. */
function texts(rows: StatisticsRows): Texts {
  const sorted = Object.entries(rows).map(([table, own]) => [table, own.map(rowText).sort()])
  return Object.fromEntries(sorted)
}

function rowText(row: Row): string {
  return Object.keys(row)
    .sort()
    .map((column) => `${column} ${row[column]}`)
    .join(', ')
}

async function stored(dataDir: string): Promise<StatisticsRows> {
  const database = await openDatabase(join(dataDir, 'orders.db'))
  try {
    return await readStatistics(database)
  } finally {
    await database.close()
  }
}

/** What the summary should say, of orders in one currency. */
function highlightsOf(rows: StatisticsRows): object {
  return {
    currency: 'USD',
    busiestHours: top(rows.order_statistics_hour, 'window_start', 'order_count', 'total_amount').map(
      ([start, [orders, amount]]) => ({ hour: `${start.replace(' ', 'T')}Z`, orders, amount }),
    ),
    topProducts: top(rows.product_statistics, 'product_id', 'sales_amount', 'order_count', 'quantity').map(
      ([productId, [sales, orders, quantity]]) => ({ productId, orders, quantity, sales }),
    ),
    topUsers: top(rows.user_statistics, 'user_id', 'total_amount', 'order_count').map(
      ([userId, [amount, orders]]) => ({ userId, orders, amount }),
    ),
  }
}

/** Sums by the text in a column; those whose first is largest. */
function top(rows: readonly Row[], key: string, ...columns: readonly string[]): [string, number[]][] {
  const groups = new Map<string, number[]>()
  for (const row of rows) {
    const sums = groups.get(String(row[key])) ?? columns.map(() => 0)
    for (const [index, column] of columns.entries()) sums[index]! += Math.round(Number(row[column]) * 100)
    groups.set(String(row[key]), sums)
  }
  return [...groups]
    .sort(([a, m], [b, n]) => n[0]! - m[0]! || (a < b ? -1 : 1))
    .slice(0, 5)
    .map(([name, sums]) => [name, sums.map((sum) => sum / 100)])
}

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeEach(() => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
})

afterEach(() => directory.dispose())

function eventsOf(bytes: Buffer): SentOrder[] {
  return bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Tables one by one, so that a difference is shown in a few lines. */
async function expectTally(events: readonly SentOrder[]): Promise<StatisticsRows> {
  const rows = tally(events)
  const [expected, actual] = [texts(rows), texts(await stored(dataDir))]
  for (const table of statisticsTableNames) {
    const [wanted, there] = [expected[table]!, actual[table]!]
    expect(there.length, table).toBe(wanted.length)
    const index = wanted.findIndex((row, at) => row !== there[at])
    expect(there[index], `row ${index} of ${table}`).toBe(wanted[index])
  }
  return rows
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
