import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { versionedJoin } from '../../tests/support/versioned-join-oracle.ts'
import {
  defineTopology,
  nullable,
  type RuntimeSettings,
  type StreamBuilder,
  serdes,
  type Topology,
  topic,
} from '../index.ts'
import { TopologyTestDriver } from '../testing/index.ts'

const stream = topic('stream', { key: serdes.string, value: nullable(serdes.string) })
const table = topic('table', { key: serdes.string, value: nullable(serdes.string) })
const output = topic('output', { key: serdes.string, value: nullable(serdes.string) })

async function withDriver<T>(
  declare: (builder: StreamBuilder) => void,
  use: (driver: TopologyTestDriver, next: () => Promise<string[]>) => Promise<T>,
  settings: Partial<RuntimeSettings> = {},
): Promise<T> {
  const topology: Topology = defineTopology('versions', declare)
  const driver = await TopologyTestDriver.open(topology, { settings })
  try {
    return await use(driver, async () =>
      (await driver.read(output)).map(({ key, value, timestampMs }) => `${key} ${value} ${timestampMs}`),
    )
  } finally {
    await driver.close()
  }
}

const versioned = (historyMs: number) => ({ store: 'rows', versioned: { historyMs } })
const pair = (value: string, row: string | null): string => `${value}-${row}`
const at = (key: string, value: string | null, timestampMs: number) => ({ key, value, timestampMs })

describe('versioned table', () => {
  it('should join a record with the row as of its time', async () => {
    await withDriver(
      (builder) =>
        builder
          .stream(stream)
          .leftJoin(builder.table(table, versioned(1_000)), pair)
          .to(output),
      async (driver, next) => {
        await driver.pipe(
          table,
          at('a', 'r100', 100),
          at('a', 'r200', 200),
          at('a', null, 300),
          at('a', 'r400', 400),
        )
        await driver.pipe(
          stream,
          at('a', 's', 99),
          at('a', 's', 100),
          at('a', 's', 299),
          at('a', 's', 300),
          at('a', 's', 900),
        )
        expect(await next()).toEqual([
          'a s-null 99',
          'a s-r100 100',
          'a s-r200 299',
          'a s-null 300',
          'a s-r400 900',
        ])
        await driver.pipe(table, at('a', 'r150', 150))
        await driver.pipe(stream, at('a', 's', 160), at('a', 's', 910))
        expect(await next()).toEqual(['a s-r150 160', 'a s-r400 910'])
      },
    )
  })

  it('should find the row as of a time through filter and mapValues', async () => {
    await withDriver(
      (builder) => {
        const rows = builder.table(table, versioned(1_000))
        const long = rows.mapValues((row) => row.toUpperCase()).filter((row) => row.length > 1)
        builder.stream(stream).leftJoin(long, pair).to(output)
      },
      async (driver, next) => {
        await driver.pipe(table, at('a', 'one', 100), at('a', 'x', 200))
        await driver.pipe(stream, at('a', 's', 150), at('a', 's', 250))
        expect(await next()).toEqual(['a s-ONE 150', 'a s-null 250'])
      },
    )
  })

  it('should leave out what is older than its history, counted as late', async () => {
    await withDriver(
      (builder) => builder.table(table, versioned(100)).toStream().to(output),
      async (driver, next) => {
        await driver.pipe(table, at('b', 'new', 1_000), at('a', 'old', 899), at('a', 'in time', 900))
        expect(await next()).toEqual(['b new 1000', 'a in time 900'])
        expect(driver.droppedCount('late')).toBe(1)
      },
    )
  })

  it('should keep no versions that nobody may ask for', async () => {
    await withDriver(
      (builder) => builder.table(table, versioned(100)),
      async (driver) => {
        await driver.pipe(
          table,
          at('a', 'r1', 100),
          at('a', 'r2', 150),
          at('a', 'r3', 200),
          at('a', 'r4', 270),
        )
        expect(driver.store('rows').get('a')).toEqual([
          { timestampMs: 150, value: 'r2' },
          { timestampMs: 200, value: 'r3' },
          { timestampMs: 270, value: 'r4' },
        ])
      },
    )
  })

  it('should forget a row whose deletion lies behind the history', async () => {
    await withDriver(
      (builder) => builder.table(table, versioned(100)),
      async (driver) => {
        await driver.pipe(
          table,
          at('a', 'r1', 100),
          at('a', null, 150),
          at('b', 'r2', 120),
          at('b', null, 130),
          at('b', 'r3', 140),
        )
        await driver.pipe(table, at('c', 'r4', 250))
        expect(driver.store('rows').get('a')).toHaveLength(2)
        await driver.pipe(table, at('c', 'r5', 251))
        expect(driver.store('rows').get('a')).toBeUndefined()
        expect(driver.store('rows').get('b')).toHaveLength(3)
        await driver.pipe(table, at('c', null, 260))
        await driver.endInput()
        expect(driver.store('rows').get('c')).toHaveLength(3)
      },
    )
  })

  const total = (builder: StreamBuilder) =>
    builder
      .table(table, versioned(1_000))
      .groupBy((_key, row) => ['all', Number(row)], { key: serdes.string, value: serdes.long })
      .reduce(
        (sum, n) => sum + n,
        (sum, n) => sum - n,
        { store: 'sum' },
      )
      .toStream()
      .mapValues((sum) => String(sum))
      .to(output)

  it.each(['every-update', 'per-commit'] as const)('should be aggregated as it is, %s', async (emission) => {
    await withDriver(
      total,
      async (driver, next) => {
        await driver.pipe(table, at('a', '1', 100), at('a', '5', 300), at('a', '100', 200), at('b', '7', 310))
        expect((await next()).at(-1)).toBe('all 12 310')
      },
      { emission },
    )
  })

  it('should pass on at commit what the row is then, and nothing of its past', async () => {
    await withDriver(
      (builder) => builder.table(table, versioned(1_000)).toStream().to(output),
      async (driver, next) => {
        await driver.write(table, at('a', 'r1', 100), at('a', 'r2', 300), at('a', 'past', 200))
        await driver.run()
        expect(await next()).toEqual(['a r2 300'])
        await driver.pipe(table, at('a', 'past again', 250))
        expect(await next()).toEqual([])
      },
      { emission: 'per-commit' },
    )
  })

  it('should be asked for when records are to wait for it', () => {
    const declare = () =>
      defineTopology('plain', (builder) => {
        builder.stream(stream).join(builder.table(table), pair, { name: 'waiting', graceMs: 10 }).to(output)
      })
    expect(declare).toThrow('has graceMs 10; give whole milliseconds, and the table { versioned')
  })
})

