/** Stage 3: orders counted in windows of time. README.md tells what it shows. */
import {
  type OrderLine,
  type OrderProcessed,
  type OrderStatistic,
  orderProductsSchema,
  orderStatusesSchema,
} from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import {
  avro,
  countWindow,
  days,
  defineTopology,
  hours,
  type KStream,
  type KTable,
  keyValueStore,
  minutes,
  output,
  type SourceTiming,
  seconds,
  serdes,
  session,
  sliding,
  type Topology,
  tumbling,
  type Windowed,
} from '../../streams/index.ts'
import {
  lastHourRows,
  milestoneRow,
  periodRows,
  productRows,
  sessionRow,
  statisticKey,
  statusRows,
  userRows,
} from './rows.ts'
import {
  milestoneTotals,
  orderTotals,
  productTotals,
  type SoldLine,
  type StatusEvent,
  statusTotals,
} from './totals.ts'

export interface StatisticsSettings {
  /** How the orders' time passes: their disorder, and what a partition without orders does to it. */
  readonly timing: SourceTiming
  /** How long minutes, hours and sessions take late orders after their end, and correct their rows. */
  readonly graceMs: number
  /** The same of the hour up to each order, which has a window for each. */
  readonly lastHourGraceMs: number
  /** Orders of a user that lie further apart belong to different sessions. */
  readonly sessionGapMs: number
  /** So many orders are a batch. */
  readonly milestoneOrders: number
  /** How long the statuses of an order are remembered after its last event, by the time of the records that follow. */
  readonly orderMemoryMs: number
}

export const defaultStatisticsSettings: StatisticsSettings = {
  timing: { disorderMs: minutes(1), idle: 'ignore', idleAfterMs: seconds(5) },
  graceMs: days(31),
  lastHourGraceMs: days(1),
  sessionGapMs: minutes(30),
  milestoneOrders: 100,
  orderMemoryMs: days(400),
}

export interface StatisticsOptions extends Partial<StatisticsSettings> {
  /** Connects the rows to where they are to be kept, such as a database. */
  readonly store?: (statistics: KStream<string, OrderStatistic>) => void
}

export function statistics({ store, ...options }: StatisticsOptions = {}): Topology {
  const settings = { ...defaultStatisticsSettings, ...options }
  const { timing, graceMs } = settings
  const perMinute = tumbling(minutes(1)).grace(graceMs)
  const perHour = tumbling(hours(1)).grace(graceMs)

  return defineTopology('statistics', (builder) => {
    const events = builder.stream(topics.orderProcessed, {
      ...timing,
      timestamp: ({ order_time }) => order_time,
    })
    const lines = builder.stream(topics.orderLine, { ...timing, timestamp: ({ order_time }) => order_time })
    // An order counts once, at its first event.
    const orders = events.filter(({ event_number }) => event_number === 1, 'first-event')

    const byCurrency = orders.groupBy(({ currency }) => currency, serdes.string)
    const minuteTotals = byCurrency
      .windowedBy(perMinute)
      .aggregate(orderTotals, { store: 'orders-per-minute' })
    write(minuteTotals, (window, totals) => periodRows('MINUTE', window, totals))
    const hourTotals = byCurrency.windowedBy(perHour).aggregate(orderTotals, { store: 'orders-per-hour' })
    write(hourTotals, (window, totals) => periodRows('HOUR', window, totals))

    const byUser = orders.groupByKey()
    write(byUser.windowedBy(perHour).aggregate(orderTotals, { store: 'orders-per-user' }), userRows)
    const lastHour = sliding(hours(1)).grace(settings.lastHourGraceMs)
    write(byUser.windowedBy(lastHour).aggregate(orderTotals, { store: 'last-hour-of-user' }), lastHourRows)
    const sessions = session(settings.sessionGapMs).grace(graceMs)
    byUser
      .windowedBy(sessions)
      .aggregate(orderTotals, { store: 'sessions-of-user' })
      .toStream()
      .flatMap((window, totals) => keyed([sessionRow(window, totals)]))
      .to(topics.orderStatistics)

    const byProduct = soldLines(lines).groupBy(({ line }) => line.product_id, serdes.string)
    write(byProduct.windowedBy(perHour).aggregate(productTotals, { store: 'sales-per-product' }), productRows)

    const byStatus = statusEvents(events, settings.orderMemoryMs).groupBy(
      ({ status }) => status,
      serdes.string,
    )
    write(byStatus.windowedBy(perMinute).aggregate(statusTotals, { store: 'events-per-status' }), statusRows)

    // All of them in one place, for they are counted one by one.
    orders
      .selectKey(() => 'all', { name: 'all-orders' })
      .repartition({ name: 'all-orders', key: serdes.string, partitions: 1 })
      .groupByKey()
      .windowedBy(countWindow(settings.milestoneOrders))
      .aggregate(milestoneTotals, { store: 'milestones' })
      .flatMap((_key, batch) => keyed([milestoneRow(batch)]))
      .to(topics.orderStatistics)

    store?.(builder.stream(topics.orderStatistics))
  })
}

/** Sends the rows of each window that changes. */
function write<A>(
  table: KTable<Windowed<string>, A>,
  rowsOf: (window: Windowed<string>, totals: A) => readonly OrderStatistic[],
): void {
  table
    .toStream()
    .flatMap((window, totals) => (totals === null ? [] : keyed(rowsOf(window, totals))))
    .to(topics.orderStatistics)
}

function keyed(rows: readonly OrderStatistic[]): (readonly [string, OrderStatistic])[] {
  return rows.map((row) => [statisticKey(row), row])
}

/** The lines of orders at their first event; of an order with several lines of a product one counts the order. */
function soldLines(lines: KStream<string, OrderLine>): KStream<string, SoldLine> {
  /** By user: an order's lines come one after the other. */
  const products = keyValueStore({
    name: 'order-products',
    key: serdes.string,
    value: avro(orderProductsSchema),
    ttlMs: days(1),
  })
  return lines
    .filter(({ event_number, removed }) => event_number === 1 && !removed, 'first-lines')
    .processValues('count-orders-once', {
      stores: { products },
      outputs: { sold: output<string, SoldLine>() },
      create:
        ({ stores, outputs, record }) =>
        (user, line) => {
          const { order_id, product_id } = line
          const last = stores.products.get(user)
          const counted = last?.order_id === order_id ? last.product_ids : []
          const countsOrder = !counted.includes(product_id)
          if (countsOrder) {
            const product_ids = [...counted, product_id]
            stores.products.put(user, { order_id, product_ids }, record.streamTimeMs)
          }
          outputs.sold(user, { line, countsOrder })
        },
    }).sold
}

/** All events, each with whether its order enters the status by it. */
function statusEvents(
  events: KStream<string, OrderProcessed>,
  orderMemoryMs: number,
): KStream<string, StatusEvent> {
  /** By order. */
  const statuses = keyValueStore({
    name: 'order-statuses',
    key: serdes.string,
    value: avro(orderStatusesSchema),
    ttlMs: orderMemoryMs,
  })
  return events.processValues('enter-status', {
    stores: { statuses },
    outputs: { events: output<string, StatusEvent>() },
    create:
      ({ stores, outputs, record }) =>
      (user, { order_id, status }) => {
        const seen = stores.statuses.get(order_id)?.statuses ?? []
        const enters = !seen.includes(status)
        if (enters) stores.statuses.put(order_id, { statuses: [...seen, status] }, record.streamTimeMs)
        outputs.events(user, { status, enters })
      },
  }).events
}
