/** Per user and minute: the number of orders and the sum of their amounts. */
import type { KStream } from '../../../streams/index.ts'
import type { Order } from '../schemas/generated/records.ts'
import { perMinute, statsOf, writeStats } from './stats.ts'

export function minuteStats(orders: KStream<string, Order>, outputTopic: string): void {
  const totals = orders
    .groupByKey()
    .windowedBy(perMinute)
    .aggregate(
      statsOf(({ amountCents }: Order) => amountCents),
      { store: 'stats-per-user' },
    )
  writeStats(totals, outputTopic)
}
