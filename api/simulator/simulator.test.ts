import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assessOrder } from '../../orders/assess-order.ts'
import { badOrders } from '../../orders/bad-orders.ts'
import { parseOrder } from '../../orders/parse-order.ts'
import { RecordError } from '../../streams/index.ts'
import { ManualClock } from '../../streams/testing/index.ts'
import { openOrderLog, recordsOf } from '../../tests/support/order-log.ts'
import { startOrderApi } from '../http-server.ts'
import { OrderIngestion } from '../ingestion.ts'
import { EventQueue } from './event-queue.ts'
import { type EventSink, httpSink, ingestionSink } from './event-sinks.ts'
import { runSimulation } from './run-simulation.ts'
import type { Scenario } from './scenario.ts'
import { type SimulatedEvent, type SimulationOptions, simulateOrders } from './simulate-orders.ts'

const receivedTimeMs = Date.UTC(2026, 0, 1)

function events(options: Partial<SimulationOptions> = {}): SimulatedEvent[] {
  return [...simulateOrders({ seed: 7, orders: 200, ...options })]
}

function digest(list: readonly SimulatedEvent[]): string {
  const hash = createHash('sha256')
  for (const { bytes, arrivalTimeMs } of list) hash.update(bytes).update(`\n${arrivalTimeMs}\n`)
  return hash.digest('hex')
}

describe('simulateOrders', () => {
  it('should give the same bytes for the same seed, and others for another', () => {
    const dirt = { dirtyShare: 0.1, repeatShare: 0.1, lateShare: 0.1 }
    expect(digest(events(dirt))).toBe(digest(events(dirt)))
    expect(digest(events(dirt))).not.toBe(digest(events({ ...dirt, seed: 8 })))
    // Whoever changes what a seed gives breaks everyone's recorded runs: do it knowingly.
    expect(digest(events(dirt)).slice(0, 16)).toBe('c01145fdda3d0c7c')
  })

  it('should make clean orders only, when nothing is to be dirty', () => {
    for (const { bytes, fault, orderId, timeMs } of events()) {
      const assessment = assessOrder(parseOrder(bytes), receivedTimeMs)
      expect(assessment).toMatchObject({ accepted: true, order: { order_id: orderId, order_time: timeMs } })
      expect(fault).toBeNull()
    }
  })

  it('should lead orders along legal transitions, to every end', () => {
    const legal: Record<string, string[]> = {
      CREATED: ['PAID', 'CANCELLED'],
      PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
      SHIPPED: ['DELIVERED', 'REFUNDED'],
      DELIVERED: ['COMPLETED', 'REFUNDED'],
      COMPLETED: ['REFUNDED'],
    }
    const lives = new Map<string, string[]>()
    for (const { orderId, status } of events({ orders: 1000 })) {
      lives.set(orderId, [...(lives.get(orderId) ?? []), status])
    }
    expect(lives.size).toBe(1000)
    const ends = new Set<string>()
    for (const life of lives.values()) {
      expect(life[0]).toBe('CREATED')
      for (let i = 1; i < life.length; i++) expect(legal[life[i - 1]!]).toContain(life[i])
      ends.add(life.at(-1)!)
    }
    expect(ends).toEqual(
      new Set(['CREATED', 'PAID', 'SHIPPED', 'DELIVERED', 'COMPLETED', 'CANCELLED', 'REFUNDED']),
    )
  })

  it('should break as many events as asked, each in the way that it says', () => {
    const list = events({ dirtyShare: 0.2 })
    const dirty = list.filter(({ fault }) => fault !== null)
    expect(dirty.length / list.length).toBeGreaterThan(0.15)
    expect(dirty.length / list.length).toBeLessThan(0.25)
    for (const { bytes, fault } of dirty) {
      let codes: string[]
      try {
        const assessment = assessOrder(parseOrder(bytes), receivedTimeMs)
        codes = assessment.accepted ? [] : assessment.findings.map(({ code }) => code)
      } catch (error) {
        codes = error instanceof RecordError ? [error.code] : []
      }
      expect(codes).toContain(fault!.code)
    }
  })

  it('should let events come in the order of their arrival, some of them late', () => {
    const list = events({ lateShare: 0.3, maxLatenessMs: 5000 })
    for (let i = 1; i < list.length; i++)
      expect(list[i]!.arrivalTimeMs).toBeGreaterThanOrEqual(list[i - 1]!.arrivalTimeMs)
    const late = list.filter(({ timeMs, arrivalTimeMs }) => arrivalTimeMs > timeMs)
    expect(late.length / list.length).toBeCloseTo(0.3, 1)
    for (const { timeMs, arrivalTimeMs } of late) expect(arrivalTimeMs - timeMs).toBeLessThanOrEqual(5000)
  })

  it('should repeat events byte for byte', () => {
    const list = events({ repeatShare: 0.2 })
    const sent = new Set<string>()
    for (const { bytes, isRepeat } of list) {
      expect(sent.has(bytes.toString())).toBe(isRepeat)
      sent.add(bytes.toString())
    }
    expect(list.some(({ isRepeat }) => isRepeat)).toBe(true)
  })

  it('should begin orders at the rate asked', () => {
    const list = events({ orders: 2000, ordersPerSecond: 50 })
    const created = list.filter(({ status }) => status === 'CREATED')
    const seconds = (created.at(-1)!.timeMs - created[0]!.timeMs) / 1000
    expect(created.length / seconds).toBeCloseTo(50, -1)
  })

  it('should never end when it is not told how many orders', () => {
    let taken = 0
    for (const _ of simulateOrders({ seed: 1 })) if (++taken === 5000) break
    expect(taken).toBe(5000)
  })

  it('should weave other scenarios in, by weight, under their names', () => {
    const rush: Scenario = {
      name: 'rush',
      weight: 3,
      plan: ({ startTimeMs }) =>
        [0, 1, 2].map((second) => ({
          userId: 'hasty',
          storeId: 'store-1',
          currency: 'USD',
          lines: [{ productId: 'p', quantity: 1, amount: 100 }],
          events: [{ status: 'PAID', timeMs: startTimeMs + second * 1000 }],
        })),
    }
    const calm: Scenario = { ...rush, name: 'calm', weight: 1 }
    const list = events({ scenarios: [rush, calm], orders: 3000 })
    const share = list.filter(({ scenario }) => scenario === 'rush').length / list.length
    expect(share).toBeCloseTo(0.75, 1)
    expect(new Set(list.map(({ orderId }) => orderId)).size).toBe(list.length)
  })
})

