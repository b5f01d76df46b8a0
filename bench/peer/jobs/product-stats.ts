/** Per product and minute: the number of lines and the sum of quantity × price; lines are summed up before the network. */
import { type KStream, serdes } from '../../../streams/index.ts'
import type { Order, OrderLine } from '../schemas/generated/records.ts'
import { perMinute, statsOf, writeStats } from './stats.ts'

export function productStats(orders: KStream<string, Order>, outputTopic: string): void {
  const totals = orders
    .flatMapValues(({ lines }) => lines)
    .groupBy(({ productId }) => productId, serdes.string)
    .windowedBy(perMinute)
    .aggregate(
      statsOf(({ quantity, priceCents }: OrderLine) => quantity * priceCents),
      { store: 'stats-per-product' },
    )
  writeStats(totals, outputTopic)
}
