/** Large orders, and the sixth of six orders in a row that a user places within less than a minute, in the topic's order. */
import { avro, type KStream, keyValueStore, output, serdes, topic } from '../../../streams/index.ts'
import { type Anomaly, anomalySchema, type Order, recentOrdersSchema } from '../schemas/generated/records.ts'

const largeCents = 1_000_000
const burstOrders = 6
const burstMs = 60_000

/** By user: the times of up to five orders before. */
const recent = keyValueStore({ name: 'recent-orders', key: serdes.string, value: avro(recentOrdersSchema) })

export function burst(orders: KStream<string, Order>, outputTopic: string): void {
  orders
    .processValues('find-bursts', {
      stores: { recent },
      outputs: { anomalies: output<string, Anomaly>() },
      create:
        ({ stores, outputs }) =>
        (user, order) => {
          const { orderId, userId, eventTime } = order
          if (order.amountCents > largeCents)
            outputs.anomalies(user, { kind: 'LARGE', orderId, userId, eventTime })
          const times = stores.recent.get(user)?.times.concat(eventTime) ?? [eventTime]
          if (times.length === burstOrders && spanMs(times) < burstMs) {
            stores.recent.delete(user)
            outputs.anomalies(user, { kind: 'BURST', orderId, userId, eventTime })
            return
          }
          if (times.length === burstOrders) times.shift()
          stores.recent.put(user, { times })
        },
    })
    .anomalies.to(topic(outputTopic, { key: serdes.string, value: avro(anomalySchema) }))
}

function spanMs(times: readonly number[]): number {
  let first = Number.POSITIVE_INFINITY
  let last = 0
  for (const time of times) {
    if (time < first) first = time
    if (time > last) last = time
  }
  return last - first
}
