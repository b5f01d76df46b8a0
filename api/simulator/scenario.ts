/**
 * What happens in the simulated shop. A scenario is one kind of happening; each time it occurs it plans one or more orders
 * with their events. Whoever knows what must be found in the stream, such as a burst of orders, adds a scenario: the
 * events carry its name, so that what was found can be reckoned up against what was planned.
 */
import type { OrderStatus } from '../../schemas/generated/records.ts'
import type { Customers } from './customers.ts'
import type { Random } from './random.ts'

export interface OrderPlan {
  readonly userId: string
  readonly storeId: string
  readonly currency: string
  readonly lines: readonly PlannedLine[]
  /** In the order of their times. */
  readonly events: readonly PlannedEvent[]
  /** What detection must find at this order; nothing when left out. */
  readonly alerts?: readonly PlannedAlert[]
}

export type AlertType =
  | 'LARGE_ORDER'
  | 'BURST'
  | 'UNPAID_TIMEOUT'
  | 'UNPAID_RESOLVED'
  | 'ILLEGAL_TRANSITION'
  | 'REPEAT_PURCHASE'
  | 'ESCALATING_AMOUNT'

export interface PlannedAlert {
  readonly type: AlertType
  /** Event time: of the event that completes what is found, or when an order should have been paid. */
  readonly timeMs: number
}

export interface PlannedLine {
  readonly productId: string
  readonly quantity: number
  /** Hundredths. */
  readonly amount: number
}

export interface PlannedEvent {
  readonly status: OrderStatus
  readonly timeMs: number
}

export interface ScenarioContext {
  readonly random: Random
  /** When it occurs: no event may take place before. */
  readonly startTimeMs: number
  readonly shop: Shop
  readonly customers: Customers
}

export interface Shop {
  readonly users: number
  readonly products: number
  readonly stores: number
  readonly currencies: readonly string[]
}

export interface Scenario {
  readonly name: string
  /** How often it occurs in proportion to the others. */
  readonly weight: number
  readonly plan: (context: ScenarioContext) => readonly OrderPlan[]
}

/** A basket of a few products, as most orders are; the price of a product is always the same. */
export function plainBasket({ random, shop }: ScenarioContext): PlannedLine[] {
  return Array.from({ length: random.integer(1, 8) }, () => {
    const product = random.popular(shop.products)
    return productLine(product, random.integer(1, 5))
  })
}

/** @param product its number, from 0 */
export function productLine(product: number, quantity: number): PlannedLine {
  return { productId: `product-${product + 1}`, quantity, amount: quantity * priceOf(product) }
}

/** From 0.99 to 99.98, in hundredths. */
export function priceOf(product: number): number {
  return 99 + ((product * 7919) % 9900)
}

export function totalOf(lines: readonly PlannedLine[]): number {
  return lines.reduce((sum, { amount }) => sum + amount, 0)
}
