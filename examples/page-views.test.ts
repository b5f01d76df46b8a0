import { afterEach, expect, it } from 'vitest'
import { TopologyTestDriver } from '../streams/testing/index.ts'
import { pageViewCounter, pageViews, unknownRegion, userProfiles, viewsByRegion } from './page-views.ts'

let driver: TopologyTestDriver

afterEach(() => driver.close())

/** A view of some page, long enough to count. */
const viewBy = (userId: string, page = '/') => ({ key: page, value: { userId, durationMs: 5000 } })

const from = (userId: string, region: string) => ({ key: userId, value: { name: userId, region } })

async function counts(): Promise<Record<string, number | null>> {
  return Object.fromEntries((await driver.read(viewsByRegion)).map(({ key, value }) => [key, value]))
}

it('should count views by the region of the user, over all partitions', async () => {
  driver = await TopologyTestDriver.open(pageViewCounter, { partitions: 4 })
  await driver.pipe(userProfiles, from('ada', 'europe'), from('bob', 'asia'), from('eve', 'europe'))
  await driver.pipe(
    pageViews,
    viewBy('ada', '/a'),
    viewBy('bob', '/b'),
    viewBy('eve', '/c'),
    viewBy('ada', '/d'),
  )
  expect(await counts()).toEqual({ europe: 3, asia: 1 })
})

it('should count a view for the region that the user has at that moment', async () => {
  driver = await TopologyTestDriver.open(pageViewCounter)
  await driver.pipe(pageViews, viewBy('ada'))
  await driver.pipe(userProfiles, from('ada', 'europe'))
  await driver.pipe(pageViews, viewBy('ada'))
  await driver.pipe(userProfiles, from('ada', 'asia'))
  await driver.pipe(pageViews, viewBy('ada'))
  await driver.pipe(userProfiles, { key: 'ada', value: null })
  await driver.pipe(pageViews, viewBy('ada'))
  expect(await counts()).toEqual({ [unknownRegion]: 2, europe: 1, asia: 1 })
})

it('should not count a page that was left within a second', async () => {
  driver = await TopologyTestDriver.open(pageViewCounter)
  await driver.pipe(pageViews, { key: '/', value: { userId: 'ada', durationMs: 999 } })
  expect(await counts()).toEqual({})
})
