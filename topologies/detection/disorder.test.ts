/** Whatever order events come in, within the disorder that is allowed: the same is found, and it is what a plain list of them says. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type OrderProcessed, orderStatusSymbols } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { minutes, seconds } from '../../streams/index.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import { alertsIn, inOrder, type OrderEvent } from '../../tests/support/detection-oracle.ts'
import { detection } from './topology.ts'

const noon = Date.UTC(2017, 0, 1, 12)
const disorderMs = minutes(10)

/** Few of everything, so that much is found; times are short apart, far apart, and the same. */
const anEvent = fc.record({
  order: fc.nat({ max: 12 }),
  status: fc.constantFrom('CREATED', 'PAID', 'SHIPPED', 'CANCELLED'),
  gapMs: fc.constantFrom(0, 0, 1, seconds(1), seconds(11), seconds(12), minutes(1), minutes(9), minutes(25)),
  total: fc.constantFrom(100, 150, 225, 1_000_000, 1_500_000),
  product: fc.constantFrom('tea', 'milk', 'rice'),
  /** How much later than it took place it comes. */
  delayMs: fc.nat({ max: disorderMs }),
})

type Drawn = typeof anEvent extends fc.Arbitrary<infer E> ? E : never

interface Arriving {
  readonly order: OrderProcessed
  readonly arrivalMs: number
}

/** In the order of their times; users have three orders and more each. */
function eventsOf(drawn: readonly Drawn[]): Arriving[] {
  let timeMs = noon
  const seen = new Set<string>()
  return drawn.flatMap(({ order, status, gapMs, total, product, delayMs }) => {
    timeMs += gapMs
    // What comes twice is dropped by `cleanse`.
    const event = `${order} ${status} ${timeMs}`
    if (seen.has(event)) return []
    seen.add(event)
    const value: OrderProcessed = {
      order_id: String(order).padStart(2, '0'),
      user_id: `user ${order % 2}`,
      store_id: null,
      status,
      currency: order % 3 === 0 ? 'EUR' : 'USD',
      total_amount: total,
      line_count: 1,
      order_time: timeMs,
      placed_time: timeMs,
      event_number: seen.size,
      latest: true,
      warnings: [],
      product_ids: [product],
    }
    return [{ order: value, arrivalMs: timeMs + delayMs }]
  })
}

/** As the topology takes events of one time. */
function inTheirOrder(events: readonly Arriving[]): OrderEvent[] {
  const rank = ({ order_id, status }: OrderProcessed) => `${order_id} ${orderStatusSymbols.indexOf(status)}`
  const sorted = events
    .map(({ order }) => order)
    .sort((a, b) => a.order_time - b.order_time || (rank(a) < rank(b) ? -1 : 1))
  return sorted.map(({ order_id, user_id, status, order_time, currency, total_amount, product_ids }) => ({
    orderId: order_id,
    userId: user_id,
    status,
    timeMs: order_time,
    currency,
    total: total_amount,
    products: product_ids,
  }))
}

describe('detection', () => {
  it('should find what a plain list of the events says, however they come within the disorder', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anEvent, { maxLength: 60 }), async (drawn) => {
        const events = eventsOf(drawn)
        const timing = { disorderMs, idle: 'wait', idleAfterMs: 0 } as const
        const driver = await TopologyTestDriver.open(detection({ timing }), { partitions: 2 })
        try {
          for (const { order } of events.toSorted((a, b) => a.arrivalMs - b.arrivalMs)) {
            const record = { key: order.user_id, value: order, timestampMs: order.order_time }
            await driver.write(topics.orderProcessed, record)
            if (order.event_number % 5 === 0) await driver.run()
          }
          await driver.run()
          await driver.endInput()
          const found = (await driver.read(topics.orderAnomaly)).map(({ value }) => ({
            type: value.type,
            orderId: value.order_id,
            userId: value.user_id,
            timeMs: value.event_time,
          }))
          expect(inOrder(found)).toEqual(alertsIn(inTheirOrder(events)))
        } finally {
          await driver.close()
        }
      }),
      { numRuns: 40 },
    )
  })
})