describe('EventQueue', () => {
  it('should give events by time, and equal ones as they came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (times) => {
        const added = times.map((arrivalTimeMs, number) => ({ arrivalTimeMs, number }))
        const queue = new EventQueue<{ arrivalTimeMs: number; number: number }>()
        for (const event of added) queue.add(event)
        const taken = added.map(() => queue.take())
        expect(taken).toEqual([...added].sort((a, b) => a.arrivalTimeMs - b.arrivalTimeMs))
        expect(queue.take()).toBeUndefined()
      }),
    )
  })
})

describe('runSimulation', () => {
  const simulated = { seed: 3, orders: 40, dirtyShare: 0.2, repeatShare: 0.1 }

  it('should send everything into the log', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic: 'order-raw' })
    const result = await runSimulation(simulateOrders(simulated), ingestionSink(ingestion), {
      clock,
      pace: 'unlimited',
    })
    const all = [...simulateOrders(simulated)]
    expect(result.events).toBe(all.length)
    expect(result.accepted + result.duplicates).toBe(all.length)
    expect(await recordsOf(log, 'order-raw')).toHaveLength(result.accepted)
  })

  it('should send everything to an Order API, which refuses what is broken', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic: 'order-raw' })
    const api = await startOrderApi({ ingestion, clock, port: 0 })
    // A list of one order is broken as a line of a file, and fine as a request.
    const faults = badOrders.filter(({ name }) => name !== 'a list of orders')
    const all = [...simulateOrders({ ...simulated, faults })]
    const result = await runSimulation(all, httpSink(api.url), { clock, pace: 'unlimited', batchEvents: 50 })
    await api.close()
    expect(result.refused).toBe(all.filter(({ fault }) => fault !== null).length)
    expect(result.duplicates).toBe(all.filter(({ fault, isRepeat }) => fault === null && isRepeat).length)
    expect(await recordsOf(log, 'order-raw')).toHaveLength(result.accepted)
  })

  it('should say so when no Order API answers', async () => {
    const sink = httpSink('http://127.0.0.1:9')
    const running = runSimulation(simulateOrders(simulated), sink, {
      clock: new ManualClock(),
      pace: 'unlimited',
    })
    await expect(running).rejects.toMatchObject({ code: 'ORDER_API_UNAVAILABLE' })
  })

  it.each([
    ['http://127.0.0.1:9', 'http://127.0.0.1:9/v1/orders'],
    ['http://127.0.0.1:9/shop/', 'http://127.0.0.1:9/shop/v1/orders'],
    ['http://127.0.0.1:9/v1/orders', 'http://127.0.0.1:9/v1/orders'],
  ])('should send to the orders of the Order API at %s', async (url, target) => {
    const running = runSimulation(simulateOrders(simulated), httpSink(url), {
      clock: new ManualClock(),
      pace: 'unlimited',
    })
    await expect(running).rejects.toThrow(`the Order API at ${target} does not answer`)
  })

  it('should keep the pace at which events arrive, and stop when told', async () => {
    const clock = new ManualClock(1000)
    const controller = new AbortController()
    const sent: { atMs: number; event: SimulatedEvent }[] = []
    const sink: EventSink = {
      send: async (list) => {
        for (const event of list) sent.push({ atMs: clock.now(), event })
        return { accepted: list.length, duplicates: 0, refused: 0 }
      },
    }
    let settled = false
    const running = runSimulation(simulateOrders({ seed: 1 }), sink, {
      clock,
      pace: 'arrival',
      signal: controller.signal,
    }).finally(() => {
      settled = true
    })
    while (!settled) {
      if (sent.length >= 100) controller.abort()
      if (clock.nextTimerMs !== undefined) clock.advanceTo(clock.nextTimerMs)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await running).events).toBe(sent.length)
    const firstMs = sent[0]!.event.arrivalTimeMs
    for (const { atMs, event } of sent) expect(atMs - 1000).toBe(event.arrivalTimeMs - firstMs)
  })
})
