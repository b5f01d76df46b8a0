import { afterEach, expect, it } from 'vitest'
import { minutes, seconds } from '../streams/index.ts'
import { TopologyTestDriver } from '../streams/testing/index.ts'
import { orderEvents, resolvedOrders, unpaidOrders, unpaidOrderWatch } from './unpaid-orders.ts'

let driver: TopologyTestDriver

afterEach(() => driver.close())

const noon = Date.UTC(2026, 0, 1, 12)
/** So many minutes after noon. */
const at = (minute: number): number => noon + minutes(minute)

const placed = (key: string, minute: number) => ({
  key,
  value: { kind: 'placed' as const, time: at(minute) },
})
const paid = (key: string, minute: number) => ({ key, value: { kind: 'paid' as const, time: at(minute) } })

async function unpaid(): Promise<string[]> {
  return (await driver.read(unpaidOrders)).map(({ key }) => key)
}

async function resolved(): Promise<string[]> {
  return (await driver.read(resolvedOrders)).map(({ key }) => key)
}

it('should report an order that is not paid half an hour after it was placed, at that time', async () => {
  driver = await TopologyTestDriver.open(unpaidOrderWatch)
  await driver.pipe(orderEvents, placed('a', 0), placed('b', 5), paid('b', 20), placed('c', 30))
  expect(await unpaid()).toEqual([])
  await driver.pipe(orderEvents, placed('d', 31))
  expect(await driver.read(unpaidOrders)).toMatchObject([
    { key: 'a', value: { order: 'a', placedTime: noon }, timestampMs: at(30) },
  ])
  expect(driver.pendingTimers('unpaid')).toMatchObject([
    { key: 'c', timeMs: at(60) },
    { key: 'd', timeMs: at(61) },
  ])
})

it('should report an order that is paid late as resolved', async () => {
  driver = await TopologyTestDriver.open(unpaidOrderWatch)
  await driver.pipe(orderEvents, placed('a', 0), placed('b', 40), paid('a', 41), paid('b', 41))
  expect(await unpaid()).toEqual(['a'])
  expect(await resolved()).toEqual(['a'])
})

it('should report both when the payment is late, and there before the watermark is', async () => {
  driver = await TopologyTestDriver.open(unpaidOrderWatch)
  await driver.pipe(orderEvents, placed('a', 0), paid('a', 30.5), placed('b', 50))
  expect(await driver.read(unpaidOrders)).toMatchObject([{ key: 'a', timestampMs: at(30) }])
  expect(await resolved()).toEqual(['a'])
})

it('should take a payment that comes before its order', async () => {
  driver = await TopologyTestDriver.open(unpaidOrderWatch)
  await driver.pipe(orderEvents, paid('a', 0.5), placed('a', 0))
  await driver.endInput()
  expect(await unpaid()).toEqual([])
})

it('should report on a quiet night, too, by the clock', async () => {
  driver = await TopologyTestDriver.open(unpaidOrderWatch, { startMs: noon })
  await driver.pipe(orderEvents, placed('a', 0))
  await driver.advanceWallClock(minutes(30))
  expect(await unpaid()).toEqual([])
  await driver.advanceWallClock(minutes(1) + seconds(1))
  expect(await unpaid()).toEqual(['a'])
})

it('should judge a file to its end', async () => {
  driver = await TopologyTestDriver.open(unpaidOrderWatch, { partitions: 3 })
  await driver.write(orderEvents, placed('a', 0), placed('b', 0), paid('b', 1), placed('c', 2))
  await driver.run()
  await driver.endInput()
  expect((await unpaid()).sort()).toEqual(['a', 'c'])
})
