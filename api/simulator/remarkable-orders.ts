/**
 * What detection must find, each a scenario with the alerts that come of it and of nothing else in it. All are a
 * newcomer's, so that they have nothing to do with each other.
 */
import type { OrderStatus } from '../../schemas/generated/records.ts'
import { remarkable } from './customers.ts'
import { settledLife } from './lifecycle.ts'
import { nearMisses } from './near-misses.ts'
import { ascendingTimes, differentProducts, ordersOfOne } from './newcomer-orders.ts'
import {
  type OrderPlan,
  type PlannedEvent,
  type PlannedLine,
  priceOf,
  productLine,
  type Scenario,
  type ScenarioContext,
  totalOf,
} from './scenario.ts'

const minute = 60_000

/** Six orders within a minute, or some more: one burst all the same. */
const burst = scenario('burst', (context) => {
  const { random, startTimeMs } = context
  const { orders, lessThanMs } = remarkable.burst
  const times = ascendingTimes(context, random.integer(orders, 2 * orders - 1), lessThanMs - 1)
  // From dear to cheap: amounts that grow are a scenario of their own.
  const lines = differentProducts(context, times.length)
    .sort((a, b) => priceOf(b) - priceOf(a))
    .map((product) => productLine(product, 1))
  return ordersOfOne(context, lines.length, (index) => {
    const timeMs = startTimeMs + times[index]!
    return {
      lines: [lines[index]!],
      events: settledLife(random, { status: 'CREATED', timeMs }),
      ...(index === orders - 1 ? { alerts: [{ type: 'BURST', timeMs }] } : {}),
    }
  })
})

const unpaid = scenario('unpaid', (context) => {
  const { startTimeMs: timeMs } = context
  return ordersOfOne(context, 1, () => ({
    events: [{ status: 'CREATED', timeMs }],
    alerts: [{ type: 'UNPAID_TIMEOUT', timeMs: timeMs + remarkable.unpaidMs }],
  }))
})

const paidLate = scenario('paid-late', (context) => {
  const { random, startTimeMs } = context
  const dueMs = startTimeMs + remarkable.unpaidMs
  // As often at once as in the hour after: time may pass over both at the same moment.
  const paidMs = dueMs + random.integer(1, random.chance(0.5) ? minute : 60 * minute)
  return ordersOfOne(context, 1, () => ({
    events: [
      { status: 'CREATED', timeMs: startTimeMs },
      ...settledLife(random, { status: 'PAID', timeMs: paidMs }),
    ],
    alerts: [
      { type: 'UNPAID_TIMEOUT', timeMs: dueMs },
      { type: 'UNPAID_RESOLVED', timeMs: paidMs },
    ],
  }))
})

/** Lives whose last step is none that an order may take. No status comes twice: that would be taken for a repeat. */
const illegalLives: readonly (readonly OrderStatus[])[] = [
  ['CREATED', 'SHIPPED'],
  ['CREATED', 'DELIVERED'],
  ['CREATED', 'REFUNDED'],
  ['CREATED', 'PAID', 'DELIVERED'],
  ['CREATED', 'PAID', 'COMPLETED'],
  ['CREATED', 'PAID', 'SHIPPED', 'CANCELLED'],
  ['CREATED', 'PAID', 'SHIPPED', 'COMPLETED'],
  ['CREATED', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED'],
  ['CREATED', 'PAID', 'SHIPPED', 'DELIVERED', 'COMPLETED', 'CANCELLED'],
  ['CREATED', 'CANCELLED', 'PAID'],
  ['CREATED', 'CANCELLED', 'SHIPPED'],
  ['CREATED', 'PAID', 'REFUNDED', 'SHIPPED'],
  ['SHIPPED', 'PAID'],
]

const illegalTransition = scenario('illegal-transition', (context) => {
  const { random } = context
  let timeMs = context.startTimeMs
  const events = random.pick(illegalLives).map((status): PlannedEvent => {
    const event = { status, timeMs }
    timeMs += random.integer(1_000, 10 * minute)
    return event
  })
  return ordersOfOne(context, 1, () => ({
    events,
    alerts: [{ type: 'ILLEGAL_TRANSITION', timeMs: events.at(-1)!.timeMs }],
  }))
})

const largeOrder = scenario('large-order', (context) => {
  const { random, shop, startTimeMs: timeMs } = context
  const lines: PlannedLine[] = []
  while (totalOf(lines) <= remarkable.moreThanAmount)
    lines.push(productLine(random.popular(shop.products), random.integer(20, 200)))
  return ordersOfOne(context, 1, () => ({
    lines,
    events: settledLife(random, { status: 'CREATED', timeMs }),
    alerts: [{ type: 'LARGE_ORDER', timeMs }],
  }))
})

const repeatPurchase = scenario('repeat-purchase', (context) => {
  const { random, startTimeMs } = context
  const [again, first, second] = differentProducts(context, 3)
  const againMs = startTimeMs + random.integer(1_000, remarkable.correlationMs - minute)
  return ordersOfOne(context, 2, (index) => {
    const timeMs = index === 0 ? startTimeMs : againMs
    const lines = [again!, index === 0 ? first! : second!]
    return {
      lines: lines.map((product) => productLine(product, random.integer(1, 5))),
      events: settledLife(random, { status: 'CREATED', timeMs }),
      ...(index === 1 ? { alerts: [{ type: 'REPEAT_PURCHASE', timeMs }] } : {}),
    }
  })
})

const escalatingAmount = scenario('escalating-amount', (context) => {
  const { random, startTimeMs } = context
  const { orders, factor } = remarkable.escalation
  const times = ascendingTimes(context, orders, remarkable.correlationMs - minute)
  const products = differentProducts(context, orders)
  let least = 0
  return ordersOfOne(context, orders, (index) => {
    const timeMs = startTimeMs + times[index]!
    const product = products[index]!
    const line = productLine(product, Math.ceil(least / priceOf(product)) + random.integer(1, 3))
    least = factor * line.amount
    return {
      lines: [line],
      events: settledLife(random, { status: 'CREATED', timeMs }),
      ...(index === orders - 1 ? { alerts: [{ type: 'ESCALATING_AMOUNT', timeMs }] } : {}),
    }
  })
})

function scenario(name: string, plan: (context: ScenarioContext) => OrderPlan[]): Scenario {
  return { name, weight: 1, plan }
}

/** By the name under which users ask for them. */
export const remarkableOrders = {
  bursts: burst,
  unpaid,
  'paid-late': paidLate,
  illegal: illegalTransition,
  large: largeOrder,
  'repeat-purchases': repeatPurchase,
  escalating: escalatingAmount,
  'near-misses': nearMisses,
} as const satisfies Record<string, Scenario>
