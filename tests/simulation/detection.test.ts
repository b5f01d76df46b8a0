/**
 * Detection finds what a simulated shop has planned, exactly that, whatever happens on the way: however late, often and
 * dirty the events come in, in whatever parts, over how many partitions, and however processes stop, share the work, and
 * crash in the middle of a commit.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quietOrder } from '../../api/simulator/quiet-order.ts'
import { remarkableOrders } from '../../api/simulator/remarkable-orders.ts'
import {
  type Occurrence,
  type SimulatedEvent,
  type SimulationOptions,
  simulateOrders,
} from '../../api/simulator/simulate-orders.ts'
import { topics } from '../../schemas/topics.ts'
import { minutes, type Topology } from '../../streams/index.ts'
import { MemoryRegistry } from '../../streams/testing/index.ts'
import { cleanse } from '../../topologies/cleanse/topology.ts'
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
  arbitraryParts,
  arbitrarySettings,
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

function occurrences(most: number): fc.Arbitrary<Occurrence[]> {
  const one = (scenario: Occurrence['scenario']) =>
    fc.nat({ max: most }).map((count): Occurrence => ({ scenario, count }))
  return fc.tuple(...Object.values(remarkableOrders).map(one))
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
  readonly anomalyIds: readonly string[]
  readonly history: readonly Step[]
  readonly orderCounts: ReadonlyMap<string, number>
}

interface Run {
  readonly topologies: () => readonly Topology[]
  readonly partitions: number
  readonly input: readonly Given[]
  readonly registry: MemoryRegistry
  readonly parts: readonly Part[]
  readonly last: Part['settings']
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
    anomalyIds: anomalies.map(({ value }) => value.anomaly_id),
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
    orderCounts: new Map(behavior.map(({ key, value }) => [key, value.order_count])),
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
  expect(new Set(found.anomalyIds).size).toBe(found.anomalyIds.length)
  expect(found.history).toEqual(sortedSteps(historyIn(sound)))
  const orders = grouped(sound, ({ orderId }) => orderId).map(([first]) => first!)
  const counts = grouped(orders, ({ userId }) => userId).map((own) => [own[0]!.userId, own.length] as const)
  expect(found.orderCounts).toEqual(new Map(counts))
}

function planned(options: SimulationOptions): { events: SimulatedEvent[]; alerts: FoundAlert[] } {
  const events = [...simulateOrders({ ...options, scenarios: [quietOrder] })]
  return { events, alerts: events.flatMap(({ alerts }) => alerts) }
}

describe('detection', { timeout: 300_000 }, () => {
  it('should find all that was planned and nothing else, whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        occurrences(2),
        trouble,
        fc.integer({ min: 1, max: 4 }),
        arbitraryParts(60, 5),
        arbitrarySettings,
        async (asked, options, partitions, parts, last) => {
          const { events, alerts } = planned({
            ...options,
            occurrences: asked,
            orders: 40,
            shop: { users: 30 },
          })
          const registry = new MemoryRegistry()
          const input = await processedFrom(events, registry)
          const topologies = () => [detecting()]
          const found = await foundIn({ topologies, partitions, input, registry, parts, last })
          expectFound(found, alerts, events)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('should find the same of raw events that all stages pass on, whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        occurrences(1),
        trouble,
        fc.integer({ min: 1, max: 3 }),
        arbitraryParts(60, 3),
        arbitrarySettings,
        async (asked, options, partitions, parts, last) => {
          const { events, alerts } = planned({
            ...options,
            occurrences: asked,
            orders: 20,
            shop: { users: 20 },
          })
          const topologies = () => [ingest(), cleanse(), detecting()]
          const registry = new MemoryRegistry()
          const input = rawFrom(events)
          const found = await foundIn({ topologies, partitions, input, registry, parts, last })
          expectFound(found, alerts, events)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('should find in ordinary traffic of a few users what a plain look at all of it finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        trouble,
        fc.record({ users: fc.integer({ min: 1, max: 20 }), products: fc.constantFrom(5, 500) }),
        arbitraryParts(100, 2),
        arbitrarySettings,
        async (options, shop, parts, last) => {
          const events = [...simulateOrders({ ...options, dirtyShare: 0, orders: 60, shop })]
          const registry = new MemoryRegistry()
          const input = await processedFrom(events, registry)
          const topologies = () => [detecting()]
          const found = await foundIn({ topologies, partitions: 2, input, registry, parts, last })
          expectFound(found, alertsIn(soundOf(events)), events)
        },
      ),
      { numRuns: 25 },
    )
  })
})
