/** Detection in the test driver, told of orders and asked what it raised. */
import type { DetectionRule, OrderAnomaly, OrderProcessed } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import type { RuleName } from '../../topologies/detection/rules.ts'
import { type DetectionOptions, detection } from '../../topologies/detection/topology.ts'

export const noon = Date.UTC(2017, 0, 1, 12)
export const thousand = 100_000

export let driver: TopologyTestDriver

export async function open(options: DetectionOptions = {}): Promise<void> {
  await driver?.close()
  driver = await TopologyTestDriver.open(detection(options), { settings: { emission: 'per-commit' } })
}

export type Changes = Partial<OrderProcessed>

/** A paid order, of a product of its own. */
export function order(orderId: string, timeMs: number, changes: Changes = {}): OrderProcessed {
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

export async function send(...orders: readonly OrderProcessed[]): Promise<void> {
  for (const value of orders)
    await driver.pipe(topics.orderProcessed, { key: value.user_id, value, timestampMs: value.order_time })
}

/** Events of one order, a list of statuses with their times. */
export function life(orderId: string, ...steps: readonly (readonly [OrderProcessed['status'], number])[]) {
  return steps.map(([status, timeMs], index) => order(orderId, timeMs, { status, event_number: index + 1 }))
}

export async function setRule(name: RuleName, rule: Partial<DetectionRule>): Promise<void> {
  const nothing = { amount: null, amounts: null, max_orders: null, within_ms: null, percent: null }
  const value: DetectionRule = { version: 1, mode: 'ENFORCED', ...nothing, ...rule }
  await driver.pipe(topics.detectionRules, { key: name, value })
}

/** What was raised since it was last asked: type, order, and time from noon. */
export async function raised(): Promise<string[]> {
  const found = await driver.read(topics.orderAnomaly)
  return found.map(({ value }) => shown(value)).sort()
}

export function shown({ type, order_id, event_time }: OrderAnomaly): string {
  return `${type} ${order_id} ${event_time - noon}`
}

export async function judged(...orders: readonly OrderProcessed[]): Promise<string[]> {
  await send(...orders)
  await driver.endInput()
  return raised()
}
