import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OrderProcessed } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import { days, hours, minutes, seconds } from '../../streams/index.ts'
import {
  type Changes,
  driver,
  judged,
  life,
  noon,
  open,
  order,
  raised,
  send,
  setRule,
  shown,
  thousand,
} from '../../tests/support/detection-driver.ts'

beforeEach(() => open())
afterEach(() => driver.close())

describe('large orders', () => {
  it('should be those over the limit, once, at the first event that is', async () => {
    const at = (id: string, status: OrderProcessed['status'], timeMs: number, total_amount: number) =>
      order(id, timeMs, { status, total_amount })
    const found = await judged(
      at('at the limit', 'PAID', 1, 10 * thousand),
      at('over', 'PAID', 2, 10 * thousand + 1),
      at('over later', 'PAID', 3, 1),
      at('over', 'SHIPPED', 4, 11 * thousand),
      at('over later', 'SHIPPED', 5, 12 * thousand),
    )
    expect(found).toEqual(['LARGE_ORDER over 2', 'LARGE_ORDER over later 5'])
  })

  it('should have limits of their own in currencies', async () => {
    await setRule('large-order', { amount: 500, amounts: { JPY: 50_000 } })
    const orders = [
      order('1', 0, { currency: 'JPY', total_amount: 50_000 }),
      order('2', 1, { currency: 'JPY', total_amount: 50_001 }),
      order('3', 2, { currency: 'EUR', total_amount: 501 }),
    ]
    expect(await judged(...orders)).toEqual(['LARGE_ORDER 2 1', 'LARGE_ORDER 3 2'])
  })
})

describe('bursts', () => {
  const orders = (count: number, stepMs: number, changes: Changes = {}) =>
    Array.from({ length: count }, (_, index) => order(`${index + 1}`, index * stepMs, changes))

  it('should be the sixth order in less than a minute', async () => {
    expect(await judged(...orders(6, 11_999))).toEqual(['BURST 6 59995'])
  })

  it('should be none of five orders, nor of six that span the minute', async () => {
    expect(
      await judged(...orders(5, 1), ...orders(6, 12_000).map((one) => ({ ...one, user_id: '901' }))),
    ).toEqual([])
  })

  it('should be one alert each, after which counting begins anew', async () => {
    expect(await judged(...orders(13, 10))).toEqual(['BURST 12 110', 'BURST 6 50'])
  })

  it('should count orders and not their events', async () => {
    const events = life('1', ['PAID', 0], ['SHIPPED', 1], ['DELIVERED', 2], ['COMPLETED', 3], ['REFUNDED', 4])
    expect(await judged(...events, order('2', 5))).toEqual([])
  })

  it('should slide over the orders, also where they pause', async () => {
    const times = [0, 30, 40, 50, 65, 70, 80].map(seconds)
    const found = await judged(...times.map((timeMs, index) => order(`${index + 1}`, timeMs)))
    expect(found).toEqual(['BURST 7 80000'])
  })

  it('should say which orders they are of', async () => {
    await send(...orders(6, 1000))
    await driver.endInput()
    const [alert] = await driver.read(topics.orderAnomaly)
    expect(alert).toMatchObject({
      key: '900',
      value: {
        anomaly_id: 'BURST/6/2017-01-01T12:00:05.000Z',
        severity: 'CRITICAL',
        user_id: '900',
        rule_version: 0,
        details: {
          order_ids: ['1', '2', '3', '4', '5', '6'],
          first_time: noon,
          last_time: noon + 5000,
          max_orders: 5,
          within_ms: 60_000,
        },
      },
    })
  })
})

