import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { orderFromJson } from '../../orders/parse-order.ts'
import { topics } from '../../schemas/topics.ts'
import { TopologyTestDriver } from '../../streams/testing/index.ts'
import { readAll } from '../../tests/contracts/log-fixture.ts'
import { cleanse, repeatCountKey } from './topology.ts'

const noon = Date.UTC(2017, 0, 1, 12)
const day = 24 * 60 * 60 * 1000

let driver: TopologyTestDriver

beforeEach(async () => {
  driver = await TopologyTestDriver.open(cleanse(), { startMs: noon })
})

afterEach(() => driver.close())

function line(line_no: number, line_amount = '0.50', quantity = 1) {
  return { line_no, product_id: `p${line_no}`, quantity, line_amount }
}

function pipe(changes: object, timestampMs = noon): Promise<void> {
  const value = orderFromJson({
    order_id: '1',
    user_id: '900',
    status: 'PAID',
    currency: 'usd',
    order_time: timestampMs,
    total_amount: '0.50',
    lines: [line(1)],
    ...changes,
  })
  return driver.pipe(topics.orderParsed, { key: value.user_id, value, timestampMs })
}

async function headers() {
  return (await driver.read(topics.orderProcessed)).map(({ value }) => value)
}

async function lines() {
  return (await driver.read(topics.orderLine)).map(({ value }) => value)
}

