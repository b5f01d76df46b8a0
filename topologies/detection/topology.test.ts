import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DetectionRule, OrderAnomaly, OrderProcessed } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { days, hours, minutes, seconds } from '../../streams/index.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import type { RuleName } from './rules.ts'
import { type DetectionOptions, detection } from './topology.ts'

const noon = Date.UTC(2017, 0, 1, 12)
const thousand = 100_000

let driver: TopologyTestDriver

async function open(options: DetectionOptions = {}): Promise<void> {
  await driver?.close()
  driver = await TopologyTestDriver.open(detection(options), { settings: { emission: 'per-commit' } })
}

beforeEach(() => open())
afterEach(() => driver.close())

type Changes = Partial<OrderProcessed>

/** A paid order, of a product of its own. */
function order(orderId: string, timeMs: number, changes: Changes = {}): OrderProcessed {
  return {
    order_id: orderId,
    user_id: '900',
    store_id: null,
    status: 'PAID',
    currency: 'USD',
    total_amount: 100,
    line_count: 1,
    order_time: noon + timeMs,
    placed_time: noon + timeMs,
    event_number: 1,
    latest: true,
    warnings: [],
    product_ids: [`only in ${orderId}`],
    ...changes,
  }
}

async function send(...orders: readonly OrderProcessed[]): Promise<void> {
  for (const value of orders)
    await driver.pipe(topics.orderProcessed, { key: value.user_id, value, timestampMs: value.order_time })
}

/** Events of one order, a list of statuses with their times. */
function life(orderId: string, ...steps: readonly (readonly [OrderProcessed['status'], number])[]) {
  return steps.map(([status, timeMs], index) => order(orderId, timeMs, { status, event_number: index + 1 }))
}

async function setRule(name: RuleName, rule: Partial<DetectionRule>): Promise<void> {
  const nothing = { amount: null, amounts: null, max_orders: null, within_ms: null, percent: null }
  const value: DetectionRule = { version: 1, mode: 'ENFORCED', ...nothing, ...rule }
  await driver.pipe(topics.detectionRules, { key: name, value })
}

/** What was raised since it was last asked: type, order, and time from noon. */
async function raised(): Promise<string[]> {
  const found = await driver.read(topics.orderAnomaly)
  return found.map(({ value }) => shown(value)).sort()
}

function shown({ type, order_id, event_time }: OrderAnomaly): string {
  return `${type} ${order_id} ${event_time - noon}`
}

async function judged(...orders: readonly OrderProcessed[]): Promise<string[]> {
  await send(...orders)
  await driver.endInput()
  return raised()
}

describe('large orders', () => {
  it('should be those over the limit, once, at the first event that is', async () => {
    const at = (id: string, status: OrderProcessed['status'], timeMs: number, total_amount: number) =>
      order(id, timeMs, { status, total_amount })
    const found = await judged(
      at('at the limit', 'PAID', 1, 10 * thousand),
      at('over', 'PAID', 2, 10 * thousand + 1),
      at('over later', 'PAID', 3, 1),
      at('over', 'SHIPPED', 4, 11 * thousand),
      at('over later', 'SHIPPED', 5, 12 * thousand),
    )
    expect(found).toEqual(['LARGE_ORDER over 2', 'LARGE_ORDER over later 5'])
  })

  it('should have limits of their own in currencies', async () => {
    await setRule('large-order', { amount: 500, amounts: { JPY: 50_000 } })
    const orders = [
      order('1', 0, { currency: 'JPY', total_amount: 50_000 }),
      order('2', 1, { currency: 'JPY', total_amount: 50_001 }),
      order('3', 2, { currency: 'EUR', total_amount: 501 }),
    ]
    expect(await judged(...orders)).toEqual(['LARGE_ORDER 2 1', 'LARGE_ORDER 3 2'])
  })
})

describe('bursts', () => {
  const orders = (count: number, stepMs: number, changes: Changes = {}) =>
    Array.from({ length: count }, (_, index) => order(`${index + 1}`, index * stepMs, changes))

  it('should be the sixth order in less than a minute', async () => {
    expect(await judged(...orders(6, 11_999))).toEqual(['BURST 6 59995'])
  })

  it('should be none of five orders, nor of six that span the minute', async () => {
    expect(
      await judged(...orders(5, 1), ...orders(6, 12_000).map((one) => ({ ...one, user_id: '901' }))),
    ).toEqual([])
  })

  it('should be one alert each, after which counting begins anew', async () => {
    expect(await judged(...orders(13, 10))).toEqual(['BURST 12 110', 'BURST 6 50'])
  })

  it('should count orders and not their events', async () => {
    const events = life('1', ['PAID', 0], ['SHIPPED', 1], ['DELIVERED', 2], ['COMPLETED', 3], ['REFUNDED', 4])
    expect(await judged(...events, order('2', 5))).toEqual([])
  })

  it('should slide over the orders, also where they pause', async () => {
    const times = [0, 30, 40, 50, 65, 70, 80].map(seconds)
    const found = await judged(...times.map((timeMs, index) => order(`${index + 1}`, timeMs)))
    expect(found).toEqual(['BURST 7 80000'])
  })

  it('should say which orders they are of', async () => {
    await send(...orders(6, 1000))
    await driver.endInput()
    const [alert] = await driver.read(topics.orderAnomaly)
    expect(alert).toMatchObject({
      key: '900',
      value: {
        anomaly_id: 'BURST/6/2017-01-01T12:00:05.000Z',
        severity: 'CRITICAL',
        user_id: '900',
        rule_version: 0,
        details: {
          order_ids: ['1', '2', '3', '4', '5', '6'],
          first_time: noon,
          last_time: noon + 5000,
          max_orders: 5,
          within_ms: 60_000,
        },
      },
    })
  })
})
