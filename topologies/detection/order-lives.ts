/**
 * Follows each order through its statuses, and each payment until it is made.
 *
 * Invariants:
 * 1. An order that was created and is not settled has one timer, a millisecond after it is due: an event at that very time still
 *    comes first. An event that shows the order overdue reports the time-out before it does anything else, timer or not.
 * 2. Rules are read when an event, or a time-out, is judged. What is passed on to the patterns carries those that held.
 */
import {
  type AwaitedPayment,
  type DetectionRule,
  type OrderLife,
  type OrderProcessed,
  type OrderStatusChange,
  orderLifeSchema,
} from '../../schemas/generated/records.ts'
import {
  avro,
  type GlobalKTable,
  type KeyedContext,
  KeyedProcessor,
  type ProcessorTimers,
  serdes,
  type TimerContext,
} from '../../streams/index.ts'
import type { Alert } from './alert.ts'
import type { TimedOrder } from './in-order.ts'
import {
  awaitedSince,
  awaitedUnder,
  changeBy,
  illegalTransition,
  largeOrder,
  settled,
  unpaidTimeout,
} from './order-life.ts'
import { RuleBook, type RuleInForce, type Thresholds } from './rules.ts'

/** An order at its first event, with the rules that its user's orders are judged by. */
export interface PlacedOrder {
  readonly order: OrderProcessed
  readonly late: boolean
  readonly burst: RuleInForce<'burst'>
  readonly repeatPurchase: RuleInForce<'repeat-purchase'>
  readonly escalatingAmount: RuleInForce<'escalating-amount'>
}

export interface OrderLivesOptions {
  readonly rules: GlobalKTable<string, DetectionRule>
  readonly thresholds: Thresholds
  readonly orderMemoryMs: number
}

export class OrderLives extends KeyedProcessor<string, TimedOrder, Alert> {
  readonly history = this.output<OrderStatusChange>()
  readonly placed = this.output<PlacedOrder>()
  private readonly orders
  private readonly rules: RuleBook

  constructor({ rules, thresholds, orderMemoryMs }: OrderLivesOptions) {
    super()
    const serdesOfOrders = { key: serdes.string, value: avro(orderLifeSchema) }
    this.orders = this.map('orders', serdesOfOrders, { ttlMs: orderMemoryMs })
    const written = this.lookup(rules)
    this.rules = new RuleBook((name) => written.get(name), thresholds)
  }

  override process({ order, late }: TimedOrder, context: KeyedContext<string, Alert>): void {
    const { rules } = this
    const life = this.orders.get(order.order_id)
    const change = changeBy(life, order)
    const large = largeOrder(rules.of('large-order'), life, order)
    const illegal =
      life !== undefined && change.legal === false
        ? illegalTransition(rules.of('illegal-transition'), life, order)
        : []
    const payment = this.payment(life, order, context.timers)
    this.orders.set(order.order_id, {
      ...(change.legal === null && life !== undefined
        ? { status: life.status, status_time: life.status_time }
        : { status: order.status, status_time: order.order_time }),
      sequence: change.sequence,
      large: large[0]?.mode ?? life?.large ?? null,
      awaited: payment.awaited,
    })
    for (const alert of [...payment.alerts, ...illegal, ...large]) context.forward(alert)
    this.history.forward(change)
    if (life !== undefined) return
    const burst = rules.of('burst')
    const repeatPurchase = rules.of('repeat-purchase')
    this.placed.forward({
      order,
      late,
      burst,
      repeatPurchase,
      escalatingAmount: rules.of('escalating-amount'),
    })
  }

  override onTimer(_timeMs: number, context: TimerContext<string, Alert>): void {
    const { name: order_id, key: user_id, timers } = context
    const life = this.orders.get(order_id)
    if (life === undefined || life.awaited === null || life.awaited.raised !== null) return
    const rule = this.rules.of('unpaid')
    const awaited = awaitedUnder(life.awaited, rule)
    if (awaited !== life.awaited) {
      this.orders.set(order_id, { ...life, awaited })
      awaitPayment(timers, order_id, awaited)
      return
    }
    const alerts = unpaidTimeout(rule, { order_id, user_id }, awaited)
    const raised = alerts.length === 0 ? null : { version: rule.version, mode: rule.mode }
    this.orders.set(order_id, { ...life, awaited: raised === null ? null : { ...awaited, raised } })
    for (const alert of alerts) context.forward(alert, awaited.due_time)
  }

  /** Whatever happens to an order settles its payment; what is late is not settled by what came before it was created. */
  private payment(
    life: OrderLife | undefined,
    order: OrderProcessed,
    timers: ProcessorTimers,
  ): { readonly alerts: readonly Alert[]; readonly awaited: AwaitedPayment | null } {
    const { order_id, order_time, status } = order
    const rule = this.rules.of('unpaid')
    const before = life?.awaited ?? null
    const isNewest = life === undefined || order_time >= life.status_time
    if (before !== null && order_time < before.created_time) return { alerts: [], awaited: before }
    const alerts = before === null ? [] : settled(rule, order, before)
    if (before !== null && before.raised === null) timers.cancelEventTime(before.due_time + 1, order_id)
    if (status !== 'CREATED' || !isNewest) return { alerts, awaited: null }
    const awaited = awaitedSince(order_time, rule)
    awaitPayment(timers, order_id, awaited)
    return { alerts, awaited }
  }
}

function awaitPayment(timers: ProcessorTimers, orderId: string, { due_time }: AwaitedPayment): void {
  timers.eventTime(due_time + 1, orderId)
}
