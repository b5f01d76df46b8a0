/** What detection finds in real orders, against a plain tally of the file; and its rules, changed from the command line. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleFile } from '../../app/package-info.ts'
import { openDatabase } from '../../sql/open.ts'
import { sampleOrder, writeLines } from '../support/order-files.ts'
import { orderStreams, startOrderStreams, summaryOf, temporaryDirectory } from '../support/order-streams.ts'
import type { SentOrder } from '../support/sent-order.ts'

interface Order {
  readonly id: string
  readonly user: string
  readonly timeMs: number
  readonly currency: string
  readonly cents: number
  readonly products: ReadonlySet<string>
}

/** What is looked for: less than by default, for which the sample is too harmless. */
const limits = { cents: 5_000, burstOrders: 3, burstMs: 600_000, correlationMs: 3_600_000, factor: 1.5 }
const settings = ['largeOrderAmount=5000', 'burstMaxOrders=2', 'burstWithinMs=600000']

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeEach(() => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
})

afterEach(() => directory.dispose())

/** The sample has each order once, paid. */
function sampleOrders(): Order[] {
  const lines = gunzipSync(readFileSync(sampleFile)).toString('utf8').trimEnd().split('\n')
  const sent: SentOrder[] = lines.map((line) => JSON.parse(line))
  const orders = sent.map(({ order_id, user_id, order_time, currency, total_amount, lines: products }) => ({
    id: order_id,
    user: user_id,
    timeMs: Date.parse(order_time),
    currency,
    cents: Math.round(Number(total_amount) * 100),
    products: new Set(products.map(({ product_id }) => product_id)),
  }))
  return orders.sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1))
}

function tally(orders: readonly Order[]): string[] {
  const found: string[] = []
  const users = new Map<string, Order[]>()
  const counted = new Map<string, Order[]>()
  for (const order of orders) {
    const { id, user, timeMs, cents } = order
    if (cents > limits.cents) found.push(`LARGE_ORDER ${id}`)
    const recent = (counted.get(user) ?? []).filter((one) => timeMs - one.timeMs < limits.burstMs)
    counted.set(user, recent.length + 1 < limits.burstOrders ? [...recent, order] : [])
    if (recent.length + 1 >= limits.burstOrders) found.push(`BURST ${id}`)
    const before = (users.get(user) ?? []).filter((one) => timeMs - one.timeMs < limits.correlationMs)
    users.set(user, [...before, order])
    const isRepeat = before.some(({ products }) => [...order.products].some((one) => products.has(one)))
    if (isRepeat) found.push(`REPEAT_PURCHASE ${id}`)
    const [low, middle] = before.filter(({ currency }) => currency === order.currency).slice(-2)
    const rises = (one: Order, next: Order) => next.cents >= limits.factor * one.cents
    if (low !== undefined && middle !== undefined && rises(low, middle) && rises(middle, order))
      found.push(`ESCALATING_AMOUNT ${id}`)
  }
  return found.sort()
}

async function query(sql: string) {
  const database = await openDatabase(join(dataDir, 'orders.db'))
  try {
    return await database.query(sql)
  } finally {
    await database.close()
  }
}

async function anomalies(): Promise<string[]> {
  const rows = await query('SELECT type, order_id FROM order_anomalies')
  return rows.map(({ type, order_id }) => `${type} ${order_id}`).sort()
}

/** By their types, most frequent first. */
function counts(found: readonly string[]): Record<string, number> {
  const byType: Record<string, number> = {}
  for (const one of found) byType[one.split(' ')[0]!] = (byType[one.split(' ')[0]!] ?? 0) + 1
  return byType
}

describe('detection', () => {
  it('should find in the real orders what a plain tally of the file does, and tell of every order and user', async () => {
    const set = settings.flatMap((setting) => ['--set', setting])
    const run = await orderStreams(['start', '--once', '--json', '--data-dir', dataDir, ...set])
    expect(run.code, run.stderr).toBe(0)
    const orders = sampleOrders()
    const expected = tally(orders)
    expect(await anomalies()).toEqual(expected)
    expect(summaryOf(run)).toMatchObject({ reconciles: true, anomalies: counts(expected) })
    for (const type of ['LARGE_ORDER', 'BURST', 'REPEAT_PURCHASE', 'ESCALATING_AMOUNT'])
      expect(counts(expected)[type], type).toBeGreaterThan(5)

    const [histories] = await query(
      "SELECT count(*) AS entries FROM order_status_history WHERE sequence = 1 AND to_status = 'PAID' AND legal = 1",
    )
    expect(histories).toEqual({ entries: orders.length })
    const behavior = await query('SELECT user_id, order_count, total_amount, last_seen FROM user_behavior')
    const users = new Map<string, Order[]>()
    for (const order of orders) users.set(order.user, [...(users.get(order.user) ?? []), order])
    const texts = [...users].map(([user, own]) => {
      const cents = own.reduce((sum, one) => sum + one.cents, 0)
      const lastSeen = new Date(own.at(-1)!.timeMs).toISOString().replace('T', ' ').replace('Z', '')
      return `${user} ${own.length} ${cents} ${lastSeen}`
    })
    expect(
      behavior
        .map((row) => {
          const cents = Math.round(Number(row['total_amount']) * 100)
          return `${row['user_id']} ${row['order_count']} ${cents} ${row['last_seen']}`
        })
        .sort(),
    ).toEqual(texts.sort())
  }, 180_000)

  it('should judge a file to its end: also what waits for time to pass', async () => {
    const input = join(directory.path, 'orders.ndjson')
    writeLines(input, [Buffer.from(JSON.stringify(sampleOrder('unpaid')))])
    const run = await orderStreams(['start', '--once', '--json', '--data-dir', dataDir, '--input', input])
    expect(run.code, run.stderr).toBe(0)
    expect(await query('SELECT type, order_id, event_time, details FROM order_anomalies')).toEqual([
      {
        type: 'UNPAID_TIMEOUT',
        order_id: 'unpaid',
        event_time: '2017-01-01 12:23:26.000',
        details: '{"created_time":"2017-01-01 11:53:26.000","within_ms":1800000}',
      },
    ])
  })
})

