import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  type KTable,
  nullable,
  type RuntimeSettings,
  serdes,
  type Topology,
  topic,
  tumbling,
} from '../index.ts'
import { TopologyTestDriver } from '../testing/index.ts'

const orders = topic('orders', { key: serdes.string, value: nullable(serdes.string) }, { partitions: 3 })
const users = topic('users', { key: serdes.string, value: nullable(serdes.string) }, { partitions: 2 })
const output = topic('output', { key: serdes.string, value: nullable(serdes.string) })

/** An order's value is the key of its user, and what else it says. */
const userOf = (order: string): string | null => (order.startsWith('-') ? null : order.split(' ')[0]!)
const pair = (order: string, user: string | null): string => `${order} of ${user ?? 'nobody'}`

function topologyOf(
  type: 'joinOn' | 'leftJoinOn',
  more: (table: KTable<string, string>) => void = () => {},
): Topology {
  return defineTopology('orders', (builder) => {
    const [left, right] = [builder.table(orders), builder.table(users)]
    const options = { store: 'of-users', value: serdes.string }
    const joined =
      type === 'joinOn'
        ? left.joinOn(right, userOf, pair, options)
        : left.leftJoinOn(right, userOf, pair, options)
    joined.toStream().to(output)
    more(joined)
  })
}

async function withDriver(
  topology: Topology,
  use: (driver: TopologyTestDriver, next: () => Promise<string[]>) => Promise<void>,
  settings: Partial<RuntimeSettings> = {},
): Promise<void> {
  const driver = await TopologyTestDriver.open(topology, { settings, partitions: 2 })
  try {
    await use(driver, async () => (await driver.read(output)).map(({ key, value }) => `${key}: ${value}`))
  } finally {
    await driver.close()
  }
}

