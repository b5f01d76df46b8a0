/** Stage 1: from the bytes of order events to typed records. README.md tells what it shows. */
import { isPlausibleTime, orderKey } from '../../orders/order-route.ts'
import { defaultParseLimits, type ParseLimits, parseOrder } from '../../orders/parse-order.ts'
import type { OrderParsed } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { defineTopology, type KStream, type Topology } from '../../streams/index.ts'

export interface IngestOptions {
  readonly parseLimits?: ParseLimits
  /** Connects the parsed events to where they are to be kept, such as a database. */
  readonly store?: (events: KStream<string | null, OrderParsed>) => void
}

export function ingest({ parseLimits = defaultParseLimits, store }: IngestOptions = {}): Topology {
  return defineTopology('ingest', (builder) => {
    builder
      .stream(topics.orderRaw)
      .mapValues((bytes) => parseOrder(bytes, parseLimits), 'parse')
      .withTimestamp(eventTime)
      .selectKey((order) => orderKey(order.user_id), { name: 'key-by-user' })
      .to(topics.orderParsed)

    store?.(builder.stream(topics.orderParsed))
  })
}

/** The order's own time, unless that would carry the event time of the whole partition off into the future. */
export function eventTime(order: OrderParsed, recordTimeMs: number): number {
  const timeMs = order.order_time
  return timeMs !== null && isPlausibleTime(timeMs, recordTimeMs) ? timeMs : recordTimeMs
}
