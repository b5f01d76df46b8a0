/** What scenarios of one newcomer's orders are put together from. */
import { type OrderPlan, plainBasket, type ScenarioContext } from './scenario.ts'

type OwnParts = Pick<OrderPlan, 'events' | 'alerts'> & Partial<Pick<OrderPlan, 'lines' | 'currency'>>

/** Orders of the same user, who is nobody else, in one shop and one currency; any basket unless it is named. */
export function ordersOfOne(
  context: ScenarioContext,
  count: number,
  partsOf: (index: number) => OwnParts,
): OrderPlan[] {
  const { random, shop, customers } = context
  const shared = {
    userId: customers.newcomer(),
    storeId: `store-${random.integer(1, shop.stores)}`,
    currency: random.pick(shop.currencies),
  }
  return Array.from({ length: count }, (_, index) => {
    const parts = partsOf(index)
    return { ...shared, ...parts, lines: parts.lines ?? plainBasket(context) }
  })
}

/** Numbers of products; beyond those of the shop when it has not so many. */
export function differentProducts({ random, shop }: ScenarioContext, count: number): number[] {
  const products = new Set<number>()
  while (products.size < count) {
    let product = random.popular(shop.products)
    while (products.has(product)) product++
    products.add(product)
  }
  return [...products]
}

/** The first is 0, and no two are equal. */
export function ascendingTimes({ random }: ScenarioContext, count: number, maxMs: number): number[] {
  const times = new Set([0])
  while (times.size < count) times.add(random.integer(1, maxMs))
  return [...times].sort((a, b) => a - b)
}
