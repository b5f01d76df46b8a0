/** Simulated events as `cleanse` hands them on, but without its topology: in the order of their arrival. */
import type { SimulatedEvent } from '../../api/simulator/simulate-orders.ts'
import { parseOrder } from '../../orders/parse-order.ts'
import type { OrderLine, OrderMemory, OrderProcessed } from '../../schemas/generated/records.ts'
import { RecordError } from '../../streams/index.ts'
import { cleanseOrder } from '../../topologies/cleanse/cleanse-order.ts'

export interface CleansedOrder {
  readonly header: OrderProcessed
  readonly lines: readonly OrderLine[]
}

export function cleansed(events: Iterable<SimulatedEvent>): CleansedOrder[] {
  const memory = new Map<string, OrderMemory>()
  const orders: CleansedOrder[] = []
  for (const { bytes, arrivalTimeMs: timestampMs } of events) {
    try {
      const record = { topic: 'order-parsed', partition: 0, offset: 0, timestampMs }
      const result = cleanseOrder(parseOrder(bytes), record, (orderId) => memory.get(orderId))
      if (result.kind !== 'clean') continue
      memory.set(result.header.order_id, result.memory)
      orders.push(result)
    } catch (error) {
      // It goes to the dead letters of `ingest`.
      if (!(error instanceof RecordError)) throw error
    }
  }
  return orders
}