describe('orders that are not paid', () => {
  const limit = minutes(30)

  it('should be those of which nothing is heard for half an hour after they were created', async () => {
    const found = await judged(
      ...life('unpaid', ['CREATED', 0]),
      ...life('paid at the last moment', ['CREATED', 1], ['PAID', limit + 1]),
      ...life('paid late', ['CREATED', 2], ['PAID', limit + 3]),
      ...life('cancelled', ['CREATED', 3], ['CANCELLED', 4]),
      ...life('cancelled late', ['CREATED', 5], ['CANCELLED', limit + 6]),
      ...life('known since it was paid', ['PAID', 6]),
    )
    expect(found).toEqual([
      `UNPAID_RESOLVED paid late ${limit + 3}`,
      `UNPAID_TIMEOUT cancelled late ${limit + 5}`,
      `UNPAID_TIMEOUT paid late ${limit + 2}`,
      `UNPAID_TIMEOUT unpaid ${limit}`,
    ])
  })

  it('should be found as soon as time has passed, by other orders', async () => {
    await send(...life('1', ['CREATED', 0]), order('2', limit + minutes(1), { user_id: '901' }))
    expect(await raised()).toEqual([])
    await send(order('3', limit + minutes(1) + 1, { user_id: '901' }))
    expect(await raised()).toEqual([`UNPAID_TIMEOUT 1 ${limit}`])
    await send(...life('1', ['PAID', limit + minutes(2)]), order('4', hours(1), { user_id: '901' }))
    expect(await raised()).toEqual([`UNPAID_RESOLVED 1 ${limit + minutes(2)}`])
  })

  it('should be found by the clock when no order comes any more', async () => {
    driver.clock.advance(noon)
    await send(...life('1', ['CREATED', 0]))
    await driver.advanceWallClock(minutes(20))
    expect(await raised()).toEqual([])
    await driver.advanceWallClock(minutes(15))
    await driver.advanceWallClock(minutes(1))
    expect(await raised()).toEqual([`UNPAID_TIMEOUT 1 ${limit}`])
  })

  it('should be judged anew by each status that is created again', async () => {
    const found = await judged(...life('1', ['CREATED', 0], ['CREATED', minutes(10)], ['PAID', minutes(41)]))
    expect(found).toEqual([
      `ILLEGAL_TRANSITION 1 ${minutes(10)}`,
      `UNPAID_RESOLVED 1 ${minutes(41)}`,
      `UNPAID_TIMEOUT 1 ${minutes(40)}`,
    ])
  })

  it('should have the time that the rule gives when it is over, if that has become longer', async () => {
    await send(...life('1', ['CREATED', 0]), ...life('2', ['CREATED', 0]), order('3', minutes(5)))
    await setRule('unpaid', { version: 4, within_ms: minutes(50) })
    await send(...life('2', ['PAID', minutes(45)]))
    await driver.endInput()
    const found = (await driver.read(topics.orderAnomaly)).map(({ value }) => value)
    expect(found.map(shown)).toEqual([`UNPAID_TIMEOUT 1 ${minutes(50)}`])
    expect(found[0]).toMatchObject({ rule_version: 4, details: { within_ms: minutes(50) } })
  })

  it('should not be looked for once the rule is off, also those that were created before', async () => {
    await send(...life('1', ['CREATED', 0]), order('2', minutes(5)))
    await setRule('unpaid', { mode: 'OFF' })
    expect(await judged(...life('1', ['PAID', minutes(45)]))).toEqual([])
  })
})

describe('the lives of orders', () => {
  const history = async () =>
    (await driver.read(topics.orderStatusHistory)).map(({ value }) => {
      const { order_id, sequence, from_status, to_status, event_time, legal } = value
      return [order_id, sequence, from_status, to_status, event_time - noon, legal]
    })

  it('should be kept, with what was legal and what was not', async () => {
    const found = await judged(
      ...life('1', ['CREATED', 0], ['PAID', 1], ['DELIVERED', 2], ['COMPLETED', 3], ['REFUNDED', 4]),
    )
    expect(found).toEqual(['ILLEGAL_TRANSITION 1 2'])
    expect(await history()).toEqual([
      ['1', 1, null, 'CREATED', 0, true],
      ['1', 2, 'CREATED', 'PAID', 1, true],
      ['1', 3, 'PAID', 'DELIVERED', 2, false],
      ['1', 4, 'DELIVERED', 'COMPLETED', 3, true],
      ['1', 5, 'COMPLETED', 'REFUNDED', 4, true],
    ])
  })

  it('should say of an illegal transition from where, to where, and by which event', async () => {
    await send(...life('1', ['PAID', 0], ['CREATED', 5]))
    await driver.endInput()
    const [alert] = await driver.read(topics.orderAnomaly)
    expect(alert?.value).toMatchObject({
      anomaly_id: 'ILLEGAL_TRANSITION/1/2017-01-01T12:00:00.005Z/PAID-CREATED',
      details: { from_status: 'PAID', to_status: 'CREATED', from_time: noon, event_number: 2 },
    })
  })

  it('should follow the times of the events within the disorder, and not their arrival', async () => {
    const [created, paid, shipped] = life('1', ['CREATED', 0], ['PAID', seconds(30)], ['SHIPPED', minutes(1)])
    expect(await judged(shipped!, paid!, created!)).toEqual([])
    expect((await history()).map(([, , , status]) => status)).toEqual(['CREATED', 'PAID', 'SHIPPED'])
  })

  it('should take events of one time as they follow each other in a life', async () => {
    const [created, paid, shipped] = life('1', ['CREATED', 0], ['PAID', 0], ['SHIPPED', 0])
    expect(await judged(shipped!, paid!, created!)).toEqual([])
  })

  it('should keep what comes later than that, and not judge it', async () => {
    const [created, paid, shipped] = life('1', ['CREATED', 0], ['PAID', 1], ['SHIPPED', 2])
    const other = { user_id: '901' }
    expect(
      await judged(created!, shipped!, order('2', hours(1), other), paid!, order('3', hours(2), other)),
    ).toEqual(['ILLEGAL_TRANSITION 1 2'])
    expect((await history()).filter(([id]) => id === '1')).toEqual([
      ['1', 1, null, 'CREATED', 0, true],
      ['1', 2, 'CREATED', 'SHIPPED', 2, false],
      ['1', 3, null, 'PAID', 1, null],
    ])
  })

  it('should judge a late event that is the newest of its order', async () => {
    const [created, , delivered] = life('1', ['CREATED', 0], ['PAID', 1], ['DELIVERED', 2])
    const others = [order('2', hours(1), { user_id: '901' }), order('3', hours(2), { user_id: '901' })]
    const found = await judged(created!, ...others, { ...delivered!, total_amount: 11 * thousand })
    expect(found).toEqual(['ILLEGAL_TRANSITION 1 2', 'LARGE_ORDER 1 2', `UNPAID_TIMEOUT 1 ${minutes(30)}`])
  })

  it('should be remembered from when an event came, however old it is', async () => {
    await open({ orderMemoryMs: days(10) })
    await send(order('other', days(100), { user_id: '901' }))
    expect(await judged(...life('1', ['PAID', 0], ['PAID', 1]))).toEqual(['ILLEGAL_TRANSITION 1 1'])
  })
})

