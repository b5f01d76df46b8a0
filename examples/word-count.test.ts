import { afterEach, expect, it } from 'vitest'
import { TopologyTestDriver } from '../streams/testing/index.ts'
import { lines, wordCount, wordCounts } from './word-count.ts'

let driver: TopologyTestDriver

afterEach(() => driver.close())

it('should count each word over all partitions', async () => {
  driver = await TopologyTestDriver.open(wordCount, { partitions: 3 })
  await driver.pipe(
    lines,
    { key: 'a', value: 'To be, or not to be', timestampMs: 1 },
    { key: 'b', value: 'that is the question: to be', timestampMs: 2 },
  )
  const latest = new Map((await driver.read(wordCounts)).map(({ key, value }) => [key, value]))
  expect(latest.get('be')).toBe(3)
  expect(latest.get('to')).toBe(3)
  expect(latest.get('question')).toBe(1)
})
