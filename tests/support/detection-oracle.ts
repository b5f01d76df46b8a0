/**
 * What detection must find in order events, said as plainly as can be: all events in a list, sorted by time, and each
 * rule one loop over it. Knows the default thresholds only.
 */
import type { AlertType } from '../../api/simulator/scenario.ts'
import { parseOrder } from '../../orders/parse-order.ts'

const minute = 60_000
const hour = 60 * minute

export interface OrderEvent {
  readonly orderId: string
  readonly userId: string
  readonly status: string
  readonly timeMs: number
  readonly currency: string
  /** Hundredths. */
  readonly total: number
  readonly products: readonly string[]
}

export interface FoundAlert {
  readonly type: AlertType
  readonly orderId: string
  readonly userId: string
  readonly timeMs: number
}

const legal: Readonly<Record<string, readonly string[]>> = {
  CREATED: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUNDED'],
  DELIVERED: ['COMPLETED', 'REFUNDED'],
  COMPLETED: ['REFUNDED'],
  CANCELLED: [],
  REFUNDED: [],
}

/** @param bytes a sound event */
export function orderEventOf(bytes: Buffer): OrderEvent {
  const { order_id, user_id, status, order_time, currency, total_amount, lines } = parseOrder(bytes)
  return {
    orderId: order_id!,
    userId: user_id!,
    status: status!,
    timeMs: order_time!,
    currency: currency!,
    total: total_amount!,
    products: lines.map(({ product_id }) => product_id!),
  }
}

/** Sorted by `inOrder`. Repeats of an event count once. */
export function alertsIn(events: readonly OrderEvent[]): FoundAlert[] {
  const lives = livesIn(events)
  const firsts = lives.map(([first]) => first!)
  const users = grouped(firsts, ({ userId }) => userId)
  return inOrder([...lives.flatMap(alertsOfLife), ...users.flatMap(alertsOfUser)])
}

export interface Step {
  readonly orderId: string
  /** From 1. */
  readonly sequence: number
  readonly from: string | null
  readonly to: string
  readonly timeMs: number
  readonly legal: boolean
}

/** The history of each order. */
export function historyIn(events: readonly OrderEvent[]): Step[] {
  return livesIn(events).flatMap((life) =>
    life.map(({ orderId, status, timeMs }, index): Step => {
      const from = life[index - 1]?.status ?? null
      const isLegal = from === null || legal[from]!.includes(status)
      return { orderId, sequence: index + 1, from, to: status, timeMs, legal: isLegal }
    }),
  )
}

/** The events of each order by their time; the orders by their first event. */
function livesIn(events: readonly OrderEvent[]): OrderEvent[][] {
  const distinct = new Map(events.map((event) => [`${event.orderId} ${event.status} ${event.timeMs}`, event]))
  const sorted = [...distinct.values()].sort((a, b) => a.timeMs - b.timeMs)
  return grouped(sorted, ({ orderId }) => orderId)
}

/** In the order in which the groups begin. */
export function grouped<T>(list: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of list) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return [...groups.values()]
}

export function inOrder<A extends FoundAlert>(alerts: readonly A[]): A[] {
  const place = ({ orderId, type }: FoundAlert) => `${orderId} ${type}`
  return [...alerts].sort((a, b) => a.timeMs - b.timeMs || (place(a) < place(b) ? -1 : 1))
}

function alertsOfLife(life: readonly OrderEvent[]): FoundAlert[] {
  const { orderId, userId } = life[0]!
  const alerts: FoundAlert[] = []
  const found = (type: AlertType, timeMs: number) => alerts.push({ type, orderId, userId, timeMs })
  const large = life.find(({ total }) => total > 1_000_000)
  if (large !== undefined) found('LARGE_ORDER', large.timeMs)
  for (const [index, { status, timeMs }] of life.entries()) {
    const next = life[index + 1]
    if (next !== undefined && !legal[status]!.includes(next.status)) found('ILLEGAL_TRANSITION', next.timeMs)
    if (status !== 'CREATED') continue
    const dueMs = timeMs + 30 * minute
    if (next !== undefined && next.timeMs <= dueMs) continue
    found('UNPAID_TIMEOUT', dueMs)
    if (next?.status === 'PAID') found('UNPAID_RESOLVED', next.timeMs)
  }
  return alerts
}

/** @param orders the first event of each */
function alertsOfUser(orders: readonly OrderEvent[]): FoundAlert[] {
  const alerts: FoundAlert[] = []
  const found = (type: AlertType, { orderId, userId, timeMs }: OrderEvent) =>
    alerts.push({ type, orderId, userId, timeMs })
  let counted: OrderEvent[] = []
  for (const [index, order] of orders.entries()) {
    counted = [...counted.filter(({ timeMs }) => order.timeMs - timeMs < minute), order]
    if (counted.length > 5) {
      found('BURST', order)
      counted = []
    }
    const before = orders.slice(0, index).filter(({ timeMs }) => order.timeMs - timeMs < hour)
    if (before.some(({ products }) => products.some((product) => order.products.includes(product))))
      found('REPEAT_PURCHASE', order)
    const [low, middle] = before.filter(({ currency }) => currency === order.currency).slice(-2)
    if (
      low !== undefined &&
      middle !== undefined &&
      middle.total >= 1.5 * low.total &&
      order.total >= 1.5 * middle.total
    )
      found('ESCALATING_AMOUNT', order)
  }
  return alerts
}
