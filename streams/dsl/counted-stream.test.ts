import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countWindowsOf, type Taken } from '../../tests/support/listed-window-oracle.ts'
import { jsonTopic, nullableTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { type CountWindows, countWindow } from '../time/count-windows.ts'
import type { FullWindow } from './count-aggregate.ts'
import { defineTopology } from './stream-builder.ts'

const input = nullableTopic<number>('input')
const other = nullableTopic<number>('other')
const output = jsonTopic<FullWindow<readonly number[]>>('output')
const lists = {
  init: (): readonly number[] => [],
  add: (list: readonly number[], value: number) => [...list, value],
}

function listing(windows: CountWindows) {
  return defineTopology('counted', (builder) => {
    builder
      .stream(input)
      .groupByKey()
      .windowedBy(windows)
      .aggregate(lists, { store: 'lists', value: serdes.json() })
      .to(output)
  })
}

const records = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    value: fc.nat({ max: 99 }),
    timestampMs: fc.nat({ max: 1_000 }),
  }),
  { maxLength: 60 },
)

describe('count windows', () => {
  it('should hold so many records of a key each, one after the other or overlapping', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom('per-commit' as const, 'every-update' as const),
        async (made, size, step, emission) => {
          const advance = Math.min(size, step)
          const topology = listing(countWindow(size).every(advance))
          await withDriver(
            topology,
            { settings: { emission, cacheMaxBytesPerTask: 1_000 } },
            async (driver) => {
              for (let from = 0; from < made.length; from += 5) {
                await driver.write(input, ...made.slice(from, from + 5))
                await driver.run()
              }
              const expected = countWindowsOf(made as Taken<number>[], size, advance).map((window) => ({
                key: window.key,
                timestampMs: window.endMs,
                value: window.records.map(({ value }) => value),
              }))
              const full = (await driver.read(output)).map(({ key, value, timestampMs }) => ({
                key,
                timestampMs,
                value: value.value,
              }))
              const byKey = (lines: typeof expected) =>
                lines.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
              expect(byKey(full as typeof expected)).toEqual(byKey(expected))
            },
          )
        },
      ),
      { numRuns: 40 },
    )
  })

  it('should say which records of the key they hold, and from when they are', async () => {
    await withDriver(listing(countWindow(2)), {}, async (driver) => {
      await driver.pipe(
        input,
        { key: 'a', value: 1, timestampMs: 50 },
        { key: 'a', value: 2, timestampMs: 10 },
        { key: 'a', value: 3, timestampMs: 60 },
        { key: 'a', value: 4, timestampMs: 70 },
      )
      expect((await driver.read(output)).map(({ value }) => value)).toEqual([
        { fromRecord: 1, toRecord: 2, startMs: 10, endMs: 50, value: [1, 2] },
        { fromRecord: 3, toRecord: 4, startMs: 60, endMs: 70, value: [3, 4] },
      ])
    })
  })

  it('should forget a key after its time to live, and begin again at 1', async () => {
    const topology = defineTopology('counted', (builder) => {
      builder
        .stream(input)
        .groupByKey()
        .windowedBy(countWindow(2))
        .aggregate(lists, { store: 'lists', value: serdes.json(), ttlMs: 100 })
        .to(output)
    })
    await withDriver(topology, {}, async (driver) => {
      const at = (key: string, value: number, timestampMs: number) => ({ key, value, timestampMs })
      await driver.pipe(
        input,
        at('a', 1, 0),
        at('b', 2, 60),
        at('c', 3, 100),
        at('a', 4, 101),
        at('b', 5, 150),
      )
      const shownAs = (await driver.read(output)).map(({ key, value }) => [
        key,
        value.fromRecord,
        value.value,
      ])
      expect(shownAs).toEqual([['b', 1, [2, 5]]])
      await driver.pipe(input, at('a', 6, 160))
      const [window] = await driver.read(output)
      expect(window?.value).toMatchObject({ fromRecord: 1, toRecord: 2, value: [4, 6] })
    })
  })

  it('should not count records without a value', async () => {
    await withDriver(listing(countWindow(2)), {}, async (driver) => {
      await driver.pipe(input, { key: 'a', value: 1 }, { key: 'a', value: null }, { key: 'a', value: 2 })
      expect((await driver.read(output)).map(({ value }) => value.value)).toEqual([[1, 2]])
      expect(driver.droppedCount('null-value')).toBe(1)
    })
  })

  it('should count and reduce', async () => {
    const counts = jsonTopic<FullWindow<number>>('counts')
    const highest = jsonTopic<FullWindow<number>>('highest')
    const topology = defineTopology('counted', (builder) => {
      const grouped = builder.stream(jsonTopic<number>('numbers')).groupByKey()
      grouped.windowedBy(countWindow(2)).count({ store: 'counts' }).to(counts)
      grouped.windowedBy(countWindow(2).every(1)).reduce(Math.max, { store: 'highest' }).to(highest)
    })
    await withDriver(topology, {}, async (driver) => {
      const numbers = [3, 9, 4, 5].map((value) => ({ key: 'a', value }))
      await driver.pipe(jsonTopic<number>('numbers'), ...numbers)
      expect((await driver.read(counts)).map(({ value }) => value.value)).toEqual([2, 2])
      expect((await driver.read(highest)).map(({ value }) => value.value)).toEqual([9, 9, 5])
    })
  })

  it('should take in the records of several streams', async () => {
    const sums = jsonTopic<FullWindow<number>>('sums')
    const topology = defineTopology('counted', (builder) => {
      builder
        .stream(input)
        .groupByKey()
        .cogroup<number>((sum, value) => sum + value)
        .cogroup(builder.stream(other).groupByKey(), (sum, value) => sum - value)
        .windowedBy(countWindow(3))
        .aggregate({ init: () => 0 }, { store: 'sums', value: serdes.long })
        .mapValues(({ value }) => value)
        .to(jsonTopic<number>('sums'))
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(input, { key: 'a', value: 10 })
      await driver.pipe(other, { key: 'a', value: 3 }, { key: 'a', value: 2 })
      expect(shown(await driver.read(sums))).toEqual(['a=5@0'])
    })
  })

  it.each([countWindow, (size: number) => countWindow(5).every(size)])(
    'should refuse sizes that are none',
    (make) => {
      expect(() => make(0)).toThrow(/0; give a whole number/)
      expect(() => countWindow(2).every(3)).toThrow(/leave gaps/)
    },
  )
})
