/**
 * Orders with a product that the user ordered shortly before.
 *
 * Not a pattern: that would find each pair of orders, three alerts for an order whose products three others had, and would hold each
 * order against every one of the hour. What matters is only the last order of each product.
 */
import {
  type RecentProduct,
  type RecentProducts,
  recentProductsSchema,
} from '../../schemas/generated/records.ts'
import { avro, type KeyedContext, KeyedProcessor } from '../../streams/index.ts'
import { type Alert, alertsOf } from './alert.ts'
import type { PlacedOrder } from './order-lives.ts'
import { longestMemoryMs } from './rules.ts'

/** Of a user; those ordered longest ago give way. */
const maxProducts = 1000

export class RepeatPurchases extends KeyedProcessor<string, PlacedOrder, Alert> {
  private readonly recent = this.value('recent', avro(recentProductsSchema), { ttlMs: longestMemoryMs })

  override process({ order, repeatPurchase: rule }: PlacedOrder, context: KeyedContext<string, Alert>): void {
    const { order_id, order_time, user_id, product_ids } = order
    if (product_ids.length === 0) return
    const { within_ms } = rule
    const recent = (this.recent.get()?.products ?? []).filter(
      (one) => order_time - one.order_time < within_ms,
    )
    const ordered = new Set(product_ids)
    const again = recent.filter(({ product_id }) => ordered.has(product_id))
    const details = { kind: 'REPEAT_PURCHASE', ...told(again), within_ms } as const
    this.recent.set(withProducts(recent, order))
    if (again.length === 0) return
    for (const alert of alertsOf(rule, { order_id, user_id, event_time: order_time, details }))
      context.forward(alert)
  }
}

function told(again: readonly RecentProduct[]) {
  return {
    product_ids: again.map(({ product_id }) => product_id),
    earlier_order_ids: [...new Set(again.map(({ order_id }) => order_id))],
    first_time: again[0]?.order_time ?? 0,
  }
}

function withProducts(
  recent: readonly RecentProduct[],
  { order_id, order_time, product_ids }: PlacedOrder['order'],
): RecentProducts {
  const ordered = new Set(product_ids)
  const kept = recent.filter(({ product_id }) => !ordered.has(product_id))
  const added = product_ids.map((product_id) => ({ product_id, order_id, order_time }))
  return { products: [...kept, ...added].slice(-maxProducts) }
}
