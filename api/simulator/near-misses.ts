/** What just fails to be remarkable: each time it occurs, one of everything that detection must not find. */
import { remarkable } from './customers.ts'
import { settledLife } from './lifecycle.ts'
import { differentProducts, ordersOfOne } from './newcomer-orders.ts'
import {
  type OrderPlan,
  type PlannedEvent,
  type PlannedLine,
  productLine,
  type Scenario,
  type ScenarioContext,
} from './scenario.ts'

const { burst, unpaidMs, moreThanAmount, correlationMs, escalation } = remarkable

export const nearMisses: Scenario = {
  name: 'near-miss',
  weight: 1,
  plan: (context) => [
    ...fewerThanABurst(context),
    ...slowerThanABurst(context),
    ...notTooLarge(context),
    ...paidInTime(context),
    ...sameProductLater(context),
    ...growingTooLittle(context),
    ...growingTooSlowly(context),
    ...growingInCurrencies(context),
  ],
}

function fewerThanABurst(context: ScenarioContext): OrderPlan[] {
  const count = burst.orders - 1
  return cheapOrders(context, times(count, Math.floor((burst.lessThanMs - 1) / (count - 1))))
}

/** The last of them comes when exactly the time has passed. */
function slowerThanABurst(context: ScenarioContext): OrderPlan[] {
  return cheapOrders(context, times(burst.orders, burst.lessThanMs / (burst.orders - 1)))
}

function notTooLarge(context: ScenarioContext): OrderPlan[] {
  return voucherOrders(context, [moreThanAmount], [0])
}

/** At the last moment. */
function paidInTime(context: ScenarioContext): OrderPlan[] {
  const { random, startTimeMs } = context
  return ordersOfOne(context, 1, () => ({
    events: [
      { status: 'CREATED', timeMs: startTimeMs },
      ...settledLife(random, { status: 'PAID', timeMs: startTimeMs + unpaidMs }),
    ],
  }))
}

function sameProductLater(context: ScenarioContext): OrderPlan[] {
  const [product] = differentProducts(context, 1)
  return ordersOfOne(context, 2, (index) => ({
    lines: [productLine(product!, 1)],
    events: settledFrom(context, index * (correlationMs + 1_000)),
  }))
}

function growingTooLittle(context: ScenarioContext): OrderPlan[] {
  return voucherOrders(context, [10_000, 14_999, 22_497], times(escalation.orders, 60_000))
}

function growingTooSlowly(context: ScenarioContext): OrderPlan[] {
  const amounts = [10_000, 20_000, 40_000]
  return voucherOrders(context, amounts, times(escalation.orders, correlationMs / 2 + 1_000))
}

function growingInCurrencies(context: ScenarioContext): OrderPlan[] {
  const currencies = ['USD', 'EUR', 'GBP']
  return voucherOrders(context, [10_000, 20_000, 40_000], times(escalation.orders, 60_000)).map(
    (order, index) => ({ ...order, currency: currencies[index]! }),
  )
}

function times(count: number, stepMs: number): number[] {
  return Array.from({ length: count }, (_, index) => index * stepMs)
}

/** Different products, all at one price. */
function cheapOrders(context: ScenarioContext, offsetsMs: readonly number[]): OrderPlan[] {
  return voucherOrders(
    context,
    offsetsMs.map(() => 1_000),
    offsetsMs,
  )
}

/** A voucher is worth any amount, and no two orders have the same. */
function voucherOrders(
  context: ScenarioContext,
  amounts: readonly number[],
  offsetsMs: readonly number[],
): OrderPlan[] {
  return ordersOfOne(context, amounts.length, (index) => {
    const line: PlannedLine = { productId: `voucher-${index + 1}`, quantity: 1, amount: amounts[index]! }
    return { lines: [line], events: settledFrom(context, offsetsMs[index]!) }
  })
}

function settledFrom({ random, startTimeMs }: ScenarioContext, offsetMs: number): PlannedEvent[] {
  return settledLife(random, { status: 'CREATED', timeMs: startTimeMs + offsetMs })
}
