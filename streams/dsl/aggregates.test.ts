import { describe, expect, it } from 'vitest'
import {
  into,
  jsonTopic,
  latest,
  nullableTopic,
  outcomeOf,
  shown,
  withDriver,
} from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { type Aggregator, counting, summing } from './aggregators.ts'
import { defineTopology } from './stream-builder.ts'

const numbers = jsonTopic<number>('numbers')
const results = nullableTopic<number>('results')
const lists = nullableTopic<readonly number[]>('lists')

const fiveNumbers = into(
  numbers,
  ...[5, 1, 4, 2, 3].map((value, i) => ({ key: i % 2 === 0 ? 'a' : 'b', value, timestampMs: 10 - i })),
)

describe('aggregates of a stream', () => {
  it('should count, with the time of the newest record', async () => {
    const { records } = await outcomeOf(
      (builder) => builder.stream(numbers).groupByKey().count({ store: 'counts' }).toStream().to(results),
      results,
      [fiveNumbers],
    )
    expect(shown(records)).toEqual(['a=1@10', 'b=1@9', 'a=2@10', 'b=2@9', 'a=3@10'])
  })

  it('should reduce from the first value on', async () => {
    const { records } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .groupByKey()
          .reduce((highest, n) => Math.max(highest, n), { store: 'highest' })
          .toStream()
          .to(results),
      results,
      [fiveNumbers],
    )
    expect(records.map(({ value }) => value)).toEqual([5, 1, 5, 2, 5])
  })

  it('should drop and count records without key or value', async () => {
    const values = nullableTopic<number>('values')
    const { records, dropped } = await outcomeOf(
      (builder) => builder.stream(values).groupByKey().count({ store: 'counts' }).toStream().to(results),
      results,
      [
        into(
          values,
          { key: null, value: 1 },
          { key: 'a', value: null },
          { key: null, value: null },
          { key: 'a', value: 1 },
        ),
      ],
    )
    expect(records).toHaveLength(1)
    expect([dropped('null-key'), dropped('null-value')]).toEqual([2, 1])
  })

  it('should delete the row when the aggregator answers null', async () => {
    const { records } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .groupByKey()
          .aggregate<number | null>(
            { init: () => 0, add: (sum, n) => (n === 4 ? null : (sum ?? 0) + n) },
            { store: 'sums', value: serdes.json() },
          )
          .toStream()
          .to(results),
      results,
      [fiveNumbers],
    )
    expect(records.map(({ key, value }) => [key, value])).toEqual([
      ['a', 5],
      ['b', 1],
      ['a', null],
      ['b', 3],
      ['a', 3],
    ])
  })

  it('should reject values that a sum cannot hold exactly, and keep the sum', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .groupBy(() => 'all', serdes.string)
          .aggregate(
            summing((n) => (n === 4 ? Number.NaN : n)),
            { store: 'sums' },
          )
          .toStream()
          .to(results),
      results,
      [fiveNumbers],
    )
    expect(latest(records).get('all')).toBe(11)
    expect(deadLetters).toMatchObject([{ code: 'SUM_NOT_EXACT', operator: 'sums-combine' }])
  })

  it('should take numbers and objects as keys', async () => {
    interface Parity {
      readonly even: boolean
    }
    const { records } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .groupBy((n): Parity => ({ even: n % 2 === 0 }), serdes.json<Parity>())
          .count({ store: 'counts' })
          .toStream()
          .map((parity, count) => [parity.even ? 'even' : 'odd', count] as const)
          .to(results),
      results,
      [fiveNumbers],
      { partitions: 3, settings: { emission: 'per-commit' } },
    )
    expect(latest(records)).toEqual(
      new Map([
        ['even', 2],
        ['odd', 3],
      ]),
    )
  })
})

describe('a time to live', () => {
  const declare = (emission: 'every-update' | 'per-commit') =>
    outcomeOf(
      (builder) =>
        builder.stream(numbers).groupByKey().count({ store: 'counts', ttlMs: 100 }).toStream().to(results),
      results,
      [
        into(numbers, { key: 'a', value: 1, timestampMs: 0 }, { key: 'a', value: 1, timestampMs: 99 }),
        into(numbers, { key: 'b', value: 1, timestampMs: 198 }, { key: 'a', value: 1, timestampMs: 198 }),
        into(numbers, { key: 'a', value: 1, timestampMs: 298 }),
      ],
      { settings: { emission } },
    )

  it.each(['every-update', 'per-commit'] as const)(
    'should begin anew once a row is older than that, %s',
    async (emission) => {
      const { records } = await declare(emission)
      const ofA = records.filter(({ key }) => key === 'a').map(({ value }) => value)
      expect(ofA.filter((value) => value !== null)).toEqual([1, 2, 3, 1])
    },
  )

  it.each(['every-update', 'per-commit'] as const)(
    'should pass the deletion of a forgotten row on, %s',
    async (emission) => {
      const { records } = await outcomeOf(
        (builder) => builder.table(numbers, { store: 'rows', ttlMs: 64 }).toStream().to(results),
        results,
        [
          into(numbers, { key: 'a', value: 1, timestampMs: 10 }),
          into(numbers, { key: 'b', value: 2, timestampMs: 200 }),
        ],
        { settings: { emission } },
      )
      expect(latest(records)).toEqual(new Map([['b', 2]]))
      expect(shown(records)).toContain('a=null@10')
    },
  )
})

