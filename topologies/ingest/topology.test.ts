import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { badOrders } from '../../orders/bad-orders.ts'
import { topics } from '../../schemas/topics.ts'
import { describeTopology } from '../../streams/index.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import { ingest } from './topology.ts'

const noon = Date.UTC(2017, 0, 1, 12)

const order = {
  order_id: 31198570044,
  user_id: ' 900',
  status: 'PAID',
  currency: 'USD',
  order_time: '2017-01-01T11:53:26Z',
  total_amount: '0.50',
  lines: [{ line_no: 1, product_id: '1095275', quantity: 1, line_amount: 0.5 }],
}

let driver: TopologyTestDriver

beforeEach(async () => {
  driver = await TopologyTestDriver.open(ingest(), { partitions: 4, startMs: noon })
})

afterEach(() => driver.close())

function pipe(event: object | Buffer, key: string | null = null, timestampMs = noon): Promise<void> {
  const value = Buffer.isBuffer(event) ? event : Buffer.from(JSON.stringify(event))
  return driver.pipe(topics.orderRaw, { key, value, timestampMs })
}

describe('ingest', () => {
  it('should convert the fields of an order', async () => {
    await pipe(order)
    const [record] = await driver.read(topics.orderParsed)
    expect(record!.value).toEqual({
      order_id: '31198570044',
      user_id: ' 900',
      store_id: null,
      status: 'PAID',
      currency: 'USD',
      order_time: Date.UTC(2017, 0, 1, 11, 53, 26),
      total_amount: 50,
      lines: [{ line_no: 1, product_id: '1095275', quantity: 1, line_amount: 50 }],
      problems: [],
    })
  })

  it('should stamp an order with its own time', async () => {
    await pipe(order)
    expect((await driver.read(topics.orderParsed))[0]!.timestampMs).toBe(Date.UTC(2017, 0, 1, 11, 53, 26))
  })

  it.each([
    ['missing', undefined],
    ['broken', 'soon'],
    ['before all orders', '1999-12-31T23:59:59Z'],
    ['far in the future', '2999-01-01T00:00:00Z'],
  ])("should keep the record's time when the order's is %s", async (_, order_time) => {
    await pipe({ ...order, order_time })
    expect((await driver.read(topics.orderParsed))[0]!.timestampMs).toBe(noon)
  })

  it("should key by user, so that a user's orders share a partition however they came", async () => {
    await pipe(order, null)
    await pipe({ ...order, user_id: 900 }, 'another key')
    await pipe({ ...order, user_id: '900 ' }, '900')
    const records = await driver.read(topics.orderParsed)
    expect(records.map(({ key }) => key)).toEqual(['900', '900', '900'])
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1)
  })

  it('should pass orders on that name no user', async () => {
    await pipe({ ...order, user_id: null })
    expect((await driver.read(topics.orderParsed)).map(({ key }) => key)).toEqual([null])
  })

  it.each(badOrders)('should make of $name what it is: $outcome', async ({ spoil, outcome, code }) => {
    const bytes = spoil(order)
    await pipe(bytes, '900')
    const parsed = await driver.read(topics.orderParsed)
    const dead = await driver.deadLetters()
    if (outcome === 'rejected') {
      expect(parsed).toHaveLength(1)
      expect(dead).toEqual([])
      return
    }
    expect(parsed).toEqual([])
    expect(dead).toMatchObject([{ code, topic: 'order-raw', offset: 0, timestamp: noon, operator: 'parse' }])
    expect(Buffer.compare(dead[0]!.value!, bytes)).toBe(0)
    expect(dead[0]!.key!.toString()).toBe('900')
  })

  it('should set a record without a value aside', async () => {
    await driver.pipeBytes(topics.orderRaw.name, { key: null, value: null })
    expect(await driver.deadLetters()).toMatchObject([{ code: 'RECORD_NULL_NOT_ALLOWED' }])
  })

  it('should go on after a dead letter', async () => {
    await pipe(Buffer.from('rubbish'))
    await pipe(order)
    expect(await driver.read(topics.orderParsed)).toHaveLength(1)
  })

  it('should keep the database in a sub-topology of its own', () => {
    let connected = 0
    const topology = ingest({ store: (events) => void events.peek(() => connected++) })
    expect(topology.subTopologies.map(({ name }) => name)).toEqual(['order-raw', 'order-parsed'])
    expect(describeTopology(topology, 'text')).toContain('key-by-user')
  })
})
