import { describe, expect, it } from 'vitest'
import { into, jsonTopic, latest, nullableTopic, outcomeOf, shown } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'

interface View {
  readonly user: string
  readonly page: string
}

const views = jsonTopic<View>('views')
const users = topic('users', { key: serdes.string, value: serdes.string }, { partitions: 5 })
const output = nullableTopic<string>('output')

const names = Array.from({ length: 12 }, (_, i) => `user-${i}`)
const allUsers = into(
  users,
  ...names.map((name) => ({ key: name, value: `city of ${name}`, timestampMs: 1 })),
)
const oneViewEach = into(
  views,
  ...names.map((user, i) => ({ key: `view-${i}`, value: { user, page: `p${i}` }, timestampMs: 100 + i })),
)

describe('join of a stream with a table', () => {
  it('should find the rows of all partitions, through a repartition topic with as many as the table has', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        builder
          .stream(views)
          .selectKey((view) => view.user)
          .join(builder.table(users), (view, city) => `${view.page} ${city}`, {
            name: 'views-by-user',
            key: serdes.string,
          })
          .to(output)
      },
      output,
      [allUsers, oneViewEach],
      { partitions: 3 },
    )
    expect(latest(records)).toEqual(new Map(names.map((name, i) => [name, `p${i} city of ${name}`])))
  })

  it('should take the row as it is when the record comes, and nothing of later changes', async () => {
    const orders = jsonTopic<number>('orders')
    const rates = nullableTopic<number>('rates')
    const results = nullableTopic<number | null>('results')
    const { records } = await outcomeOf(
      (builder) =>
        builder
          .stream(orders)
          .leftJoin(builder.table(rates), (n, rate) => (rate === null ? null : n * rate))
          .to(results),
      results,
      [
        into(orders, { key: 'a', value: 1, timestampMs: 1 }),
        into(rates, { key: 'a', value: 10, timestampMs: 2 }),
        into(orders, { key: 'a', value: 2, timestampMs: 3 }),
        into(rates, { key: 'a', value: null, timestampMs: 4 }),
        into(orders, { key: 'a', value: 3, timestampMs: 5 }),
      ],
    )
    expect(shown(records)).toEqual(['a=null@1', 'a=20@3', 'a=null@5'])
  })

  it('should take records of stream and table that wait together in the order of their times', async () => {
    const { TopologyTestDriver } = await import('../testing/topology-test-driver.ts')
    const { defineTopology } = await import('./stream-builder.ts')
    const orders = jsonTopic<number>('orders')
    const rates = jsonTopic<number>('rates')
    const results = jsonTopic<number>('results')
    const driver = await TopologyTestDriver.open(
      defineTopology('rated', (builder) => {
        builder
          .stream(orders)
          .join(builder.table(rates), (n, rate) => n * rate)
          .to(results)
      }),
    )
    await driver.write(
      orders,
      { key: 'a', value: 1, timestampMs: 20 },
      { key: 'a', value: 1, timestampMs: 40 },
    )
    await driver.write(
      rates,
      { key: 'a', value: 10, timestampMs: 10 },
      { key: 'a', value: 30, timestampMs: 30 },
    )
    await driver.run()
    expect(shown(await driver.read(results))).toEqual(['a=10@20', 'a=30@40'])
    await driver.close()
  })

  it('should refuse topics whose partitions do not match, naming the join and the topics', async () => {
    const opened = outcomeOf(
      (builder) =>
        builder
          .stream(jsonTopic<string>('stream'))
          .join(builder.table(users), (value, row) => value + row, { name: 'mismatched' })
          .to(output),
      output,
      [],
      { partitions: 3 },
    )
    await expect(opened).rejects.toMatchObject({ code: 'PARTITIONS_NOT_ALIKE' })
    await expect(opened).rejects.toThrow('"mismatched" brings keys of topics with different partition counts')
  })

  it('should drop records without a value, and without a key in an inner join', async () => {
    const orders = nullableTopic<string>('orders')
    const given = into(
      orders,
      { key: null, value: 'x', timestampMs: 1 },
      { key: 'a', value: null, timestampMs: 2 },
      { key: 'a', value: 'y', timestampMs: 3 },
    )
    const both = (value: string, row: string | null) => `${value} ${row}`
    const joined = (type: 'join' | 'leftJoin') =>
      outcomeOf(
        (builder) => {
          const [stream, table] = [builder.stream(orders), builder.table(users)]
          const pairs = type === 'join' ? stream.join(table, both) : stream.leftJoin(table, both)
          pairs.to(output)
        },
        output,
        [given],
        { partitions: 5 },
      )
    const inner = await joined('join')
    expect([shown(inner.records), inner.dropped('null-key'), inner.dropped('null-value')]).toEqual([[], 1, 1])
    const left = await joined('leftJoin')
    expect(shown(left.records).sort()).toEqual(['a="y null"@3', 'null="x null"@1'])
  })
})

describe('join of a stream with a global table', () => {
  it('should find any row from any partition, with no repartition', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const cities = builder.globalTable(users, { store: 'cities' })
        builder
          .stream(views)
          .joinGlobal(
            cities,
            (view) => view.user,
            (view, city) => `${view.page} ${city}`,
          )
          .to(output)
      },
      output,
      [allUsers, oneViewEach],
      { partitions: 3 },
    )
    expect(new Set(records.map(({ value }) => value))).toEqual(
      new Set(names.map((name, i) => `p${i} city of ${name}`)),
    )
  })

  it('should give a left join null for a row that is not there, or has gone', async () => {
    const rows = nullableTopic<string>('rows')
    const { records } = await outcomeOf(
      (builder) => {
        const table = builder.globalTable(rows, { store: 'rows' })
        builder
          .stream(views)
          .leftJoinGlobal(
            table,
            (view) => view.user,
            (view, row) => `${view.page} ${row}`,
          )
          .to(output)
      },
      output,
      [
        into(views, { key: '1', value: { user: 'u', page: 'p' }, timestampMs: 1 }),
        into(rows, { key: 'u', value: 'row' }),
        into(views, { key: '2', value: { user: 'u', page: 'p' }, timestampMs: 2 }),
        into(rows, { key: 'u', value: null }),
        into(views, { key: '3', value: { user: 'u', page: 'p' }, timestampMs: 3 }),
      ],
    )
    expect(records.map(({ value }) => value)).toEqual(['p null', 'p row', 'p null'])
  })
})
