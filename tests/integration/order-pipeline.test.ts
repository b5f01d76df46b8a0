import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SimulatedEvent, simulateOrders } from '../../api/simulator/simulate-orders.ts'
import { topics } from '../../schemas/topics.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import { cleanse, repeatCountKey } from '../../topologies/cleanse/topology.ts'
import { ingest } from '../../topologies/ingest/topology.ts'

const partitions = 3

let first: TopologyTestDriver
let second: TopologyTestDriver

beforeEach(async () => {
  first = await TopologyTestDriver.open(ingest(), { partitions })
  second = await TopologyTestDriver.open(cleanse(), { partitions })
})

afterEach(async () => {
  await first.close()
  await second.close()
})

/** Sends events through both stages and counts what comes out of them. */
async function run(events: readonly SimulatedEvent[]) {
  for (const { bytes, arrivalTimeMs } of events) {
    await first.pipe(topics.orderRaw, { key: null, value: bytes, timestampMs: arrivalTimeMs })
  }
  const parsed = await first.read(topics.orderParsed)
  await second.pipe(topics.orderParsed, ...parsed)
  const rejections = await second.read(topics.orderRejected)
  let repeats = 0
  for (let partition = 0; partition < partitions; partition++) {
    repeats += second.store<string, number>('repeat-count', partition).get(repeatCountKey) ?? 0
  }
  return {
    deadLetters: (await first.deadLetters()).map(({ code }) => code),
    headers: (await second.read(topics.orderProcessed)).map(({ value }) => value),
    rejections: rejections.map(({ value }) => value.reasons.map(({ code }) => code)),
    repeats,
  }
}

function countBy(list: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of list) counts[item] = (counts[item] ?? 0) + 1
  return counts
}

describe('ingest and cleanse', () => {
  it('should account for every event: clean, rejected, dead or a repeat, each as it was planned', async () => {
    const options = { seed: 11, orders: 120, dirtyShare: 0.2, repeatShare: 0.1, lateShare: 0.1 }
    const events = [...simulateOrders(options)]
    const result = await run(events)

    const planned = (outcome: string) => events.filter(({ fault }) => fault?.outcome === outcome)
    const codes = (list: readonly SimulatedEvent[]) => countBy(list.map(({ fault }) => fault!.code))
    expect(countBy(result.deadLetters)).toEqual(codes(planned('dead-letter')))
    expect(result.rejections).toHaveLength(planned('rejected').length)
    for (const [code, count] of Object.entries(codes(planned('rejected')))) {
      expect(result.rejections.filter((reasons) => reasons.includes(code)).length).toBeGreaterThanOrEqual(
        count,
      )
    }
    const sound = events.filter(({ fault }) => fault === null)
    expect(result.repeats).toBe(sound.filter(({ isRepeat }) => isRepeat).length)
    const written = result.headers.map(({ order_id, status }) => `${order_id} ${status}`).sort()
    const expected = sound
      .filter(({ isRepeat }) => !isRepeat)
      .map(({ orderId, status }) => `${orderId} ${status}`)
    expect(written).toEqual(expected.sort())
  })

  it('should call the newest event of each order the latest and the earliest its own time, however they arrive', async () => {
    const events = [...simulateOrders({ seed: 12, orders: 60, lateShare: 0.5, maxLatenessMs: 30 * 60_000 })]
    const { headers } = await run(events)
    const newest = new Map<string, { status: string; time: number }>()
    for (const { order_id, status, order_time, latest } of headers) {
      if (latest) newest.set(order_id, { status, time: order_time })
    }
    for (const [orderId, { status, time }] of newest) {
      const own = events.filter((event) => event.orderId === orderId)
      expect(time).toBe(Math.max(...own.map(({ timeMs }) => timeMs)))
      expect(own.find(({ timeMs }) => timeMs === time)!.status).toBe(status)
    }
    expect(headers.some(({ latest }) => !latest)).toBe(true)

    const placed = new Map(headers.map(({ order_id, placed_time }) => [order_id, placed_time]))
    for (const [orderId, time] of placed) {
      const own = events.filter((event) => event.orderId === orderId)
      expect(time).toBe(Math.min(...own.map(({ timeMs }) => timeMs)))
    }
  })
})
