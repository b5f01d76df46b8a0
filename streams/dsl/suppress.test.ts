import { describe, expect, it } from 'vitest'
import { nullableTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { defineTopology } from './stream-builder.ts'

const rows = nullableTopic<number>('rows')
const asked = nullableTopic<string>('asked')
const output = nullableTopic<unknown>('output')

const at = (key: string, value: number | null, timestampMs: number) => ({ key, value, timestampMs })

describe('suppress', () => {
  it('should be a table of what was let go', async () => {
    const topology = defineTopology('suppress', (builder) => {
      const calm = builder.table(rows).suppress({ untilMs: 10, store: 'calm' })
      builder
        .stream(asked)
        .leftJoin(calm, (_question, row) => row)
        .to(output)
    })
    await withDriver(topology, {}, async (driver) => {
      const ask = async (timestampMs: number) => {
        await driver.pipe(asked, { key: 'a', value: '?', timestampMs })
        return shown(await driver.read(output))
      }
      await driver.pipe(rows, at('a', 1, 0), at('a', 2, 5))
      expect(await ask(6)).toEqual(['a=null@6'])
      await driver.pipe(rows, at('b', 1, 20))
      await ask(30)
      expect(await ask(31)).toEqual(['a=2@31'])
    })
  })

  it('should hold what an aggregator that changes in place passed on, not what it makes of it', async () => {
    const topology = defineTopology('suppress', (builder) => {
      builder
        .stream(rows)
        .groupByKey()
        .aggregate(
          {
            init: (): number[] => [],
            add: (list, value) => {
              list.push(value)
              return list
            },
          },
          { store: 'lists', value: serdes.json() },
        )
        .suppress({ untilMs: 10, store: 'calm' })
        .toStream()
        .to(output)
    })
    await withDriver(topology, { settings: { emission: 'per-commit' } }, async (driver) => {
      await driver.write(rows, at('a', 1, 0), at('a', 2, 1))
      await driver.run()
      await driver.write(rows, at('a', 3, 2), at('b', 4, 30))
      await driver.run()
      expect(shown(await driver.read(output))).toEqual(['a=[1,2]@1', 'a=[1,2,3]@2'])
    })
  })

  it('should find again what it held, and how much', async () => {
    const topology = defineTopology('suppress', (builder) => {
      builder.table(rows).suppress({ untilMs: 100, maxRecords: 2, store: 'calm' }).toStream().to(output)
    })
    await withDriver(topology, { settings: { cacheMaxBytesPerTask: 1 } }, async (driver) => {
      await driver.pipe(rows, at('a', 1, 0), at('b', 2, 1), at('a', 3, 2), at('c', 4, 3))
      expect(shown(await driver.read(output))).toEqual(['a=3@2'])
      await driver.pipe(rows, at('b', null, 4))
      await driver.endInput()
      expect(shown(await driver.read(output))).toEqual(['b=null@4', 'c=4@3'])
      expect([...driver.store('calm').range()]).toEqual([])
    })
  })

  it('should be refused without whole numbers', () => {
    const holding = (untilMs: number, maxRecords: number) => () =>
      defineTopology('suppress', (builder) => {
        builder.table(rows).suppress({ untilMs, maxRecords, store: 'calm' })
      })
    expect(holding(-1, 1)).toThrow(/untilMs is -1; give a whole number, 0 or more/)
    expect(holding(5, 0)).toThrow(/maxRecords is 0; give a whole number, 1 or more/)
  })
})
