/** Stage 2: repeats dropped, orders validated, headers and lines split. README.md tells what it shows. */
import {
  type OrderLine,
  type OrderProcessed,
  type OrderRejected,
  orderMemorySchema,
} from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import {
  avro,
  defineTopology,
  type KStream,
  keyValueStore,
  output,
  StreamsError,
  serdes,
  type Topology,
} from '../../streams/index.ts'
import { type CleanseSettings, cleanseOrder } from './cleanse-order.ts'
import { defaultMemoryLimits, type MemoryLimits } from './memory.ts'

/** A return after a year still finds its order. */
export const defaultOrderMemoryMs = 400 * 24 * 60 * 60 * 1000

export interface CleanseOptions extends CleanseSettings {
  /**
   * How long an order is remembered after its last event, by the time of the records that follow; 400 days by default.
   * An order seen again after that counts as new. Not less than the time for which its repeats are remembered.
   */
  readonly orderMemoryMs?: number
  /** Connect what the stage writes to where it is to be kept, such as a database. */
  readonly store?: {
    headers(headers: KStream<string, OrderProcessed>): void
    lines(lines: KStream<string, OrderLine>): void
    rejections(rejections: KStream<string | null, OrderRejected>): void
  }
}

export const repeatCountKey = 'repeats'

/** @throws CONFIGURATION_INVALID when orders would be forgotten before their repeats */
export function cleanse({
  store,
  orderMemoryMs = defaultOrderMemoryMs,
  ...settings
}: CleanseOptions = {}): Topology {
  const stores = storesOf(orderMemoryMs, settings.memory ?? defaultMemoryLimits)
  return defineTopology('cleanse', (builder) => {
    const { headers, lines, rejections } = builder.stream(topics.orderParsed).process('cleanse', {
      stores,
      outputs: {
        headers: output<string, OrderProcessed>(),
        lines: output<string, OrderLine>(),
        rejections: output<string | null, OrderRejected>(),
      },
      create:
        ({ stores: { memory, repeats }, outputs, record }) =>
        (key, order) => {
          const cleansed = cleanseOrder(order, record, (orderId) => memory.get(orderId), settings)
          switch (cleansed.kind) {
            case 'rejected':
              return outputs.rejections(key, cleansed.rejection)
            case 'repeat':
              return repeats.put(repeatCountKey, (repeats.get(repeatCountKey) ?? 0) + 1)
            case 'clean':
              // Not by the event's own time: orders of years ago that are sent today are remembered from today on.
              memory.put(cleansed.header.order_id, cleansed.memory, record.streamTimeMs)
              outputs.headers(cleansed.header.user_id, cleansed.header)
              for (const line of cleansed.lines) outputs.lines(line.user_id, line)
          }
        },
    })
    headers.to(topics.orderProcessed)
    lines.to(topics.orderLine)
    rejections.to(topics.orderRejected)

    store?.headers(builder.stream(topics.orderProcessed))
    store?.lines(builder.stream(topics.orderLine))
    store?.rejections(builder.stream(topics.orderRejected))
  })
}

function storesOf(orderMemoryMs: number, { retentionMs }: MemoryLimits) {
  if (orderMemoryMs < retentionMs) {
    throw new StreamsError(
      'CONFIGURATION_INVALID',
      `orderMemoryMs is ${orderMemoryMs}, less than the ${retentionMs} ms for which repeats are remembered: raise it to that at least`,
    )
  }
  return {
    /** By order id: what tells repeats, late events and lines that went. */
    memory: keyValueStore({
      name: 'order-memory',
      key: serdes.string,
      value: avro(orderMemorySchema),
      ttlMs: orderMemoryMs,
    }),
    /** How many repeats were dropped, by the partition's only key. */
    repeats: keyValueStore({ name: 'repeat-count', key: serdes.string, value: serdes.long }),
  }
}
