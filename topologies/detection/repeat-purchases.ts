/**
 * Orders with a product that the user ordered shortly before.
 *
 * Not a pattern: that would find each pair of orders, three alerts for an order whose products three others had, and would hold each
 * order against every one of the hour. What matters is only the last order of each product.
 */
import { type RecentProduct, recentProductsSchema } from '../../schemas/generated/records.ts'
import { avro, type KeyedContext, KeyedProcessor } from '../../streams/index.ts'
import { type Alert, alertsOf } from './alert.ts'
import type { PlacedOrder } from './order-lives.ts'
import { longestMemoryMs } from './rules.ts'

/** Of a user; those ordered longest ago give way. */
const maxProducts = 1000

export class RepeatPurchases extends KeyedProcessor<string, PlacedOrder, Alert> {
  private readonly recent = this.value('recent', avro(recentProductsSchema), {
    ttlMs: longestMemoryMs['repeat-purchase'],
  })

  override process({ order, repeatPurchase: rule }: PlacedOrder, context: KeyedContext<string, Alert>): void {
    const { order_id, order_time, user_id, product_ids } = order
    if (product_ids.length === 0) return
    const { within_ms } = rule
    const ordered = new Set(product_ids)
    const again: RecentProduct[] = []
    const products: RecentProduct[] = []
    for (const one of this.recent.get()?.products ?? []) {
      if (order_time - one.order_time >= within_ms) continue
      if (ordered.has(one.product_id)) again.push(one)
      else products.push(one)
    }
    for (const product_id of product_ids) products.push({ product_id, order_id, order_time })
    this.recent.set({ products: products.slice(-maxProducts) })
    const [first] = again
    if (first === undefined) return
    const details = {
      kind: 'REPEAT_PURCHASE',
      product_ids: again.map(({ product_id }) => product_id),
      earlier_order_ids: [...new Set(again.map((one) => one.order_id))],
      first_time: first.order_time,
      within_ms,
    } as const
    for (const alert of alertsOf(rule, { order_id, user_id, event_time: order_time, details }))
      context.forward(alert)
  }
}