describe('an aggregator that changes its aggregate in place', () => {
  const pushing: Aggregator<number, number[]> = {
    init: () => [],
    add: (list, n) => {
      list.push(n)
      return list
    },
  }

  it.each(['every-update', 'per-commit'] as const)(
    'should not change the values that filters and groups remember, %s',
    async (emission) => {
      const { records } = await outcomeOf(
        (builder) =>
          builder
            .stream(numbers)
            .groupByKey()
            .aggregate(pushing, { store: 'lists', value: serdes.json() })
            .filter((list) => list.length !== 2)
            .groupBy((_key, list) => ['length', list.length], { key: serdes.string, value: serdes.long })
            .aggregate(
              summing((length) => length),
              { store: 'total-length' },
            )
            .toStream()
            .to(results),
        results,
        [fiveNumbers],
        { settings: { emission } },
      )
      expect(latest(records)).toEqual(new Map([['length', 3]]))
    },
  )
})

describe('a cogroup', () => {
  const payments = jsonTopic<number>('payments')
  const refunds = jsonTopic<{ readonly account: string; readonly amount: number }>('refunds')

  it.each([
    ['combined', { merge: (left: number, right: number) => left + right }],
    ['value by value', {}],
  ])('should fold streams of different types into one row, re-keyed ones too, %s', async (_way, merging) => {
    const topology = defineTopology('balances', (builder) => {
      builder
        .stream(payments)
        .groupByKey()
        .cogroup<number>((balance, amount) => balance + amount)
        .cogroup(
          builder.stream(refunds).groupBy((refund) => refund.account, serdes.string, refunds.value),
          (balance, refund) => balance - refund.amount,
        )
        .aggregate({ init: () => 0, ...merging }, { store: 'balances', value: serdes.long })
        .toStream()
        .to(results)
    })
    expect(topology.repartitionTopics.map(({ name }) => name)).toEqual(['balances-balances-2-repartition'])
    const rows = await withDriver(topology, { partitions: 3 }, async (driver) => {
      await driver.pipe(payments, { key: 'x', value: 100 }, { key: 'y', value: 50 })
      await driver.pipe(
        refunds,
        { key: 'r1', value: { account: 'x', amount: 30 } },
        { key: 'r2', value: { account: 'x', amount: 5 } },
        { key: 'r3', value: { account: 'z', amount: 1 } },
      )
      return latest(await driver.read(results))
    })
    expect(rows).toEqual(
      new Map([
        ['x', 65],
        ['y', 50],
        ['z', -1],
      ]),
    )
  })
})

describe('aggregates of a table', () => {
  interface Row {
    readonly group: string | null
    readonly n: number
  }
  const rows = nullableTopic<Row>('rows')
  const changes = into(
    rows,
    { key: '1', value: { group: 'x', n: 5 }, timestampMs: 1 },
    { key: '2', value: { group: 'x', n: 7 }, timestampMs: 2 },
    { key: '1', value: { group: 'y', n: 5 }, timestampMs: 3 },
    { key: '2', value: null, timestampMs: 4 },
    { key: '3', value: { group: null, n: 9 }, timestampMs: 5 },
  )
  const byGroup = { key: serdes.string, value: serdes.long }

  it('should follow rows that move, change and go', async () => {
    const { records } = await outcomeOf(
      (builder) =>
        builder
          .table(rows)
          .groupBy((_key, row) => [row.group, row.n], byGroup)
          .aggregate(
            summing((n) => n),
            { store: 'sums' },
          )
          .toStream()
          .to(results),
      results,
      [changes],
    )
    expect(shown(records)).toEqual(['x=5@1', 'x=12@2', 'x=7@3', 'y=5@3', 'x=0@4'])
  })

  it('should send one partial result per group and commit through the repartition topic when they can be merged', async () => {
    const topology = defineTopology('combined', (builder) => {
      const grouped = builder.table(rows).groupBy((_key, row) => [row.group, row.n], byGroup)
      grouped.count({ store: 'counts' }).toStream().to(results)
      grouped
        .aggregate<readonly number[]>(
          {
            init: () => [],
            add: (list, n) => [...list, n],
            subtract: (list, n) => list.filter((other) => other !== n),
          },
          { store: 'lists', value: serdes.json() },
        )
        .toStream()
        .to(lists)
    })
    const byName = new Map(topology.repartitionTopics.map((between) => [between.name, between]))
    await withDriver(topology, { settings: { emission: 'per-commit' } }, async (driver) => {
      await changes(driver)
      expect(latest(await driver.read(results))).toEqual(
        new Map([
          ['x', 0],
          ['y', 1],
        ]),
      )
      expect(latest(await driver.read(lists))).toEqual(
        new Map([
          ['x', []],
          ['y', [5]],
        ]),
      )
    })
    expect(byName.get('combined-counts-repartition')?.value.name).toBe('long')
    expect(byName.get('combined-lists-repartition')?.value.name).toBe('nullable(change(long))')
  })

  it('should refuse what the built-in sum refuses, and count without a value', () => {
    expect(counting().merge(2, counting().subtract(0, 'x', 'k'))).toBe(1)
    expect(() => summing((n: number) => n).add(0, 0.5, 'k')).toThrow(/sum smaller units/)
    expect(() => summing((n: number) => n).merge(Number.MAX_SAFE_INTEGER, 1)).toThrow(/2\^53/)
  })
})
