/**
 * Detection finds what a simulated shop has planned, exactly that, whatever happens on the way: however late, often and
 * dirty the events come in, in whatever parts, over how many partitions, and however processes stop, share the work, and
 * crash in the middle of a commit.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { remarkable } from '../../api/simulator/customers.ts'
import { quietOrder } from '../../api/simulator/quiet-order.ts'
import { remarkableOrders } from '../../api/simulator/remarkable-orders.ts'
import {
  type SimulatedEvent,
  type SimulationOptions,
  simulateOrders,
} from '../../api/simulator/simulate-orders.ts'
import type { OrderAnomaly, UserBehavior } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { minutes, type Topology } from '../../streams/index.ts'
import { MemoryRegistry } from '../../streams/testing/index.ts'
import { cleanse } from '../../topologies/cleanse/topology.ts'
import { defaultThresholds } from '../../topologies/detection/rules.ts'
import { detection } from '../../topologies/detection/topology.ts'
import { ingest } from '../../topologies/ingest/topology.ts'
import { cleansed } from '../support/cleansed-orders.ts'
import {
  alertsIn,
  type FoundAlert,
  grouped,
  historyIn,
  inOrder,
  type OrderEvent,
  orderEventOf,
  type Step,
} from '../support/detection-oracle.ts'
import {
  arbitraryEnding,
  arbitraryParts,
  type Ending,
  encoderOf,
  type Given,
  type Part,
  TopologyWorld,
} from '../support/several-topologies.ts'

const disorderMs = minutes(1)

/** Time passes by the orders only: processes here are often without any for as long as the test likes. */
function detecting(): Topology {
  return detection({ timing: { disorderMs, idle: 'wait', idleAfterMs: 1 } })
}

type Counts = Readonly<Record<keyof typeof remarkableOrders, number>>

function countsUpTo(max: number): fc.Arbitrary<Counts> {
  const count = fc.nat({ max })
  return fc.record({
    bursts: count,
    unpaid: count,
    'paid-late': count,
    illegal: count,
    large: count,
    'repeat-purchases': count,
    escalating: count,
    'near-misses': count,
  })
}

const trouble = fc.record({
  seed: fc.nat({ max: 2 ** 31 - 1 }),
  ordersPerSecond: fc.constantFrom(0.02, 0.2, 20),
  lateShare: fc.constantFrom(0, 0.1, 0.6),
  maxLatenessMs: fc.constantFrom(500, disorderMs),
  repeatShare: fc.constantFrom(0, 0.2),
  dirtyShare: fc.constantFrom(0, 0.2),
})

async function processedFrom(events: Iterable<SimulatedEvent>, registry: MemoryRegistry): Promise<Given[]> {
  const encode = await encoderOf(topics.orderProcessed, registry)
  return cleansed(events).map(({ header }) => encode(header.user_id, header, header.order_time))
}

function rawFrom(events: Iterable<SimulatedEvent>): Given[] {
  return Array.from(events, ({ bytes, orderId, timeMs }) => ({
    topic: topics.orderRaw.name,
    key: userOf(bytes) ?? orderId,
    value: bytes,
    timestampMs: timeMs,
  }))
}

/** Null where the event is no order, or names no user. */
function userOf(bytes: Buffer): string | null {
  try {
    const { user_id } = JSON.parse(bytes.toString('utf8'))
    return typeof user_id === 'string' ? user_id : null
  } catch {
    return null
  }
}

interface Found {
  readonly alerts: readonly FoundAlert[]
  readonly anomalies: readonly OrderAnomaly[]
  readonly history: readonly Step[]
  readonly profiles: ReadonlyMap<string, Profile>
}

type Profile = Omit<UserBehavior, 'user_id' | 'favorite_products'>

interface Run {
  readonly topologies: () => readonly Topology[]
  readonly partitions: number
  readonly input: readonly Given[]
  readonly registry: MemoryRegistry
  readonly parts: readonly Part[]
  readonly last: Ending
}

