import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assessOrder } from '../../orders/assess-order.ts'
import { parseOrder } from '../../orders/parse-order.ts'
import { RecordError } from '../../streams/index.ts'
import { alertsIn, grouped, inOrder, orderEventOf } from '../../tests/support/detection-oracle.ts'
import { quietOrder } from './quiet-order.ts'
import { remarkableOrders } from './remarkable-orders.ts'
import {
  type Occurrence,
  type SimulatedEvent,
  type SimulationOptions,
  simulateOrders,
} from './simulate-orders.ts'

const receivedTimeMs = Date.UTC(2026, 0, 1)

type Counts = Partial<Record<keyof typeof remarkableOrders, number>>

function occurrencesOf(counts: Counts): Occurrence[] {
  return Object.entries(remarkableOrders).map(([name, scenario]) => ({
    scenario,
    count: counts[name as keyof Counts] ?? 0,
  }))
}

function events(counts: Counts, options: Partial<SimulationOptions> = {}): SimulatedEvent[] {
  const occurrences = occurrencesOf(counts)
  return [...simulateOrders({ seed: 7, orders: 200, scenarios: [quietOrder], occurrences, ...options })]
}

function sound(list: readonly SimulatedEvent[]) {
  return list.filter(({ fault }) => fault === null).map(({ bytes }) => orderEventOf(bytes))
}

function expected(list: readonly SimulatedEvent[]) {
  return inOrder(list.flatMap(({ alerts }) => alerts))
}

function countsOf(alerts: readonly { readonly type: string }[]): Record<string, number> {
  return Object.fromEntries(grouped(alerts, ({ type }) => type).map((all) => [all[0]!.type, all.length]))
}

const everything: Counts = {
  bursts: 3,
  unpaid: 5,
  'paid-late': 2,
  illegal: 13,
  large: 4,
  'repeat-purchases': 3,
  escalating: 2,
  'near-misses': 2,
}

describe('occurrences', () => {
  it('should take place as often as asked', () => {
    expect(countsOf(expected(events(everything)))).toEqual({
      BURST: 3,
      UNPAID_TIMEOUT: 7,
      UNPAID_RESOLVED: 2,
      ILLEGAL_TRANSITION: 13,
      LARGE_ORDER: 4,
      REPEAT_PURCHASE: 3,
      ESCALATING_AMOUNT: 2,
    })
  })

  it('should be all that there is to find, at any seed and rate', () => {
    const counts = fc.record({
      bursts: fc.nat({ max: 4 }),
      unpaid: fc.nat({ max: 4 }),
      'paid-late': fc.nat({ max: 4 }),
      illegal: fc.nat({ max: 4 }),
      large: fc.nat({ max: 4 }),
      'repeat-purchases': fc.nat({ max: 4 }),
      escalating: fc.nat({ max: 4 }),
      'near-misses': fc.nat({ max: 2 }),
    })
    const options = fc.record({
      seed: fc.nat({ max: 2 ** 31 - 1 }),
      orders: fc.nat({ max: 300 }),
      ordersPerSecond: fc.constantFrom(0.01, 0.1, 1, 100),
      // Few users and products, so that chance would find something.
      shop: fc.record({ users: fc.integer({ min: 1, max: 30 }), products: fc.constantFrom(5, 500) }),
    })
    fc.assert(
      fc.property(counts, options, (asked, given) => {
        const list = events(asked, given)
        expect(alertsIn(sound(list))).toEqual(expected(list))
      }),
      { numRuns: 60 },
    )
  })

  it('should leave nothing to find in quiet traffic, of which the ordinary has plenty', () => {
    const shop = { users: 40 }
    expect(alertsIn(sound(events({}, { orders: 2000, shop, ordersPerSecond: 1 })))).toEqual([])
    const ordinary = [...simulateOrders({ seed: 7, orders: 2000, shop, ordersPerSecond: 1 })]
    expect(alertsIn(sound(ordinary)).length).toBeGreaterThan(100)
  })

  it('should let users of quiet traffic come back', () => {
    const orders = new Map(events({}, { ordersPerSecond: 1 }).map((event) => [event.orderId, event]))
    const users = new Set([...orders.values()].map(({ bytes }) => orderEventOf(bytes).userId))
    expect(users.size).toBeLessThan(0.95 * orders.size)
  })

  it('should leave the ordinary traffic what it is without them', () => {
    const times = (list: readonly SimulatedEvent[]) =>
      list
        .filter(({ scenario }) => scenario === 'quiet-order')
        .map(({ timeMs, status }) => `${timeMs} ${status}`)
    expect(times(events(everything))).toEqual(times(events({})))
  })

  it('should be the same however late, repeated and dirty the events are', () => {
    const trouble = { lateShare: 0.3, repeatShare: 0.3, dirtyShare: 0.3, maxLatenessMs: 20_000 }
    const list = events(everything, trouble)
    expect(expected(list)).toEqual(expected(events(everything)))
    expect(alertsIn(sound(list))).toEqual(expected(list))
    for (const { timeMs, arrivalTimeMs, isRepeat } of list)
      if (!isRepeat) expect(arrivalTimeMs - timeMs).toBeLessThanOrEqual(20_000)
  })

  it('should break events on top of the sound ones, of orders that are nothing else', () => {
    const list = events(everything, { dirtyShare: 0.3 })
    const broken = list.filter(({ fault }) => fault !== null)
    expect(list.length - broken.length).toBe(events(everything).length)
    const soundIds = new Set(sound(list).map(({ orderId }) => orderId))
    expect(broken.length).toBeGreaterThan(100)
    for (const { orderId, bytes, fault, alerts } of broken) {
      expect(soundIds).not.toContain(orderId)
      expect(alerts).toEqual([])
      expect(codesOf(bytes)).toContain(fault!.code)
    }
  })

  it('should repeat no status of an order, which would be taken for one event sent twice', () => {
    const list = sound(events(everything))
    expect(new Set(list.map(({ orderId, status }) => `${orderId} ${status}`)).size).toBe(list.length)
  })

  it('should be scattered over the ordinary traffic', () => {
    const list = events({ large: 50 }, { orders: 1000 })
    const starts = list.filter(({ status }) => status === 'CREATED')
    const places = starts.flatMap(({ scenario }, index) => (scenario === 'large-order' ? [index] : []))
    expect(places).toHaveLength(50)
    for (const quarter of [0, 1, 2, 3])
      expect(places.some((place) => Math.floor((4 * place) / starts.length) === quarter)).toBe(true)
  })

  it('should take place in traffic without end, and where there is none', () => {
    let found = 0
    for (const { alerts } of simulateOrders({ seed: 1, occurrences: occurrencesOf({ unpaid: 5 }) })) {
      found += alerts.length
      if (found === 5) break
    }
    expect(expected(events({ unpaid: 5 }, { orders: 0 }))).toHaveLength(5)
  })
})

function codesOf(bytes: Buffer): string[] {
  try {
    const assessment = assessOrder(parseOrder(bytes), receivedTimeMs)
    return assessment.accepted ? [] : assessment.findings.map(({ code }) => code)
  } catch (error) {
    return error instanceof RecordError ? [error.code] : []
  }
}
