/**
 * Order events in the order of their times, whatever order they come in.
 *
 * Invariants:
 * 1. An event waits until the watermark has passed its time, under a timer of its own. Timers fire by time and then by name, so
 *    events of one time come by order, and those of one order as they follow each other in a life: what time does not tell must
 *    not hang on what came first.
 * 2. An event that comes behind the watermark is late: it is passed on at once, at the newest time that was seen, so that what
 *    is remembered by it is remembered from now on.
 */
import {
  type OrderProcessed,
  orderProcessedSchema,
  orderStatusSymbols,
} from '../../schemas/generated/records.ts'
import { avro, type KeyedContext, KeyedProcessor, serdes, type TimerContext } from '../../streams/index.ts'

export interface TimedOrder {
  readonly order: OrderProcessed
  /** What came after it in time was judged before. */
  readonly late: boolean
}

export class InOrder extends KeyedProcessor<string, OrderProcessed, TimedOrder> {
  private readonly waiting = this.map('waiting', { key: serdes.string, value: avro(orderProcessedSchema) })

  override process(order: OrderProcessed, context: KeyedContext<string, TimedOrder>): void {
    const { order_id, event_number, order_time, status } = order
    if (order_time < context.watermarkMs) {
      context.forward({ order, late: true }, context.record.streamTimeMs)
      return
    }
    const name = `${order_id}/${orderStatusSymbols.indexOf(status)}/${event_number}`
    this.waiting.set(name, order)
    context.timers.eventTime(order_time + 1, name)
  }

  override onTimer(timeMs: number, { name, forward }: TimerContext<string, TimedOrder>): void {
    const order = this.waiting.get(name)
    if (order === undefined) return
    this.waiting.delete(name)
    forward({ order, late: false }, timeMs - 1)
  }
}
