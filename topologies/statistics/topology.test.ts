import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OrderLine, OrderProcessed, OrderStatistic } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { days, hours, minutes, type Topology } from '../../streams/index.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import { type StatisticsOptions, statistics } from './topology.ts'

const noon = Date.UTC(2017, 0, 1, 12)

let driver: TopologyTestDriver

async function open(options: StatisticsOptions = {}, partitions = 1): Promise<void> {
  await driver?.close()
  const topology: Topology = statistics(options)
  driver = await TopologyTestDriver.open(topology, { partitions, settings: { emission: 'per-commit' } })
}

beforeEach(() => open())
afterEach(() => driver.close())

type Order = Partial<OrderProcessed>

function order(orderId: string, timeMs: number, changes: Order = {}): OrderProcessed {
  return {
    order_id: orderId,
    user_id: '900',
    store_id: null,
    status: 'PAID',
    currency: 'USD',
    total_amount: 100,
    line_count: 1,
    order_time: timeMs,
    placed_time: timeMs,
    event_number: 1,
    latest: true,
    warnings: [],
    product_ids: [],
    ...changes,
  }
}

async function send(...orders: readonly OrderProcessed[]): Promise<void> {
  for (const value of orders)
    await driver.pipe(topics.orderProcessed, { key: value.user_id, value, timestampMs: value.order_time })
}

async function sendLine(changes: Partial<OrderLine>): Promise<void> {
  const line: OrderLine = {
    order_id: '1',
    line_no: 1,
    user_id: '900',
    product_id: 'tea',
    quantity: 2,
    line_amount: 50,
    currency: 'USD',
    status: 'PAID',
    order_time: noon,
    event_number: 1,
    removed: false,
    ...changes,
  }
  await driver.pipe(topics.orderLine, { key: line.user_id, value: line, timestampMs: line.order_time })
}

/** The newest row of each key, of one kind, with its window as minutes from noon. */
async function rows(kind: OrderStatistic['figures']['kind']): Promise<Record<string, unknown>[]> {
  const newest = new Map<string, OrderStatistic>()
  for (const { key, value } of await driver.read(topics.orderStatistics)) newest.set(key, value)
  const minuteOf = (ms: number) => (ms - noon) / minutes(1)
  return [...newest.values()]
    .filter(({ figures }) => figures.kind === kind)
    .map(({ window_start, window_end, figures }) => {
      const { kind: _, ...rest } = figures
      return { from: minuteOf(window_start), to: minuteOf(window_end), ...rest }
    })
}