describe('repeat purchases', () => {
  const of = (orderId: string, timeMs: number, ...product_ids: readonly string[]) =>
    order(orderId, timeMs, { product_ids })

  it('should be orders with a product that came in another one less than an hour before', async () => {
    const found = await judged(
      of('1', 0, 'tea', 'milk'),
      of('2', hours(1) - 1, 'milk'),
      of('3', hours(1), 'tea'),
      of('4', 2 * hours(1) - 1, 'tea'),
      { ...of('5', 2 * hours(1), 'tea'), user_id: '901' },
    )
    expect(found).toEqual([`REPEAT_PURCHASE 2 ${hours(1) - 1}`, `REPEAT_PURCHASE 4 ${2 * hours(1) - 1}`])
  })

  it('should be one alert for an order, with all products and the orders that had them last', async () => {
    await send(of('1', 0, 'tea', 'milk'), of('2', 1, 'tea'), of('3', 2, 'milk', 'rice', 'tea'))
    await driver.endInput()
    const found = (await driver.read(topics.orderAnomaly)).map(({ value }) => value)
    expect(found.map(shown)).toEqual(['REPEAT_PURCHASE 2 1', 'REPEAT_PURCHASE 3 2'])
    expect(found[1]?.details).toEqual({
      kind: 'REPEAT_PURCHASE',
      product_ids: ['milk', 'tea'],
      earlier_order_ids: ['1', '2'],
      first_time: noon,
      within_ms: hours(1),
    })
  })

  it('should be none of the events of one order, nor of an order without products', async () => {
    const events = life('1', ['CREATED', 0], ['PAID', 1], ['SHIPPED', 2])
    expect(await judged(...events, of('2', 3), of('3', 4))).toEqual([])
  })
})

describe('escalating amounts', () => {
  const series = (...amounts: readonly (readonly [amount: number, timeMs: number, currency?: string])[]) =>
    amounts.map(([total_amount, timeMs, currency = 'USD'], index) =>
      order(`${index + 1}`, timeMs, { total_amount, currency }),
    )

  it('should be three orders, each at least half as much again as the one before, in less than an hour', async () => {
    expect(await judged(...series([100, 0], [150, 1], [225, hours(1) - 1]))).toEqual([
      `ESCALATING_AMOUNT 3 ${hours(1) - 1}`,
    ])
  })

  it.each([
    ['the last is too little', series([100, 0], [150, 1], [224, 2])],
    ['the second is', series([100, 0], [149, 1], [300, 2])],
    ['they are in different currencies', series([100, 0], [200, 1, 'EUR'], [400, 2])],
    ['they take an hour', series([100, 0], [200, 1], [400, hours(1)])],
    ['another lies between', series([100, 0], [200, 1], [10, 2], [400, 3])],
  ])('should be none when %s', async (_why, orders) => {
    expect(await judged(...orders)).toEqual([])
  })

  it('should be found where orders in other currencies lie between, and again with each that goes on', async () => {
    await setRule('burst', { mode: 'OFF' })
    const found = await judged(
      ...series([100, 0], [5, 1, 'EUR'], [150, 2], [9, 3, 'EUR'], [300, 4], [450, 5]),
    )
    expect(found).toEqual(['ESCALATING_AMOUNT 5 4', 'ESCALATING_AMOUNT 6 5'])
  })

  it('should say which orders they are, and for how much', async () => {
    await send(...series([100, 0], [150, 1], [225, 2]))
    await driver.endInput()
    const [alert] = await driver.read(topics.orderAnomaly)
    expect(alert?.value.details).toEqual({
      kind: 'ESCALATING_AMOUNT',
      order_ids: ['1', '2', '3'],
      amounts: [100, 150, 225],
      currency: 'USD',
      first_time: noon,
      percent: 150,
      within_ms: hours(1),
    })
  })
})