describe('cleanse', () => {
  it('should write a header and its lines, keyed by user and stamped with the time of the event', async () => {
    await pipe({ user_id: ' 900', total_amount: '1.00', lines: [line(1), line(2)] })
    const [header] = await driver.read(topics.orderProcessed)
    expect(header).toMatchObject({
      key: '900',
      timestampMs: noon,
      value: {
        order_id: '1',
        currency: 'USD',
        total_amount: 100,
        line_count: 2,
        event_number: 1,
        latest: true,
      },
    })
    expect(await driver.read(topics.orderLine)).toMatchObject([
      {
        key: '900',
        timestampMs: noon,
        value: { order_id: '1', line_no: 1, line_amount: 50, removed: false },
      },
      {
        key: '900',
        timestampMs: noon,
        value: { order_id: '1', line_no: 2, line_amount: 50, removed: false },
      },
    ])
    expect(await driver.read(topics.orderRejected)).toEqual([])
  })

  it('should drop repeats and count them', async () => {
    await pipe({})
    await pipe({ status: ' paid ' })
    await pipe({ status: 'SHIPPED' })
    await pipe({})
    expect((await headers()).map(({ status, event_number }) => [status, event_number])).toEqual([
      ['PAID', 1],
      ['SHIPPED', 2],
    ])
    expect(driver.store<string, number>('repeat-count').get(repeatCountKey)).toBe(2)
  })

  it("should send the lines that went, and an order's late events without lines", async () => {
    await pipe({ status: 'PAID', total_amount: 1, lines: [line(1), line(2)] }, noon)
    await pipe({ status: 'SHIPPED', lines: [line(2)] }, noon + 2000)
    await pipe({ status: 'CREATED', lines: [line(3)] }, noon - 2000)
    expect((await lines()).map((sent) => [sent.event_number, sent.line_no, sent.removed])).toEqual([
      [1, 1, false],
      [1, 2, false],
      [2, 2, false],
      [2, 1, true],
    ])
    expect((await headers()).map(({ status, latest }) => [status, latest])).toEqual([
      ['PAID', true],
      ['SHIPPED', true],
      ['CREATED', false],
    ])
  })

  it('should keep the memory of orders apart', async () => {
    await pipe({ order_id: '1' })
    await pipe({ order_id: '2' })
    expect((await headers()).map(({ event_number }) => event_number)).toEqual([1, 1])
    expect(driver.store('order-memory').get('2')).toMatchObject({ event_count: 1, line_numbers: [1] })
  })

  it('should forget an order 400 days after its last event, and count it as new when it comes back', async () => {
    const memoryOf = (orderId: string) => driver.store('order-memory').get(orderId)
    await pipe({ order_id: '1' })
    await pipe({ order_id: '2' })
    await pipe({ order_id: '2', status: 'SHIPPED' }, noon + day)
    await pipe({ order_id: '3' }, noon + 400 * day - 1)
    expect(memoryOf('1')).toBeDefined()
    await pipe({ order_id: '3', status: 'SHIPPED' }, noon + 400 * day)
    expect(memoryOf('1')).toBeUndefined()
    expect(memoryOf('2')).toBeDefined()
    await pipe({ order_id: '1', status: 'REFUNDED' }, noon + 400 * day)
    expect((await headers()).at(-1)).toMatchObject({
      order_id: '1',
      event_number: 1,
      latest: true,
      placed_time: noon + 400 * day,
    })
  })

  it('should leave no trace of forgotten orders in the store or its changelog', async () => {
    for (let order = 0; order < 50; order++) await pipe({ order_id: String(order) })
    expect([...driver.store('order-memory').range()]).toHaveLength(50)
    // Rows go once the 64th part of the time in which they lie has passed.
    await pipe({ order_id: 'last' }, noon + 410 * day)
    await pipe({ order_id: 'last', status: 'SHIPPED' }, noon + 410 * day)
    expect([...driver.store('order-memory').range()].map(([orderId]) => orderId)).toEqual(['last'])
    const changelog = await readAll(driver.log, 'cleanse-order-memory-changelog')
    const newest = new Map(changelog.map(({ key, value }) => [key, value]))
    expect([...newest].filter(([, value]) => value !== null).map(([key]) => key)).toEqual(['last'])
  })

  it('should remember orders of years ago from the time at which they are sent', async () => {
    await pipe({ order_id: 'now' }, noon + 2000 * day)
    await pipe({ order_id: 'old' }, noon)
    await pipe({ order_id: 'old' }, noon)
    await pipe({ order_id: 'old', status: 'SHIPPED' }, noon + 1)
    expect((await headers()).map(({ order_id, event_number }) => [order_id, event_number])).toEqual([
      ['now', 1],
      ['old', 1],
      ['old', 2],
    ])
  })

  it('should refuse to forget orders before their repeats', () => {
    expect(() => cleanse({ orderMemoryMs: 6 * day })).toThrow(
      'orderMemoryMs is 518400000, less than the 604800000',
    )
    expect(cleanse({ orderMemoryMs: 7 * day }).name).toBe('cleanse')
  })

  it('should reject with every reason, what was sent, and where it lay', async () => {
    await pipe({ order_id: '1' })
    await pipe({ order_id: '2', status: 'LOST', total_amount: '1.005', currency: null })
    const [rejected] = await driver.read(topics.orderRejected)
    expect(rejected!.key).toBe('900')
    expect(rejected!.value).toMatchObject({
      order_id: '2',
      user_id: '900',
      topic: 'order-parsed',
      partition: 0,
      offset: 1,
      rejected_time: noon,
    })
    expect(rejected!.value.reasons.map(({ code }) => code)).toEqual([
      'AMOUNT_TOO_PRECISE',
      'CURRENCY_MISSING',
      'STATUS_UNKNOWN',
    ])
    expect(JSON.parse(rejected!.value.payload)).toMatchObject({ order_id: '2', status: 'LOST' })
  })

  it('should reject orders without a user too', async () => {
    await pipe({ user_id: null })
    expect(await driver.read(topics.orderRejected)).toMatchObject([{ key: null, value: { user_id: null } }])
    expect(await driver.deadLetters()).toEqual([])
  })

  it('should let an order pass after a broken event of it', async () => {
    await pipe({ total_amount: 7 })
    await pipe({})
    expect((await headers()).map(({ event_number }) => event_number)).toEqual([1])
  })

  it('should let unusual orders pass, with warnings', async () => {
    await pipe({ total_amount: 1, lines: [line(1, '0.00', 0), line(2, '1.00', 12_000), line(1, '0.00', 0)] })
    expect((await headers())[0]).toMatchObject({
      warnings: ['QUANTITY_ZERO', 'QUANTITY_UNUSUAL', 'LINE_REPEATED'],
      line_count: 2,
    })
  })

  it('should set aside what is no Avro, of an unknown schema, or cut off', async () => {
    await pipe({})
    const [sound] = await driver.read(topics.orderParsed)
    expect(sound).toBeDefined()
    const unknown = Buffer.from([0, 0, 0, 3, 231, 2])
    const cut = Buffer.from([0, 0, 0, 0, 1, 2])
    for (const value of [Buffer.from('{"order_id":"1"}'), unknown, cut]) {
      await driver.pipeBytes(topics.orderParsed.name, { key: null, value })
    }
    const dead = await driver.deadLetters()
    expect(dead.map(({ code }) => code)).toEqual([
      'RECORD_NOT_DECODABLE',
      'SCHEMA_UNKNOWN',
      'RECORD_NOT_DECODABLE',
    ])
    await pipe({ order_id: '2' })
    expect(await headers()).toHaveLength(2)
  })

  it('should keep each table in a sub-topology of its own', () => {
    const connected: string[] = []
    const topology = cleanse({
      store: {
        headers: (stream) => connected.push(stream.node.node.name),
        lines: (stream) => connected.push(stream.node.node.name),
        rejections: (stream) => connected.push(stream.node.node.name),
      },
    })
    expect(topology.subTopologies.map(({ name }) => name)).toEqual([
      'order-parsed',
      'order-processed',
      'order-line',
      'order-rejected',
    ])
    expect(connected).toHaveLength(3)
  })
})