async function foundIn({ parts, last, ...options }: Run): Promise<Found> {
  const world = await TopologyWorld.open(options)
  for (const part of parts) await world.work(part)
  await world.finish(last)
  const anomalies = await world.read(topics.orderAnomaly)
  const history = await world.read(topics.orderStatusHistory)
  const behavior = await world.read(topics.userBehavior)
  return {
    alerts: inOrder(
      anomalies.map(({ value: { type, order_id, user_id, event_time } }) => ({
        type,
        orderId: order_id,
        userId: user_id,
        timeMs: event_time,
      })),
    ),
    anomalies: anomalies
      .map(({ value }) => value)
      .sort((a, b) => (a.anomaly_id < b.anomaly_id ? -1 : a.anomaly_id === b.anomaly_id ? 0 : 1)),
    history: sortedSteps(
      history.map(({ value: { order_id, sequence, from_status, to_status, event_time, legal } }) => ({
        orderId: order_id,
        sequence,
        from: from_status,
        to: to_status,
        timeMs: event_time,
        legal: legal === true,
      })),
    ),
    // The newest of each user.
    profiles: new Map(behavior.map(({ key, value: { user_id, favorite_products, ...own } }) => [key, own])),
  }
}

function sortedSteps(steps: readonly Step[]): Step[] {
  return [...steps].sort((a, b) =>
    a.orderId === b.orderId ? a.sequence - b.sequence : a.orderId < b.orderId ? -1 : 1,
  )
}

function soundOf(events: readonly SimulatedEvent[]): OrderEvent[] {
  return events.filter(({ fault }) => fault === null).map(({ bytes }) => orderEventOf(bytes))
}

function expectFound(found: Found, alerts: readonly FoundAlert[], events: readonly SimulatedEvent[]): void {
  const sound = soundOf(events)
  expect(found.alerts).toEqual(inOrder(alerts))
  expect(new Set(idsOf(found)).size).toBe(found.anomalies.length)
  expect(found.history).toEqual(sortedSteps(historyIn(sound)))
  expect(found.profiles).toEqual(profilesOf(sound))
}

function idsOf({ anomalies }: Found): string[] {
  return anomalies.map(({ anomaly_id }) => anomaly_id)
}

/** The newest time that had been seen is another one when more comes at a time. */
function withoutDetection({ anomalies }: Found): Omit<OrderAnomaly, 'detected_time'>[] {
  return anomalies.map(({ detected_time, ...anomaly }) => anomaly)
}

function profilesOf(events: readonly OrderEvent[]): Map<string, Profile> {
  const byTime = [...events].sort((a, b) => a.timeMs - b.timeMs)
  const orders = grouped(byTime, ({ orderId }) => orderId).map(([first]) => first!)
  return new Map(grouped(orders, ({ userId }) => userId).map((own) => [own[0]!.userId, profileOf(own)]))
}

function profileOf(orders: readonly OrderEvent[]): Profile {
  const byCurrency = grouped(orders, ({ currency }) => currency)
  const most = Math.max(...byCurrency.map(({ length }) => length))
  const currency = byCurrency
    .filter(({ length }) => length === most)
    .map(([first]) => first!.currency)
    .sort()[0]!
  const own = orders.filter((order) => order.currency === currency)
  const [first_seen, last_seen] = [orders[0]!.timeMs, orders.at(-1)!.timeMs]
  return {
    order_count: orders.length,
    total_amount: own.reduce((sum, { total }) => sum + total, 0),
    currency,
    average_gap_ms: orders.length === 1 ? null : Math.round((last_seen - first_seen) / (orders.length - 1)),
    first_seen,
    last_seen,
  }
}

function planned(counts: Counts, options: SimulationOptions) {
  const occurrences = Object.entries(remarkableOrders).map(([name, scenario]) => ({
    scenario,
    count: counts[name as keyof Counts],
  }))
  const events = [...simulateOrders({ ...options, scenarios: [quietOrder], occurrences })]
  return { events, alerts: events.flatMap(({ alerts }) => alerts) }
}