describe('statistics', () => {
  it('should count each order once, at its first event, per minute and hour and currency', async () => {
    await send(
      order('1', noon),
      order('2', noon + 59_999, { total_amount: 50, user_id: '901' }),
      order('1', noon + minutes(2), { event_number: 2, status: 'SHIPPED' }),
      order('3', noon + minutes(1), { currency: 'EUR' }),
    )
    const usd = { currency: 'USD', order_count: 2, total_amount: 150 }
    const eur = { currency: 'EUR', order_count: 1, total_amount: 100 }
    expect(await rows('MINUTE')).toEqual([
      { from: 0, to: 1, ...usd },
      { from: 1, to: 2, ...eur },
    ])
    await send(order('4', noon + minutes(59)), order('4', noon + minutes(59) + 1, { event_number: 2 }))
    expect(await rows('HOUR')).toEqual([
      { from: 0, to: 60, currency: 'USD', order_count: 3, total_amount: 250 },
    ])
  })

  it('should correct the row of an hour by an order that comes late, within the grace', async () => {
    await send(order('1', noon), order('2', noon + days(31)), order('3', noon + 1))
    expect(await rows('HOUR')).toContainEqual({
      from: 0,
      to: 60,
      currency: 'USD',
      order_count: 2,
      total_amount: 200,
    })
    await send(order('4', noon + days(32)), order('5', noon + 2))
    expect(await rows('HOUR')).not.toContainEqual(expect.objectContaining({ from: 0 }))
  })

  it('should say of each user what an hour and the hour up to each order come to, by currency', async () => {
    await send(
      order('1', noon + minutes(30)),
      order('2', noon + minutes(70), { currency: 'EUR' }),
      order('3', noon + minutes(90), { total_amount: 5 }),
      order('4', noon + minutes(91), { user_id: '901' }),
    )
    const all = await driver.read(topics.orderStatistics)
    const lastHours = all.flatMap(({ value: { figures, window_end } }) =>
      figures.kind === 'USER_LAST_HOUR' ? [{ at: (window_end - noon) / minutes(1), ...figures }] : [],
    )
    const of900 = lastHours.filter(({ user_id }) => user_id === '900')
    expect(
      of900.map(({ at, currency, order_count, total_amount }) => [at, currency, order_count, total_amount]),
    ).toEqual([
      [30, 'USD', 1, 100],
      [70, 'EUR', 1, 100],
      [70, 'USD', 1, 100],
      [90, 'EUR', 1, 100],
      [90, 'USD', 2, 105],
    ])
    expect(all.map(({ key }) => key).filter((key) => key.startsWith('USER_HOUR'))).toEqual(
      expect.arrayContaining([
        'USER_HOUR/900/USD/2017-01-01T12:00:00.000Z',
        'USER_HOUR/900/EUR/2017-01-01T13:00:00.000Z',
        'USER_HOUR/900/USD/2017-01-01T13:00:00.000Z',
        'USER_HOUR/901/USD/2017-01-01T13:00:00.000Z',
      ]),
    )
  })

  it('should make one session of two when an order comes in between, and take back the later one', async () => {
    const own = { user_id: '900', currency: 'USD' }
    await send(order('1', noon), order('2', noon + minutes(60)))
    expect(await rows('USER_SESSION')).toEqual([
      { from: 0, to: 0, ...own, order_count: 1, total_amount: 100, removed: false },
      { from: 60, to: 60, ...own, order_count: 1, total_amount: 100, removed: false },
    ])
    await send(order('3', noon + minutes(30)))
    expect(await rows('USER_SESSION')).toEqual([
      { from: 0, to: 60, ...own, order_count: 3, total_amount: 300, removed: false },
      { from: 60, to: 60, user_id: '900', currency: '', order_count: 0, total_amount: 0, removed: true },
    ])
  })

  it('should give a session the currency of most of its orders', async () => {
    await send(
      order('1', noon, { currency: 'USD', total_amount: 9000 }),
      order('2', noon + 1, { currency: 'EUR' }),
      order('3', noon + 2, { currency: 'EUR' }),
    )
    const found = (await rows('USER_SESSION')).filter(({ removed }) => removed === false)
    expect(found).toMatchObject([{ order_count: 3, total_amount: 200, currency: 'EUR' }])
  })

  it('should count an order once for a product, also with several lines of it, and only the lines of its first event', async () => {
    await sendLine({})
    await sendLine({ line_no: 2, product_id: 'milk', line_amount: 7 })
    await sendLine({ line_no: 3, quantity: 0 })
    await sendLine({ order_id: '2', order_time: noon + 1 })
    await sendLine({ order_id: '2', event_number: 2, line_amount: 999, order_time: noon + 2 })
    const own = { from: 0, to: 60, currency: 'USD' }
    expect(await rows('PRODUCT_HOUR')).toEqual([
      { ...own, product_id: 'tea', order_count: 2, quantity: 4, sales_amount: 150 },
      { ...own, product_id: 'milk', order_count: 1, quantity: 2, sales_amount: 7 },
    ])
  })

  it('should count the events of each status, and the orders that enter it', async () => {
    await send(
      order('1', noon, { status: 'CREATED' }),
      order('1', noon + 1, { status: 'PAID', event_number: 2 }),
      order('1', noon + 2, { status: 'PAID', event_number: 3 }),
      order('2', noon + 3, { status: 'PAID' }),
    )
    expect(await rows('STATUS_MINUTE')).toEqual([
      { from: 0, to: 1, status: 'CREATED', order_count: 1, entered_count: 1 },
      { from: 0, to: 1, status: 'PAID', order_count: 3, entered_count: 2 },
    ])
  })

  it('should tell of every batch of orders what it came to, over all partitions', async () => {
    await open({ milestoneOrders: 3 }, 4)
    for (let index = 1; index <= 7; index++)
      await send(order(`${index}`, noon + minutes(index), { user_id: `user-${index}` }))
    const totals = [{ currency: 'USD', order_count: 3, total_amount: 300 }]
    const milestones = await rows('MILESTONE')
    expect(milestones.sort((a, b) => Number(a['order_number']) - Number(b['order_number']))).toEqual([
      { from: 1, to: 3, order_number: 3, order_id: '3', user_id: 'user-3', totals },
      { from: 4, to: 6, order_number: 6, order_id: '6', user_id: 'user-6', totals },
    ])
  })

  it('should end a session where the gap is larger, as it is set', async () => {
    await open({ sessionGapMs: hours(2) })
    await send(order('1', noon), order('2', noon + hours(2)), order('3', noon + hours(4) + 1))
    const found = (await rows('USER_SESSION')).filter(({ removed }) => removed === false)
    expect(found.map(({ from, to }) => [from, to])).toEqual([
      [0, 120],
      [240 + 1 / 60_000, 240 + 1 / 60_000],
    ])
  })
})
