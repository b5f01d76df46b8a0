/**
 * The users of a simulated shop, and what they ordered lately: for traffic in which nothing remarkable happens by chance.
 *
 * 1. A newcomer is a user whom nobody else gets: what is planned for one stays apart from everything else.
 * 2. Orders are told in the order of their times, and are forgotten after the longest time over which any are compared.
 */
import { type PlannedLine, type Shop, totalOf } from './scenario.ts'

export interface PlacedOrder {
  readonly timeMs: number
  readonly currency: string
  readonly lines: readonly PlannedLine[]
}

/** What detection finds remarkable unless it is told otherwise. Amounts are hundredths. */
export const remarkable = {
  /** So many orders of a user in less than the time are a burst. */
  burst: { orders: 6, lessThanMs: 60_000 },
  unpaidMs: 30 * 60_000,
  moreThanAmount: 1_000_000,
  /** The same product again in another order, or so many orders each so much larger than the one before. */
  correlationMs: 60 * 60_000,
  escalation: { orders: 3, factor: 1.5 },
} as const

export class Customers {
  private readonly shop: Shop
  private newcomers = 0
  private readonly recent = new Map<string, PlacedOrder[]>()

  constructor(shop: Shop) {
    this.shop = shop
  }

  /** Numbered on from the users of the shop: nothing tells them from these. */
  newcomer(): string {
    return `user-${this.shop.users + ++this.newcomers}`
  }

  /** Remembers the order as the user's, unless it would make something remarkable of what the user ordered before. */
  placeUnremarkable(userId: string, order: PlacedOrder): boolean {
    const before = (this.recent.get(userId) ?? []).filter(
      ({ timeMs }) => order.timeMs - timeMs <= remarkable.correlationMs,
    )
    if (isRemarkable(order, before)) return false
    this.recent.set(userId, [...before, order])
    return true
  }
}

function isRemarkable(order: PlacedOrder, before: readonly PlacedOrder[]): boolean {
  const { burst, moreThanAmount } = remarkable
  const rush = before.filter(({ timeMs }) => order.timeMs - timeMs <= burst.lessThanMs)
  return (
    totalOf(order.lines) > moreThanAmount ||
    rush.length + 1 >= burst.orders ||
    before.some((other) => sharesProduct(other, order)) ||
    escalates(order, before)
  )
}

export function sharesProduct(a: Pick<PlacedOrder, 'lines'>, b: Pick<PlacedOrder, 'lines'>): boolean {
  const products = new Set(a.lines.map(({ productId }) => productId))
  return b.lines.some(({ productId }) => products.has(productId))
}

/** Of any orders before, also with others in between: so it does not matter which of them count as successive. */
function escalates(order: PlacedOrder, before: readonly PlacedOrder[]): boolean {
  return before.some(
    (middle, index) =>
      isStep(middle, order) && before.slice(0, index).some((lowest) => isStep(lowest, middle)),
  )
}

function isStep(lower: PlacedOrder, higher: PlacedOrder): boolean {
  return (
    lower.currency === higher.currency &&
    totalOf(higher.lines) >= remarkable.escalation.factor * totalOf(lower.lines)
  )
}