describe('rules', () => {
  const rules = (...args: readonly string[]) => orderStreams(['rules', ...args, '--data-dir', dataDir])
  const start = (input: string) =>
    orderStreams(['start', '--once', '--json', '--data-dir', dataDir, '--input', input])
  const file = (name: string, ...orders: readonly object[]) => {
    const path = join(directory.path, name)
    writeLines(
      path,
      orders.map((order) => Buffer.from(JSON.stringify(order))),
    )
    return path
  }
  const large = (id: string) =>
    sampleOrder(id, {
      status: 'PAID',
      user_id: id,
      total_amount: '12000.00',
      lines: [{ line_no: 1, product_id: 'gold', quantity: 1, line_amount: '12000.00' }],
    })

  it('should be listed, changed and put back, and hold from the next start on, each alert with its version', async () => {
    expect((await start(file('1.ndjson', large('1')))).code).toBe(0)
    const set = await rules('set', 'large-order', 'mode=shadow')
    expect(set).toMatchObject({ code: 0, stderr: 'rule large-order has version 1 from the next start on\n' })
    expect((await start(file('2.ndjson', large('2')))).code).toBe(0)
    expect((await rules('set', 'large-order', 'mode=enforced', 'amount=1100000', 'amount.EUR=5')).code).toBe(
      0,
    )
    expect((await start(file('3.ndjson', large('3')))).code).toBe(0)
    expect(await query('SELECT order_id, rule_version FROM order_anomalies ORDER BY order_id')).toEqual([
      { order_id: '1', rule_version: 0 },
      { order_id: '3', rule_version: 2 },
    ])
    const { stdout } = await rules('list')
    expect(stdout).toMatch(
      /^RULE +VERSION +MODE +LOOKS FOR +CHANGED\nlarge-order +2 +enforced +amount=1100000 amount\.EUR=5 +\d{4}-/,
    )
    expect(stdout).toMatch(/\nburst +0 +enforced +max_orders=5 within_ms=60000 +as configured\n/)
    expect((await rules('reset', 'large-order')).code).toBe(0)
    const [first] = (await rules('list', '--json')).stdout.split('\n')
    expect(JSON.parse(first!)).toMatchObject({
      rule: 'large-order',
      version: 3,
      mode: 'ENFORCED',
      amount: 1_000_000,
    })
  }, 180_000)

  it('should say what is wrong with a change, and what would be right', async () => {
    expect((await start(file('1.ndjson', large('1')))).code).toBe(0)
    const refusals: readonly (readonly [readonly string[], string])[] = [
      [['burts', 'max_orders=3'], 'there is no rule "burts": did you mean burst?'],
      [['burst', 'max_orders=0'], 'rule burst: max_orders is "0"; it must be a whole number from 1 to 100'],
      [
        ['burst', 'within_ms=soon'],
        'rule burst: within_ms is "soon"; it must be a whole number from 1 to 3600000',
      ],
      [['burst', 'mode=loud'], 'rule burst: mode is "loud"; it must be one of enforced, shadow, off'],
      [
        ['large-order', 'amount.EUR=-5'],
        'rule large-order: amount.EUR is "-5"; it must be a whole number from 0 to',
      ],
      [
        ['unpaid', 'max_orders=3'],
        'rule unpaid: "max_orders=3" changes nothing that it has; write mode=enforced|shadow|off, within_ms=…',
      ],
    ]
    for (const [args, message] of refusals) {
      const run = await rules('set', ...args)
      expect(run.code, run.stderr).toBe(2)
      expect(run.stderr).toContain(message)
    }
    expect((await rules('list', '--json')).stdout.match(/"version":0/g)).toHaveLength(6)
  })

  it('should say that a data directory is in use while start is running', async () => {
    const running = startOrderStreams(
      ['start', '--data-dir', dataDir, '--input', '/dev/null', '--api-port', '0'],
      {},
    )
    try {
      await running.said('The Order API listens')
      const run = await rules('set', 'burst', 'max_orders=3')
      expect(run.code).toBe(1)
      expect(run.stderr).toContain('another order-streams uses it: stop that one first')
    } finally {
      running.kill('SIGINT')
      await running.ended
    }
  })
})
