/**
 * Patterns of orders, as docs/patterns.md explains them: bursts, orders that nobody pays, amounts that go up.
 *
 *     orders ──┬─► by user ───► burst ────────► alerts
 *              ├─► by user ───► escalation ───► alerts
 *              └─► by order ──► unpaid ───────► alerts
 */
import { defineTopology, hours, minutes, Pattern, seconds, serdes, topic } from '../streams/index.ts'

export interface Order {
  readonly id: string
  readonly user: string
  readonly status: 'CREATED' | 'PAID' | 'SHIPPED'
  readonly cents: number
}

export const orders = topic('orders', { key: serdes.string, value: serdes.json<Order>() })
export const alerts = topic('alerts', { key: serdes.string, value: serdes.string })
export const tooLate = topic('too-late', { key: serdes.string, value: serdes.json<Order>() })

const isNew = (order: Order): boolean => order.status === 'CREATED'

const burst = Pattern.of<Order>()
  .begin('orders')
  .where(isNew)
  .times(6)
  .within(minutes(1))
  .afterMatch('skipPastLastEvent')

const unpaid = Pattern.of<Order>()
  .begin('created')
  .where(isNew)
  .notFollowedBy('paid')
  .where((order) => order.status === 'PAID')
  .within(minutes(30))

const payment = Pattern.of<Order>()
  .begin('created')
  .where(isNew)
  .followedBy('paid')
  .where((order) => order.status === 'PAID')
  .within(minutes(30))

const escalation = Pattern.of<Order>()
  .begin('first')
  .where(isNew)
  .followedBy('higher')
  .where((order, { first, higher }) => {
    const before = higher.at(-1) ?? first[0]
    return isNew(order) && before !== undefined && order.cents >= 1.5 * before.cents
  })
  .times(2)
  .within(hours(1))
  .afterMatch('skipPastLastEvent')

export const orderPatterns = defineTopology('order-patterns', (builder) => {
  const source = builder.stream(orders, { disorderMs: seconds(5) })
  const byUser = source.groupByKey()
  const byOrder = source.groupBy((order) => order.id, serdes.string, orders.value)

  const bursts = byUser.match(burst, {
    store: 'bursts',
    select: ({ orders }) => `burst, ${orders[0].id} to ${orders.at(-1)?.id}`,
  })
  bursts.main.to(alerts)
  bursts.late.to(tooLate)

  byUser
    .match(escalation, {
      store: 'escalations',
      select: ({ first, higher }) =>
        `escalating: ${[...first, ...higher].map(({ cents }) => cents).join(' ')}`,
    })
    .main.to(alerts)

  byOrder
    .match(unpaid, { store: 'unpaid', select: ({ created }) => `unpaid: ${created[0].id}` })
    .main.to(alerts)

  byOrder
    .match(payment, {
      store: 'payments',
      flatSelect: () => [],
      timedOut: ({ created }, { timestampMs }) => `no money for ${created[0]?.id} by ${timestampMs}`,
    })
    .timedOut.to(alerts)
})