describe('join of tables by foreign key', () => {
  it('should follow both tables, and be told of a row by the row that it names alone', async () => {
    await withDriver(topologyOf('joinOn'), async (driver, next) => {
      await driver.pipe(
        orders,
        { key: 'o1', value: 'u1 x', timestampMs: 1 },
        { key: 'o2', value: 'u2 y', timestampMs: 2 },
      )
      expect(await next()).toEqual([])
      await driver.pipe(users, { key: 'u1', value: 'Ann', timestampMs: 3 })
      expect(await next()).toEqual(['o1: u1 x of Ann'])
      await driver.pipe(orders, { key: 'o2', value: 'u1 z', timestampMs: 4 })
      expect(await next()).toEqual(['o2: u1 z of Ann'])
      await driver.pipe(users, { key: 'u2', value: 'Bob', timestampMs: 5 })
      expect(await next()).toEqual([])
      await driver.pipe(users, { key: 'u1', value: null, timestampMs: 6 })
      expect((await next()).sort()).toEqual(['o1: null', 'o2: null'])
    })
  })

  it('should keep of a reference nothing once it is given up', async () => {
    await withDriver(topologyOf('leftJoinOn'), async (driver, next) => {
      const references = () =>
        [0, 1].flatMap((partition) => [...driver.store('of-users-references', partition).range()])
      await driver.pipe(orders, { key: 'o1', value: 'u1 x', timestampMs: 1 })
      await driver.pipe(orders, { key: 'o1', value: 'u2 x', timestampMs: 2 })
      expect(references().map(([reference]) => reference)).toEqual([{ foreignKey: 'u2', key: 'o1' }])
      await driver.pipe(orders, { key: 'o1', value: '- x', timestampMs: 3 })
      expect(references()).toEqual([])
      await driver.pipe(orders, { key: 'o1', value: 'u2 x', timestampMs: 4 })
      await driver.pipe(orders, { key: 'o1', value: null, timestampMs: 5 })
      expect(references()).toEqual([])
      expect(await next()).toEqual([
        'o1: u1 x of nobody',
        'o1: u2 x of nobody',
        'o1: - x of nobody',
        'o1: u2 x of nobody',
        'o1: null',
      ])
    })
  })

  it('should see nothing of a row that came and went between two commits', async () => {
    await withDriver(
      topologyOf('joinOn'),
      async (driver, next) => {
        await driver.write(users, { key: 'u1', value: 'Ann', timestampMs: 1 })
        await driver.write(orders, { key: 'o0', value: 'u1 x', timestampMs: 2 })
        await driver.write(users, { key: 'u1', value: null, timestampMs: 3 })
        await driver.run()
        expect(await next()).toEqual([])
      },
      { emission: 'per-commit' },
    )
  })

  it('should let time pass to windows behind it, although both ways make a circle', async () => {
    const counts = topic('counts', { key: serdes.string, value: nullable(serdes.long) })
    const topology = topologyOf('leftJoinOn', (joined) =>
      joined
        .toStream()
        .groupBy((value) => value?.split(' ').at(-1) ?? null, serdes.string, nullable(serdes.string))
        .windowedBy(tumbling(100).grace(1_000))
        .emit('on-close')
        .count({ store: 'per-user' })
        .toStream(({ key, startMs }) => `${key}@${startMs}`)
        .to(counts),
    )
    await withDriver(topology, async (driver) => {
      await driver.pipe(users, { key: 'u1', value: 'Ann', timestampMs: 10 })
      await driver.pipe(
        orders,
        { key: 'o1', value: 'u1 x', timestampMs: 20 },
        { key: 'o2', value: 'u1 y', timestampMs: 30 },
      )
      for (const partition of [0, 1, 2]) {
        await driver.pipe(orders, { key: 'o9', value: '- late', timestampMs: 5_000, partition })
      }
      driver.clock.advance(10_000)
      await driver.run()
      await driver.run()
      expect((await driver.read(counts)).map(({ key, value }) => [key, value])).toEqual([['Ann@0', 2]])
    })
  })

  it('should join a table with itself', async () => {
    const topology = defineTopology('itself', (builder) => {
      const staff = builder.table(orders)
      const bossOf = (row: string): string | null => userOf(row)
      staff.joinOn(staff, bossOf, pair, { store: 'bosses', value: serdes.string }).toStream().to(output)
    })
    await withDriver(topology, async (driver, next) => {
      await driver.pipe(
        orders,
        { key: 'ann', value: '- boss', timestampMs: 1 },
        { key: 'bob', value: 'ann x', timestampMs: 2 },
      )
      expect(await next()).toEqual(['bob: ann x of - boss'])
      await driver.pipe(orders, { key: 'ann', value: 'ann y', timestampMs: 3 })
      expect((await next()).sort()).toEqual(['ann: ann y of ann y', 'bob: ann x of ann y'])
    })
  })

  it('should come to what the tables come to, whatever changes between commits', async () => {
    const change = fc.record({
      of: fc.constantFrom('order' as const, 'user' as const),
      row: fc.nat({ max: 3 }),
      refersTo: fc.option(fc.nat({ max: 3 }), { freq: 5 }),
      isDeleted: fc.boolean(),
      commits: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 40 }),
        fc.constantFrom('joinOn' as const, 'leftJoinOn' as const),
        fc.constantFrom('per-commit' as const, 'every-update' as const),
        async (changes, type, emission) => {
          const rows = { order: new Map<string, string>(), user: new Map<string, string>() }
          await withDriver(
            topologyOf(type),
            async (driver) => {
              for (const [index, { of, row, refersTo, isDeleted, commits }] of changes.entries()) {
                const key = `${of[0]}${row}`
                const value =
                  of === 'user' ? `name${index}` : `${refersTo === null ? '-' : `u${refersTo}`} ${index}`
                if (isDeleted) rows[of].delete(key)
                else rows[of].set(key, value)
                const input = { key, value: isDeleted ? null : value, timestampMs: index }
                await driver.write(of === 'order' ? orders : users, input)
                if (commits) await driver.run()
              }
              await driver.run()
              const results = new Map<string, string>()
              for (const { key, value } of await driver.read(output)) {
                if (value === null) results.delete(key)
                else results.set(key, value)
              }
              const expected = [...rows.order].flatMap(([key, order]): [string, string][] => {
                const name = userOf(order)
                const user = (name === null ? undefined : rows.user.get(name)) ?? null
                return user === null && type === 'joinOn' ? [] : [[key, pair(order, user)]]
              })
              expect(results).toEqual(new Map(expected))
            },
            { emission },
          )
        },
      ),
      { numRuns: 100 },
    )
  })
})