describe('join of a stream with a versioned table, with a grace', () => {
  const waiting = (graceMs: number) => (builder: StreamBuilder) =>
    builder
      .stream(stream)
      .leftJoin(builder.table(table, versioned(10_000)), pair, { name: 'waiting', graceMs })
      .to(output)

  it('should let a record wait until the stream has passed it by the grace, for rows that come late', async () => {
    await withDriver(waiting(50), async (driver, next) => {
      await driver.pipe(stream, at('a', 's1', 100), at('b', 's2', 149))
      await driver.pipe(table, at('a', 'late row', 90))
      expect(await next()).toEqual([])
      await driver.pipe(stream, at('b', 's3', 150))
      expect(await next()).toEqual(['a s1-late row 100'])
      await driver.pipe(stream, at('a', 'too late to wait', 95))
      expect(await next()).toEqual(['a too late to wait-late row 95'])
      await driver.endInput()
      expect(await next()).toEqual(['b s2-null 149', 'b s3-null 150'])
    })
  })

  const inputs = fc.array(
    fc.record({
      from: fc.constantFrom('stream' as const, 'table' as const),
      key: fc.constantFrom('a', 'b'),
      isNull: fc.integer({ max: 9, min: 0 }).map((n) => n === 0),
      gapMs: fc.oneof(fc.constant(0), fc.nat({ max: 30 }), fc.nat({ max: 300 })),
      behindMs: fc.oneof(fc.constant(0), fc.nat({ max: 120 })),
    }),
    { maxLength: 50 },
  )

  it('should come to what a plain oracle says', async () => {
    await fc.assert(
      fc.asyncProperty(
        inputs,
        fc.constantFrom(null, 0, 20, 100),
        fc.constantFrom(0, 50, 1_000),
        fc.constantFrom('inner' as const, 'left' as const),
        fc.integer({ min: 1, max: 3 }),
        async (made, graceMs, historyMs, type, wakeMaxRows) => {
          const newestMs = { stream: 1_000, table: 1_000 }
          const all = made.map(({ from, key, isNull, gapMs, behindMs }, index) => {
            newestMs[from] += gapMs
            const value = isNull ? null : `${from[0]}${index}`
            return { from, key, value, timestampMs: newestMs[from] - behindMs }
          })
          await withDriver(
            (builder) => {
              const [left, rows] = [builder.stream(stream), builder.table(table, versioned(historyMs))]
              const grace = graceMs === null ? {} : { name: 'waiting', graceMs }
              const joined =
                type === 'inner' ? left.join(rows, pair, grace) : left.leftJoin(rows, pair, grace)
              joined.to(output)
            },
            async (driver, next) => {
              const results: string[] = []
              for (const [index, { from, ...record }] of all.entries()) {
                await driver.pipe(from === 'stream' ? stream : table, record)
                results.push(...(await next()).map((result) => `${index} ${result}`))
              }
              const expected = versionedJoin({ type, historyMs, graceMs }, all).map(
                ({ inputIndex, key, value, row, timestampMs }) =>
                  `${inputIndex} ${key} ${pair(value, row)} ${timestampMs}`,
              )
              expect(results.sort()).toEqual(expected.sort())
            },
            { wakeMaxRows },
          )
        },
      ),
      { numRuns: 100 },
    )
  })
})
