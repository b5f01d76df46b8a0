/** Whatever is combined, held back until commit, or spread over partitions: the tables in the end are the same. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { latest, nullableTopic, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { summing } from './aggregators.ts'
import { defineTopology, type StreamBuilder } from './stream-builder.ts'

interface Row {
  readonly group: string
  readonly n: number
}

const left = nullableTopic<Row>('left')
const right = nullableTopic<Row>('right')
const topics = { left, right }
const output = nullableTopic<number>('output')

interface Input {
  readonly side: keyof typeof topics
  readonly key: string
  readonly value: Row | null
  /** Ends the commit: what was written since the last one is processed together. */
  readonly commits: boolean
}

const inputs = fc.array(
  fc.record({
    side: fc.constantFrom('left', 'right'),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(
      fc.record({ group: fc.constantFrom('x', 'y', 'z'), n: fc.integer({ min: -9, max: 9 }) }),
    ),
    commits: fc.boolean(),
  }),
  { maxLength: 40 },
)

interface Way {
  readonly partitions: number
  readonly emission: 'every-update' | 'per-commit'
  readonly together: boolean
}

const ways: readonly Way[] = [
  { partitions: 1, emission: 'per-commit', together: true },
  { partitions: 3, emission: 'per-commit', together: true },
  { partitions: 3, emission: 'every-update', together: false },
]

async function tableOf(
  declare: (builder: StreamBuilder) => void,
  given: readonly Input[],
  { partitions, emission, together }: Way,
): Promise<Record<string, number | null>> {
  const topology = defineTopology('table', declare)
  return withDriver(topology, { partitions, settings: { emission } }, async (driver) => {
    const read = new Set(topology.topics.map(({ name }) => name))
    for (const [index, { side, key, value, commits }] of given.entries()) {
      if (read.has(side)) await driver.write(topics[side], { key, value, timestampMs: index })
      if (commits || !together) await driver.run()
    }
    await driver.run()
    expect(await driver.deadLetters()).toEqual([])
    return Object.fromEntries(latest(await driver.read(output)))
  })
}

/** The tables that two topics are, by hand. */
function rowsOf(given: readonly Input[]) {
  const rows = { left: new Map<string, Row>(), right: new Map<string, Row>() }
  for (const { side, key, value } of given) {
    const table = rows[side]
    if (value === null) table.delete(key)
    else table.set(key, value)
  }
  return rows
}

function sumsBy(rows: Iterable<readonly [string, number]>): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [group, n] of rows) sums[group] = (sums[group] ?? 0) + n
  return sums
}

/** Groups that have been emptied stay, with 0: they are the same as groups that never were. */
function withoutZeros(table: Record<string, number | null>): Record<string, number | null> {
  return Object.fromEntries(Object.entries(table).filter(([, n]) => n !== 0))
}

const bySum = { store: 'sums', value: serdes.long }

function shouldCome(
  declare: (builder: StreamBuilder) => void,
  oracle: (given: readonly Input[]) => Record<string, number>,
) {
  return fc.assert(
    fc.asyncProperty(inputs, async (given) => {
      const expected = withoutZeros(oracle(given))
      for (const way of ways) {
        expect({ way, ...withoutZeros(await tableOf(declare, given, way)) }).toEqual({ way, ...expected })
      }
    }),
    { numRuns: 20 },
  )
}

const valuesOf = (given: readonly Input[]) =>
  given.flatMap(({ side, value }) => (side === 'left' && value !== null ? [value] : []))