describe('late orders', () => {
  it('should have no place among the orders of their user any more, but for how the user behaves', async () => {
    const orders = Array.from({ length: 6 }, (_, index) =>
      order(`${index + 1}`, index, { product_ids: ['tea'] }),
    )
    const later = order('later', hours(5), { user_id: '901' })
    await send(...orders.slice(0, 1), later, ...orders.slice(1))
    await driver.endInput()
    expect(await raised()).toEqual([])
    const behavior = (await driver.read(topics.userBehavior)).filter(({ key }) => key === '900').at(-1)
    expect(behavior?.value).toMatchObject({
      order_count: 6,
      average_gap_ms: 1,
      favorite_products: [{ product_id: 'tea', order_count: 6 }],
    })
  })
})

describe('the behavior of users', () => {
  const newest = async () => {
    const rows = new Map((await driver.read(topics.userBehavior)).map(({ key, value }) => [key, value]))
    return Object.fromEntries(rows)
  }

  it('should be told of all orders, each once, with the amount in the main currency', async () => {
    await send(
      order('1', 0, { product_ids: ['tea', 'milk'], total_amount: 5 }),
      order('1', 1, { status: 'SHIPPED', event_number: 2, total_amount: 7 }),
      order('2', hours(1), { product_ids: ['milk'], currency: 'EUR', total_amount: 900 }),
      order('3', hours(4), { product_ids: ['rice', 'milk', 'tea'], total_amount: 10 }),
      order('4', hours(4), { user_id: '901' }),
    )
    await driver.endInput()
    expect(await newest()).toMatchObject({
      900: {
        user_id: '900',
        order_count: 3,
        total_amount: 15,
        currency: 'USD',
        average_gap_ms: hours(2),
        favorite_products: [
          { product_id: 'milk', order_count: 3 },
          { product_id: 'tea', order_count: 2 },
          { product_id: 'rice', order_count: 1 },
        ],
        first_seen: noon,
        last_seen: noon + hours(4),
      },
      901: { order_count: 1, average_gap_ms: null },
    })
  })

  it('should have five favourites at most, also after thousands of products', async () => {
    const orders = Array.from({ length: 60 }, (_, index) =>
      order(`${index}`, index, {
        product_ids: ['always', ...Array.from({ length: 30 }, (_, n) => `${index}-${n}`)],
      }),
    )
    await send(...orders)
    await driver.endInput()
    const { favorite_products } = (await newest())['900']!
    expect(favorite_products).toHaveLength(5)
    expect(favorite_products[0]).toEqual({ product_id: 'always', order_count: 60 })
  })
})

describe('what was found', () => {
  it('should have the same ids when it is found again, whoever finds it', async () => {
    const events = [
      ...Array.from({ length: 6 }, (_, index) => order(`${index + 1}`, index, { product_ids: ['tea'] })),
      ...life('7', ['CREATED', minutes(2)], ['SHIPPED', minutes(50)]),
      order('8', hours(2), { total_amount: 20 * thousand }),
    ]
    const ids = async () =>
      (await driver.read(topics.orderAnomaly)).map(({ value }) => value.anomaly_id).sort()
    await judgedOnly(events)
    const first = await ids()
    await open({ timing: { disorderMs: days(1), idle: 'ignore', idleAfterMs: 0 } })
    await judgedOnly(events.toReversed())
    expect(await ids()).toEqual(first)
    expect(first).toHaveLength(new Set(first).size)
    expect(first.length).toBeGreaterThan(5)
  })

  it('should say when it was found by the times of the orders', async () => {
    await send(order('1', 0, { total_amount: 20 * thousand }), order('2', minutes(3)))
    const [alert] = await driver.read(topics.orderAnomaly)
    expect(alert?.value).toMatchObject({ event_time: noon, detected_time: noon + minutes(3) })
  })
})

async function judgedOnly(events: readonly OrderProcessed[]): Promise<void> {
  await send(...events)
  await driver.endInput()
}
