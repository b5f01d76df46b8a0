/** What an event makes of its order, as decisions: the operator only carries them out. */
import type {
  AwaitedPayment,
  OrderLife,
  OrderProcessed,
  OrderStatusChange,
} from '../../schemas/generated/records.ts'
import { type Alert, alertsOf } from './alert.ts'
import type { RuleInForce } from './rules.ts'
import { isLegal } from './transitions.ts'

type Order = Pick<OrderProcessed, 'order_id' | 'user_id'>

/** The next entry in the history of an order. What is older than its newest event is kept, and not judged. */
export function changeBy(life: OrderLife | undefined, order: OrderProcessed): OrderStatusChange {
  const { order_id, user_id, status: to_status, order_time: event_time } = order
  const own = { order_id, user_id, sequence: (life?.sequence ?? 0) + 1, to_status, event_time }
  if (life === undefined) return { ...own, from_status: null, legal: true }
  if (event_time < life.status_time) return { ...own, from_status: null, legal: null }
  return { ...own, from_status: life.status, legal: isLegal(life.status, to_status) }
}

export function illegalTransition(
  rule: RuleInForce<'illegal-transition'>,
  life: OrderLife,
  { order_id, user_id, order_time, event_number, status }: OrderProcessed,
): Alert[] {
  const from = { from_status: life.status, from_time: life.status_time }
  const details = { kind: 'ILLEGAL_TRANSITION', ...from, to_status: status, event_number } as const
  return alertsOf(rule, { order_id, user_id, event_time: order_time, details })
}

/** An order is large once: at its first event that says so. What was found in shadow is found again once it is enforced. */
export function largeOrder(
  rule: RuleInForce<'large-order'>,
  life: OrderLife | undefined,
  { order_id, user_id, order_time, currency, total_amount }: OrderProcessed,
): Alert[] {
  const found = life?.large ?? null
  if (found === 'ENFORCED' || found === rule.mode) return []
  const limit_amount = rule.amounts[currency] ?? rule.amount
  if (total_amount <= limit_amount) return []
  const details = { kind: 'LARGE_ORDER', total_amount, limit_amount, currency } as const
  return alertsOf(rule, { order_id, user_id, event_time: order_time, details })
}

type UnpaidRule = RuleInForce<'unpaid'>

export function awaitedSince(createdMs: number, { within_ms }: UnpaidRule): AwaitedPayment {
  return { created_time: createdMs, due_time: createdMs + within_ms, raised: null }
}

/** What is awaited by the rule of now: the time may have become longer, and what is due is not due earlier than it was. */
export function awaitedUnder(awaited: AwaitedPayment, { within_ms }: UnpaidRule): AwaitedPayment {
  const due_time = Math.max(awaited.due_time, awaited.created_time + within_ms)
  return awaited.raised !== null || due_time === awaited.due_time ? awaited : { ...awaited, due_time }
}

/** The time-out of an order that has not been paid when it was due. */
export function unpaidTimeout(
  rule: UnpaidRule,
  { order_id, user_id }: Order,
  { created_time, due_time }: AwaitedPayment,
): Alert[] {
  const details = { kind: 'UNPAID_TIMEOUT', created_time, within_ms: due_time - created_time } as const
  return alertsOf(rule, { order_id, user_id, event_time: due_time, details })
}

/** The alerts of an event that settles what was awaited: the time-out, if it is that late, and that the order was paid at last. */
export function settled(rule: UnpaidRule, order: OrderProcessed, awaited: AwaitedPayment): Alert[] {
  const { created_time, due_time, raised } = awaitedUnder(awaited, rule)
  const isOverdue = raised === null && order.order_time > due_time
  const timeout = isOverdue ? unpaidTimeout(rule, order, { created_time, due_time, raised }) : []
  const by = raised ?? (timeout.length > 0 ? rule : null)
  if (order.status !== 'PAID' || by === null) return timeout
  const { order_id, user_id, order_time } = order
  const details = { kind: 'UNPAID_RESOLVED', created_time, due_time } as const
  return [...timeout, ...alertsOf(by, { order_id, user_id, event_time: order_time, details })]
}
