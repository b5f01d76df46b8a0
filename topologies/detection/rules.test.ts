import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../../schemas/topics.ts'
import { hours, minutes, seconds } from '../../streams/index.ts'
import {
  driver,
  judged,
  life,
  open,
  order,
  send,
  setRule,
  shown,
  thousand,
} from '../../tests/support/detection-driver.ts'
import { defaultThresholds } from './rules.ts'

beforeEach(() => open())
afterEach(() => driver.close())

describe('rules', () => {
  const six = (from: number, stepMs = 10) =>
    Array.from({ length: 6 }, (_, index) => order(`${from + index}`, (from - 1) * 1000 + index * stepMs))

  it('should hold for what is judged after they have come, in the version that raised it', async () => {
    await send(...six(1), order('later', minutes(10)))
    await setRule('burst', { version: 2, max_orders: 2 })
    await send(...six(701))
    await driver.endInput()
    const found = (await driver.read(topics.orderAnomaly)).map(({ value }) => value)
    expect(found.map((alert) => `${shown(alert)} v${alert.rule_version}`)).toEqual([
      'BURST 6 50 v0',
      'BURST 703 700020 v2',
      'BURST 706 700050 v2',
    ])
  })

  it('should neither lose nor double what was found before they changed', async () => {
    await send(...six(1), order('later', minutes(10)))
    await setRule('burst', { version: 1, max_orders: 4, within_ms: hours(1) })
    expect(await judged(order('last', minutes(20)))).toEqual(['BURST 6 50'])
  })

  it('should let the orders that came before a change count by the new rule', async () => {
    await send(...six(1).slice(0, 4), order('later', minutes(2)))
    await setRule('burst', { version: 1, max_orders: 4, within_ms: hours(1) })
    expect(await judged()).toEqual([`BURST later ${minutes(2)}`])
  })

  it('should be counted and not raised while they are in shadow', async () => {
    await setRule('burst', { version: 7, mode: 'SHADOW' })
    await setRule('large-order', { version: 1, mode: 'SHADOW' })
    const large = order('large', minutes(10), { total_amount: 20 * thousand, user_id: '901' })
    expect(await judged(...six(1), large)).toEqual([])
    const shadow = (await driver.read(topics.orderAnomalyShadow)).map(({ value }) => value)
    expect(shadow.map((alert) => `${shown(alert)} v${alert.rule_version}`)).toEqual([
      'BURST 6 50 v7',
      `LARGE_ORDER large ${minutes(10)} v1`,
    ])
    const counts = driver.store<string, number>('shadow-counts')
    expect([...counts.range()]).toEqual([
      ['BURST/7', 1],
      ['LARGE_ORDER/1', 1],
    ])
  })

  it('should find what they found in shadow once more when they are enforced, at the next event', async () => {
    await setRule('large-order', { version: 1, mode: 'SHADOW' })
    const [created, paid] = life('1', ['CREATED', 0], ['PAID', hours(3)]).map((one) => ({
      ...one,
      total_amount: 20 * thousand,
    }))
    await setRule('unpaid', { mode: 'OFF' })
    await send(created!, order('2', hours(2), { user_id: '901' }))
    await setRule('large-order', { version: 2 })
    expect(await judged(paid!)).toEqual([`LARGE_ORDER 1 ${hours(3)}`])
  })

  it.each([
    ['large-order', [order('1', 0, { total_amount: 20 * thousand })]],
    ['burst', six(1)],
    ['unpaid', life('1', ['CREATED', 0])],
    ['illegal-transition', life('1', ['PAID', 0], ['CREATED', 1], ['PAID', 2])],
    ['repeat-purchase', [order('1', 0, { product_ids: ['tea'] }), order('2', 1, { product_ids: ['tea'] })]],
    [
      'escalating-amount',
      [1, 2, 4].map((amount, index) => order(`${index}`, index, { total_amount: amount })),
    ],
  ] as const)('should find nothing when they are off: %s', async (name, orders) => {
    expect((await judged(...orders)).length).toBeGreaterThan(0)
    await open()
    await setRule(name, { mode: 'OFF' })
    expect(await judged(...orders)).toEqual([])
    expect(await driver.read(topics.orderAnomalyShadow)).toEqual([])
  })

  it('should be as configured when what was written cannot hold', async () => {
    await setRule('burst', { version: 3, max_orders: 0 })
    expect(await judged(...six(1))).toEqual(['BURST 6 50'])
  })

  it('should be as the topology is told, until they are changed', async () => {
    const thresholds = { ...defaultThresholds, burst: { max_orders: 2, within_ms: seconds(1) } }
    await open({ thresholds })
    expect(await judged(...six(1).slice(0, 3))).toEqual(['BURST 3 20'])
  })
})