describe('the table in the end', () => {
  it.each([true, false])('should be the sums of a re-keyed stream, combined: %s', async (combined) => {
    const summingRows = summing<Row>((row) => row.n)
    const { merge: _merge, ...plain } = summingRows
    await shouldCome(
      (builder) => {
        builder
          .stream(left)
          .filter((row) => row !== null)
          .groupBy((row) => row?.group ?? '', serdes.string)
          .aggregate(combined ? summingRows : plain, { store: 'sums' })
          .toStream()
          .to(output)
      },
      (given) => sumsBy(valuesOf(given).map(({ group, n }) => [group, n])),
    )
  })

  it.each([true, false])('should be the sums of the rows of a table, combined: %s', async (combined) => {
    const summingParts = summing<number>((n) => n)
    const { merge: _merge, ...plain } = summingParts
    await shouldCome(
      (builder) => {
        builder
          .table(left)
          .groupBy((_key, row) => [row.group, row.n], { key: serdes.string, value: serdes.long })
          .aggregate(combined ? summingParts : plain, { store: 'sums' })
          .toStream()
          .to(output)
      },
      (given) => sumsBy([...rowsOf(given).left.values()].map(({ group, n }) => [group, n])),
    )
  })

  it('should be the rows of a table that pass, mapped', async () => {
    await shouldCome(
      (builder) => {
        builder
          .table(left, { store: 'rows' })
          .filter((row) => row.n > 0)
          .mapValues((row) => row.n * 10)
          .toStream()
          .to(output)
      },
      (given) =>
        Object.fromEntries(
          [...rowsOf(given).left].filter(([, { n }]) => n > 0).map(([key, { n }]) => [key, n * 10]),
        ),
    )
  })

  it.each(['inner', 'left', 'outer'] as const)(
    'should be the sums over an %s join of two tables, although both sides change between commits',
    async (type) => {
      const product = (l: Row | null, r: Row | null): Row => ({
        group: l?.group ?? 'none',
        n: (l?.n ?? 100) * (r?.n ?? 1000),
      })
      await shouldCome(
        (builder) => {
          const [l, r] = [builder.table(left), builder.table(right)]
          const joined = {
            inner: () => l.join(r, product),
            left: () => l.leftJoin(r, product),
            outer: () => l.outerJoin(r, product),
          }[type]()
          joined
            .groupBy((_key, row) => [row.group, row.n], { key: serdes.string, value: serdes.long })
            .aggregate(
              summing((n) => n),
              bySum,
            )
            .toStream()
            .to(output)
        },
        (given) => {
          const rows = rowsOf(given)
          const keys = new Set([...rows.left.keys(), ...rows.right.keys()])
          const joined = [...keys].flatMap((key): (readonly [string, number])[] => {
            const [l, r] = [rows.left.get(key) ?? null, rows.right.get(key) ?? null]
            if (type === 'inner' && (l === null || r === null)) return []
            if (type === 'left' && l === null) return []
            const { group, n } = product(l, r)
            return [[group, n]]
          })
          return sumsBy(joined)
        },
      )
    },
  )

  it('should be the sums over a join of joins', async () => {
    await shouldCome(
      (builder) => {
        const [l, r] = [builder.table(left), builder.table(right)]
        l.join(r, (a, b) => a.n + b.n)
          .leftJoin(
            l.mapValues((row) => row.n),
            (sum, n) => sum * 10 + (n ?? 0),
            { store: 'both', value: serdes.long },
          )
          .groupBy((_key, n) => ['all', n], { key: serdes.string, value: serdes.long })
          .aggregate(
            summing((n) => n),
            bySum,
          )
          .toStream()
          .to(output)
      },
      (given) => {
        const rows = rowsOf(given)
        const pairs = [...rows.left].flatMap(([key, a]) => {
          const b = rows.right.get(key)
          return b === undefined ? [] : [['all', (a.n + b.n) * 10 + a.n] as const]
        })
        return sumsBy(pairs)
      },
    )
  })
})

describe('emission at commit', () => {
  it('should pass one change on per key and commit, with the newest value', async () => {
    const topology = defineTopology('newest', (builder) => {
      builder.stream(left).groupByKey().count({ store: 'counts' }).toStream().to(output)
    })
    await withDriver(topology, { settings: { emission: 'per-commit' } }, async (driver) => {
      const row: Row = { group: 'x', n: 1 }
      await driver.write(left, { key: 'a', value: row }, { key: 'b', value: row }, { key: 'a', value: row })
      await driver.run()
      await driver.write(left, { key: 'a', value: row })
      await driver.run()
      const records = await driver.read(output)
      expect(records.map(({ key, value }) => `${key}${value}`)).toEqual(['a2', 'b1', 'a3'])
    })
  })

  it('should say nothing of a row that came and went in between', async () => {
    const topology = defineTopology('gone', (builder) => {
      builder
        .table(left, { store: 'rows' })
        .mapValues((row) => row.n)
        .toStream()
        .to(output)
    })
    await withDriver(topology, { settings: { emission: 'per-commit' } }, async (driver) => {
      await driver.write(left, { key: 'a', value: { group: 'x', n: 1 } }, { key: 'a', value: null })
      await driver.run()
      expect(await driver.read(output)).toEqual([])
    })
  })

  it('should send one partial result per key, commit and task through a repartition topic', async () => {
    const topology = defineTopology('partials', (builder) => {
      builder
        .stream(left)
        .groupBy(() => 'all', serdes.string)
        .count({ store: 'counts' })
        .toStream()
        .to(output)
    })
    const [between] = topology.repartitionTopics
    await withDriver(topology, { partitions: 2, settings: { emission: 'per-commit' } }, async (driver) => {
      for (let i = 0; i < 20; i++) {
        await driver.write(left, { key: 'k', value: { group: 'x', n: i }, partition: i % 2 })
      }
      await driver.run()
      expect((await driver.read(between!)).map(({ value }) => value)).toEqual([10, 10])
      expect(latest(await driver.read(output))).toEqual(new Map([['all', 20]]))
    })
  })
})
