/**
 * Orders that nobody pays: reported half an hour after they were placed, and again when the money comes after all.
 *
 *     order-events ──► by order ──► UnpaidTimeout ──┬─► main ─────► unpaid-orders
 *                                  (state, timers)  └─► resolved ─► resolved-orders
 *
 * What there is to see here:
 * 1. A keyed processor is a class. What it declares with `value` (or `list`, or `map`) is kept for each order, and is there again
 *    after a crash or on another machine; so are the timers that it sets.
 * 2. A timer by event time fires when the orders say that its time has come, not when the clock does: a file of last year's
 *    orders is judged in seconds, with the same result.
 * 3. In a quiet night no order says so. `idle: 'wall-clock'` lets the clock move the time on while there is nothing to read.
 * 4. Events may come out of order, by a minute here: a payment that overtakes its order is kept until the order is there, and
 *    forgotten when there never is one.
 */
import {
  defineTopology,
  type KeyedContext,
  KeyedProcessor,
  minutes,
  serdes,
  type TimerContext,
  topic,
} from '../streams/index.ts'

export interface OrderEvent {
  readonly kind: 'placed' | 'paid'
  /** Epoch milliseconds. */
  readonly time: number
}

export interface UnpaidOrder {
  readonly order: string
  readonly placedTime: number
}

export interface ResolvedOrder extends UnpaidOrder {
  readonly paidTime: number
}

/** What is kept of an order. */
interface OpenOrder {
  readonly placedTime: number
  readonly isReported: boolean
}

/** Keyed by order, as are all the topics here. */
export const orderEvents = topic('order-events', {
  key: serdes.string,
  value: serdes.json<OrderEvent>(),
})
export const unpaidOrders = topic('unpaid-orders', {
  key: serdes.string,
  value: serdes.json<UnpaidOrder>(),
})
export const resolvedOrders = topic('resolved-orders', {
  key: serdes.string,
  value: serdes.json<ResolvedOrder>(),
})

export class UnpaidTimeout extends KeyedProcessor<string, OrderEvent, UnpaidOrder> {
  readonly resolved = this.output<ResolvedOrder>()
  /** Until it is paid. */
  private readonly open = this.value('open', serdes.json<OpenOrder>())
  /** When it was paid, if that came first. */
  private readonly paidTime = this.value('paid-time', serdes.long, { ttlMs: minutes(60) })
  private readonly limitMs: number

  constructor(limitMs: number) {
    super()
    this.limitMs = limitMs
  }

  override process({ kind, time }: OrderEvent, context: KeyedContext<string, UnpaidOrder>): void {
    if (kind === 'placed') this.placed(time, context)
    else this.paid(time, context)
  }

  override onTimer(_timeMs: number, context: TimerContext<string, UnpaidOrder>): void {
    const order = this.open.get()
    if (order !== undefined) this.report(order, context)
  }

  private placed(time: number, { timers }: KeyedContext<string, UnpaidOrder>): void {
    if (this.paidTime.get() !== undefined) {
      this.paidTime.clear()
      return
    }
    this.open.set({ placedTime: time, isReported: false })
    timers.eventTime(time + this.limitMs)
  }

  private paid(paidTime: number, context: KeyedContext<string, UnpaidOrder>): void {
    const order = this.open.get()
    if (order === undefined) {
      this.paidTime.set(paidTime)
      return
    }
    const { placedTime } = order
    const dueTime = placedTime + this.limitMs
    context.timers.cancelEventTime(dueTime)
    if (paidTime >= dueTime) {
      // The payment may have come before the time at which the timer fires.
      if (!order.isReported) this.report(order, context)
      this.resolved.forward({ order: context.key, placedTime, paidTime })
    }
    this.open.clear()
  }

  private report({ placedTime }: OpenOrder, context: KeyedContext<string, UnpaidOrder>): void {
    this.open.set({ placedTime, isReported: true })
    context.forward({ order: context.key, placedTime }, placedTime + this.limitMs)
  }
}

export const unpaidOrderWatch = defineTopology('unpaid-order-watch', (builder) => {
  const { main, resolved } = builder
    .stream(orderEvents, {
      timestamp: ({ time }) => time,
      disorderMs: minutes(1),
      idle: 'wall-clock',
    })
    .groupByKey()
    .process('unpaid', () => new UnpaidTimeout(minutes(30)))
  main.to(unpaidOrders)
  resolved.to(resolvedOrders)
})
