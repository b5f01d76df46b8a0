/** What several orders of a user are together, as patterns. Their orders carry the rules by which they are judged. */
import {
  type BurstOrder,
  burstOrderSchema,
  type EscalatingOrder,
  escalatingOrderSchema,
} from '../../schemas/generated/records.ts'
import { avro, type KStream, Pattern } from '../../streams/index.ts'
import { type Alert, alertsOf } from './alert.ts'
import type { PlacedOrder } from './order-lives.ts'
import { longestMemoryMs } from './rules.ts'

/**
 * Orders up to the one with which they are too many; then counting begins anew. The loop is left when it is full or too old,
 * so that no more runs are open than the rule has orders.
 */
const burst = Pattern.of<BurstOrder>()
  .begin('earlier')
  .oneOrMore()
  .consecutive()
  .until((order, { earlier }) => earlier.length > 0 && !canGrow(order, earlier))
  .next('last')
  .where(
    (order, { earlier }) =>
      order.mode !== 'OFF' && earlier.length >= order.max_orders && isWithin(order, earlier[0]),
  )
  .within(longestMemoryMs.burst)
  .afterMatch('skipPastLastEvent')

export function bursts(placed: KStream<string, PlacedOrder>): KStream<string, Alert> {
  return placed
    .mapValues(({ order, burst: { version, mode, max_orders, within_ms } }): BurstOrder => {
      const { order_id, order_time } = order
      return { order_id, order_time, version, mode, max_orders, within_ms }
    })
    .groupByKey()
    .match(burst, {
      store: 'bursts',
      value: avro(burstOrderSchema),
      flatSelect: ({ earlier, last: [last] }, { key: user_id }) => {
        const { order_id, order_time, max_orders, within_ms } = last
        const details = {
          kind: 'BURST',
          order_ids: [...earlier, last].map((order) => order.order_id),
          first_time: earlier[0].order_time,
          last_time: order_time,
          max_orders,
          within_ms,
        } as const
        return alertsOf(last, { order_id, user_id, event_time: order_time, details })
      },
    }).main
}

/** Three orders in one currency, one after the other: orders in others may lie between. */
const escalation = Pattern.of<EscalatingOrder>()
  .begin('low')
  .notFollowedBy('no higher')
  .where((order, { low }) => isInCurrencyOf(order, low[0]) && !escalates(order, low[0]))
  .followedBy('middle')
  .where((order, { low }) => isInCurrencyOf(order, low[0]) && escalates(order, low[0]))
  .notFollowedBy('no higher still')
  .where((order, { middle }) => isInCurrencyOf(order, middle[0]) && !escalates(order, middle[0]))
  .followedBy('high')
  .where((order, { low, middle }) => isInCurrencyOf(order, low[0]) && escalates(order, middle[0]))
  .within(longestMemoryMs['escalating-amount'])

export function escalations(placed: KStream<string, PlacedOrder>): KStream<string, Alert> {
  return placed
    .mapValues(({ order, escalatingAmount: { version, mode, percent, within_ms } }): EscalatingOrder => {
      const { order_id, order_time, currency, total_amount } = order
      return { order_id, order_time, currency, total_amount, version, mode, percent, within_ms }
    })
    .groupByKey()
    .match(escalation, {
      store: 'escalations',
      value: avro(escalatingOrderSchema),
      flatSelect: ({ low: [low], middle: [middle], high: [high] }, { key: user_id }) => {
        const { order_id, order_time, currency, percent, within_ms } = high
        if (!isWithin(high, low)) return []
        const details = {
          kind: 'ESCALATING_AMOUNT',
          order_ids: [low.order_id, middle.order_id, order_id],
          amounts: [low.total_amount, middle.total_amount, high.total_amount],
          currency,
          first_time: low.order_time,
          percent,
          within_ms,
        } as const
        return alertsOf(high, { order_id, user_id, event_time: order_time, details })
      },
    }).main
}

/** Whether an order can be one of those before the last. */
function canGrow(order: BurstOrder, earlier: readonly BurstOrder[]): boolean {
  return earlier.length < order.max_orders && isWithin(order, earlier[0])
}

/** Whether an earlier order lies less than the order's rule says before it. */
function isWithin(
  { order_time, within_ms }: { readonly order_time: number; readonly within_ms: number },
  earlier: { readonly order_time: number } | undefined,
): boolean {
  return earlier !== undefined && order_time - earlier.order_time < within_ms
}

function isInCurrencyOf({ currency }: EscalatingOrder, earlier: EscalatingOrder | undefined): boolean {
  return currency === earlier?.currency
}

function escalates(
  { total_amount, percent }: EscalatingOrder,
  earlier: EscalatingOrder | undefined,
): boolean {
  return earlier !== undefined && total_amount * 100 >= earlier.total_amount * percent
}
