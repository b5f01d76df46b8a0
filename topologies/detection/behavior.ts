/** How a user orders, as an aggregate of all orders; in any order they come to the same, favourites apart. */
import {
  type CurrencyTotals,
  type FavoriteProduct,
  type UserBehavior,
  type UserProfile,
  userProfileSchema,
} from '../../schemas/generated/records.ts'
import { type Aggregator, avro, type Serde } from '../../streams/index.ts'
import type { PlacedOrder } from './order-lives.ts'

/** Products that are counted of a user: a new one takes the place of the one of fewest orders. */
const maxCounted = 40
const favorites = 5

export const profiles: Aggregator<PlacedOrder, UserProfile> & { readonly serde: Serde<UserProfile> } = {
  serde: avro(userProfileSchema),
  init: () => ({
    totals: [],
    first_seen: Number.MAX_SAFE_INTEGER,
    last_seen: 0,
    products: [],
  }),
  add: ({ totals, first_seen, last_seen, products }, { order }) => ({
    totals: withOrder(totals, order),
    first_seen: Math.min(first_seen, order.order_time),
    last_seen: Math.max(last_seen, order.order_time),
    products: withProducts(products, order.product_ids),
  }),
}

export function behaviorOf(user_id: string, profile: UserProfile): UserBehavior {
  const { totals, first_seen, last_seen, products } = profile
  const order_count = totals.reduce((sum, one) => sum + one.order_count, 0)
  const main = totals.reduce((most, one) => (one.order_count > most.order_count ? one : most))
  return {
    user_id,
    order_count,
    total_amount: main.total_amount,
    currency: main.currency,
    average_gap_ms: order_count < 2 ? null : Math.round((last_seen - first_seen) / (order_count - 1)),
    favorite_products: products.slice(0, favorites),
    first_seen,
    last_seen,
  }
}

function withOrder(
  totals: readonly CurrencyTotals[],
  { currency, total_amount }: PlacedOrder['order'],
): CurrencyTotals[] {
  const before = totals.find((one) => one.currency === currency)
  const order_count = (before?.order_count ?? 0) + 1
  const own = { currency, order_count, total_amount: (before?.total_amount ?? 0) + total_amount }
  return [...totals.filter((one) => one !== before), own].sort((a, b) => (a.currency < b.currency ? -1 : 1))
}

/** Of products of as many orders the one ordered last comes first, so that the one ordered longest ago gives way. */
function withProducts(counted: readonly FavoriteProduct[], productIds: readonly string[]): FavoriteProduct[] {
  const left = new Set(productIds)
  const own: FavoriteProduct[] = []
  const others: FavoriteProduct[] = []
  for (const one of counted) {
    if (left.delete(one.product_id)) own.push({ ...one, order_count: one.order_count + 1 })
    else others.push(one)
  }
  for (const product_id of left) own.push({ product_id, order_count: 1 })
  others.length = Math.min(others.length, Math.max(0, maxCounted - own.length))
  return [...own, ...others].sort((a, b) => b.order_count - a.order_count)
}