describe('detection', { timeout: 300_000 }, () => {
  it('should find all that was planned and nothing else, whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        countsUpTo(2),
        trouble,
        fc.integer({ min: 1, max: 4 }),
        arbitraryParts(60, 5),
        arbitraryEnding,
        async (counts, options, partitions, parts, last) => {
          const { events, alerts } = planned(counts, { ...options, orders: 40, shop: { users: 30 } })
          const registry = new MemoryRegistry()
          const input = await processedFrom(events, registry)
          const run = { topologies: () => [detecting()], partitions, input, registry }
          const found = await foundIn({ ...run, parts, last })
          expectFound(found, alerts, events)
          const atOnce = await foundIn({
            ...run,
            partitions: 1,
            parts: [],
            last: { settings: {}, crashes: [] },
          })
          expect(withoutDetection(found)).toEqual(withoutDetection(atOnce))
        },
      ),
      { numRuns: 25 },
    )
  })

  it('should find the same of raw events that all stages pass on, whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        countsUpTo(1),
        trouble,
        fc.integer({ min: 1, max: 3 }),
        arbitraryParts(60, 3),
        arbitraryEnding,
        async (counts, options, partitions, parts, last) => {
          const { events, alerts } = planned(counts, { ...options, orders: 20, shop: { users: 20 } })
          const topologies = () => [ingest(), cleanse(), detecting()]
          const registry = new MemoryRegistry()
          const input = rawFrom(events)
          const found = await foundIn({ topologies, partitions, input, registry, parts, last })
          expectFound(found, alerts, events)
        },
      ),
      { numRuns: 8 },
    )
  })

  it('should find in ordinary traffic of a few users what a plain look at all of it finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        trouble,
        fc.record({ users: fc.integer({ min: 1, max: 20 }), products: fc.constantFrom(5, 500) }),
        arbitraryParts(100, 2),
        arbitraryEnding,
        async (options, shop, parts, last) => {
          const events = [...simulateOrders({ ...options, dirtyShare: 0, orders: 60, shop })]
          const registry = new MemoryRegistry()
          const input = await processedFrom(events, registry)
          const topologies = () => [detecting()]
          const found = await foundIn({ topologies, partitions: 2, input, registry, parts, last })
          expectFound(found, alertsIn(soundOf(events)), events)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('should lose no event that comes too late, and find nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(trouble, arbitraryParts(100, 2), arbitraryEnding, async (options, parts, last) => {
        const late = { ...options, dirtyShare: 0, lateShare: 0.5, maxLatenessMs: minutes(40) }
        const events = [...simulateOrders({ ...late, orders: 40, shop: { users: 8 } })]
        const registry = new MemoryRegistry()
        const input = await processedFrom(events, registry)
        const topologies = () => [detecting()]
        const found = await foundIn({ topologies, partitions: 2, input, registry, parts, last })
        expect(new Set(idsOf(found)).size).toBe(found.anomalies.length)
        const entries = ({ orderId, to, timeMs }: Step) => `${orderId} ${to} ${timeMs}`
        const sound = historyIn(soundOf(events))
        expect(found.history.map(entries).sort()).toEqual(sound.map(entries).sort())
        const numbers = ({ orderId, sequence }: Step) => `${orderId} ${sequence}`
        expect(found.history.map(numbers).sort()).toEqual(sound.map(numbers).sort())
        const counts = (profiles: ReadonlyMap<string, Profile>) =>
          new Map([...profiles].map(([user, { order_count }]) => [user, order_count]))
        expect(counts(found.profiles)).toEqual(counts(profilesOf(soundOf(events))))
      }),
      { numRuns: 10 },
    )
  })

  it('should be planned for by the thresholds that it has by default', () => {
    const { burst, unpaidMs, moreThanAmount, correlationMs, escalation } = remarkable
    expect(defaultThresholds).toEqual({
      'large-order': { amount: moreThanAmount, amounts: {} },
      burst: { max_orders: burst.orders - 1, within_ms: burst.lessThanMs },
      unpaid: { within_ms: unpaidMs },
      'illegal-transition': {},
      'repeat-purchase': { within_ms: correlationMs },
      'escalating-amount': { percent: 100 * escalation.factor, within_ms: correlationMs },
    })
  })
})
