import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newestOf, slidingWindowsOf, type Taken } from '../../tests/support/listed-window-oracle.ts'
import { latest, nullableTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { sliding } from '../time/sliding-windows.ts'
import { defineTopology } from './stream-builder.ts'

const input = nullableTopic<number>('input')
const output = nullableTopic<readonly number[]>('output')

/** An aggregator that changes its aggregate in place: windows must not share one. */
const lists = {
  init: (): number[] => [],
  add: (list: number[], value: number | null) => {
    list.push(value ?? 0)
    return list
  },
}

function listing(differenceMs: number, graceMs: number, emit: 'on-change' | 'on-close') {
  return defineTopology('sliding', (builder) => {
    builder
      .stream(input)
      .groupByKey()
      .windowedBy(sliding(differenceMs).grace(graceMs))
      .emit(emit)
      .aggregate(lists, { store: 'lists', value: serdes.json() })
      .toStream()
      .map(({ key, startMs, endMs }, list) => [`${key}[${startMs},${endMs}]`, list && [...list]])
      .to(output)
  })
}

const records = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b'),
    value: fc.nat({ max: 9 }),
    timestampMs: fc.nat({ max: 60 }),
  }),
  { maxLength: 30 },
)

describe('sliding windows', () => {
  it('should come to what the documentation of Kafka Streams shows', async () => {
    await withDriver(listing(5_000, 10_000, 'on-close'), {}, async (driver) => {
      await driver.pipe(
        input,
        { key: 'A', value: 1, timestampMs: 8_000 },
        { key: 'A', value: 2, timestampMs: 9_200 },
        { key: 'A', value: 3, timestampMs: 12_400 },
      )
      await driver.endInput()
      expect(shown(await driver.read(output))).toEqual([
        'A[3000,8000]=[1]@8000',
        'A[4200,9200]=[1,2]@9200',
        'A[7400,12400]=[1,2,3]@12400',
        'A[8001,13001]=[2,3]@12400',
        'A[9201,14201]=[3]@12400',
      ])
    })
  })

  it('should be those of the plain oracle, whatever the order of the records', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('on-change' as const, 'on-close' as const),
        fc.constantFrom('per-commit' as const, 'every-update' as const),
        fc.integer({ min: 1, max: 8 }),
        async (made, differenceMs, emit, emission, batch) => {
          const settings = { emission, cacheMaxBytesPerTask: 500, wakeMaxRows: 2 }
          await withDriver(listing(differenceMs, 60, emit), { settings }, async (driver) => {
            for (let from = 0; from < made.length; from += batch) {
              await driver.write(input, ...made.slice(from, from + batch))
              await driver.run()
            }
            await driver.endInput()
            const emitted = await driver.read(output)
            const expected = slidingWindowsOf(made as Taken<number>[], differenceMs).map((window) => ({
              key: `${window.key}[${window.startMs},${window.endMs}]`,
              value: window.records.map(({ value }) => value),
              timestampMs: newestOf(window.records),
            }))
            const byKey = new Map(expected.map(({ key, value }) => [key, value]))
            expect(latest(emitted)).toEqual(byKey)
            if (emit === 'on-close') expect(emitted).toHaveLength(expected.length)
            const times = new Map(emitted.map(({ key, timestampMs }) => [key, timestampMs]))
            expect(times).toEqual(new Map(expected.map(({ key, timestampMs }) => [key, timestampMs])))
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('should keep a window for as long as one may begin with its content, and forget it then', async () => {
    await withDriver(listing(10, 0, 'on-close'), {}, async (driver) => {
      await driver.pipe(
        input,
        { key: 'a', value: 1, timestampMs: 100 },
        { key: 'other', value: 0, timestampMs: 109 },
        { key: 'a', value: 2, timestampMs: 110 },
        { key: 'other', value: 0, timestampMs: 1_000 },
      )
      expect(shown(await driver.read(output)).filter((line) => line.startsWith('a'))).toEqual([
        'a[90,100]=[1]@100',
        'a[100,110]=[1,2]@110',
        'a[101,111]=[2]@110',
      ])
      expect([...driver.store<string, unknown>('lists').range()].map(([key]) => key)).toEqual(['other'])
    })
  })

  it('should leave records without a value out', async () => {
    await withDriver(listing(10, 0, 'on-change'), {}, async (driver) => {
      await driver.pipe(input, { key: 'a', value: null, timestampMs: 100 })
      expect(driver.droppedCount('null-value')).toBe(1)
      expect(await driver.read(output)).toEqual([])
    })
  })

  it('should change nothing of a record whose aggregator throws', async () => {
    const topology = defineTopology('sliding', (builder) => {
      builder
        .stream(input)
        .groupByKey()
        .windowedBy(sliding(10))
        .reduce(
          (sum, value) => {
            if (value < 0) throw new Error('negative')
            return sum + value
          },
          { store: 'sums' },
        )
        .toStream()
        .map(({ key, startMs }, sum) => [`${key}@${startMs}`, sum === null ? null : [sum]])
        .to(output)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(
        input,
        { key: 'a', value: 1, timestampMs: 100 },
        { key: 'a', value: -5, timestampMs: 105 },
      )
      expect((await driver.deadLetters()).map(({ message }) => message)).toEqual(['negative'])
      await driver.pipe(input, { key: 'a', value: 2, timestampMs: 105 })
      expect(shown(await driver.read(output))).toEqual(['a@90=[1]@100', 'a@101=[2]@105', 'a@95=[3]@105'])
    })
  })
})
