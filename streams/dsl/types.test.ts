/** What the compiler must say about topologies, stated as types: these lines fail to compile when it no longer does. */
import { describe, expect, it } from 'vitest'
import { avro } from '../serde/avro.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { type Topic, topic } from '../serde/topic.ts'
import { countWindow } from '../time/count-windows.ts'
import { tumbling } from '../time/windows.ts'
import type { Windowed } from '../topology/store-spec.ts'
import type { FullWindow } from './count-aggregate.ts'
import { type KeyedContext, KeyedProcessor } from './keyed-processor.ts'
import type { KStream } from './kstream.ts'
import type { KTable } from './ktable.ts'
import { defineTopology } from './stream-builder.ts'
import type { WindowedStream } from './windowed-stream.ts'

interface Order {
  readonly user: string
  readonly total: number
}

interface Payment {
  readonly amount: number
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for a type that is `true`. */
function holds<T extends true>(..._proof: T[]): void {}

type Extends<A, B> = A extends B ? true : false

const orders = topic('orders', { key: serdes.string, value: serdes.json<Order>() })
const optionalOrders = topic('optional-orders', {
  key: serdes.string,
  value: nullable(serdes.json<Order>()),
})
const other = topic('other', { key: serdes.string, value: nullable(serdes.json<Order>()) })
const users = topic('users', { key: serdes.string, value: serdes.json<{ readonly city: string }>() })

describe('types', () => {
  it('should let a stream be written only to a topic that takes all it holds', () => {
    const topology = defineTopology('typed', (builder) => {
      const stream = builder.stream(orders)
      stream.to(optionalOrders)
      type Stream = typeof stream
      holds<Same<Stream, KStream<string, Order>>>()
      holds<Extends<Stream, ThisParameterType<typeof stream.to<string, Order>>>>()
      holds<Extends<Stream, ThisParameterType<typeof stream.to<string | null, Order | null>>>>()
      holds<Same<Extends<Stream, ThisParameterType<typeof stream.to<string, Payment>>>, false>>()
      holds<Same<Extends<Stream, ThisParameterType<typeof stream.to<number, Order>>>, false>>()

      const withNulls = builder.stream(other)
      holds<Same<Extends<typeof withNulls, ThisParameterType<typeof withNulls.to<string, Order>>>, false>>()
      const misspelt = stream.mapValues(({ user, total }) => ({ user, totl: total }))
      holds<Same<Extends<typeof misspelt, ThisParameterType<typeof misspelt.to<string, Order>>>, false>>()
    })
    expect(topology.topics.map(({ name }) => name)).toEqual(['orders', 'optional-orders', 'other'])
  })

  it('should be inferred without annotations, through every operator', () => {
    const topology = defineTopology('inferred', (builder) => {
      const stream = builder.stream(orders)
      const totals = stream.mapValues((order) => order.total)
      holds<Same<typeof totals, KStream<string, number>>>()

      const { large, rest } = stream.split({ large: (order) => order.total > 100 })
      holds<Same<typeof large, KStream<string, Order>>>()
      holds<Same<typeof rest, typeof large>>()

      const both = totals.merge(stream.mapValues((order) => order.user))
      holds<Same<typeof both, KStream<string, number | string>>>()

      const perUser = stream
        .groupBy((order) => order.user, serdes.string)
        .aggregate(
          {
            init: () => ({ orders: 0 }),
            add: (sum, order) => ({ orders: sum.orders + Math.sign(order.total) }),
          },
          { store: 'per-user', value: serdes.json() },
        )
      holds<Same<typeof perUser, KTable<string, { orders: number }>>>()
      const changes = perUser.toStream()
      holds<Same<typeof changes, KStream<string, { orders: number } | null>>>()

      const joined = stream.leftJoin(builder.table(users), (order, user) => ({ ...order, city: user?.city }))
      holds<Same<typeof joined, KStream<string, { city: string | undefined; user: string; total: number }>>>()

      const table = builder.table(optionalOrders)
      holds<Same<typeof table, KTable<string, Order>>>()
    })
    expect(topology.subTopologies).toHaveLength(3)
  })

  it('should follow windows, and records that are late to them', () => {
    const topology = defineTopology('windowed', (builder) => {
      const grouped = builder.stream(orders).groupByKey()
      const counts = grouped
        .windowedBy(tumbling(100))
        .lateTo((late) => {
          holds<Same<typeof late, KStream<string, Order>>>()
          late.to(orders)
        })
        .emit({ everyMs: 10, by: 'wall-clock' })
        .count({ store: 'counts' })
      holds<Same<typeof counts, KTable<Windowed<string>, number>>>()
      type Emission = Parameters<WindowedStream<string, Order>['emit']>[0]
      holds<Extends<{ everyMs: number }, Emission>>()
      holds<Same<Extends<{ everyMs: number; by: 'processing-time' }, Emission>, false>>()
      holds<Same<Extends<'on-commit', Emission>, false>>()
      const batches = grouped.windowedBy(countWindow(100)).count({ store: 'batches' })
      holds<Same<typeof batches, KStream<string, FullWindow<number>>>>()
    })
    expect(topology.nodes.map(({ name }) => name)).toContain('counts.late')
  })

  it('should come from the schema, so that a wrong field does not compile', () => {
    const schema = {
      type: 'record',
      name: 'Order',
      fields: [
        { name: 'user', type: 'string' },
        { name: 'total', type: 'long' },
      ],
    } as const
    const fromSchema = topic('from-schema', { key: serdes.string, value: avro<Order>(schema) })
    holds<Same<typeof fromSchema, Topic<string, Order>>>()
    const topology = defineTopology('schema', (builder) => {
      const stream = builder.stream(fromSchema)
      type Mapper = Parameters<typeof stream.mapValues>[0]
      holds<Extends<(order: { total: number }) => number, Mapper>>()
      holds<Same<Extends<(order: { totl: number }) => number, Mapper>, false>>()
      holds<Same<Extends<(order: { total: string }) => string, Mapper>, false>>()
    })
    expect(topology.topics[0]?.value.name).toBe('avro(Order)')
  })

  it('should let tables be joined only when they have the same keys', () => {
    type JoinsWith<K> = KTable<K, Order> extends Parameters<KTable<string, Order>['join']>[0] ? true : false
    holds<JoinsWith<string>>()
    holds<Same<JoinsWith<number>, false>>()
    type StreamJoinsWith<K> =
      KTable<K, Order> extends Parameters<KStream<string, Order>['join']>[0] ? true : false
    holds<StreamJoinsWith<string>>()
    holds<Same<StreamJoinsWith<number>, false>>()
    expect(orders.key).toBe(users.key)
  })

  it('should let a keyed processor take only what it is for, and know what it gives', () => {
    class Totals extends KeyedProcessor<string, Order, number> {
      readonly large = this.output<Order>()
      readonly count = this.value('count', serdes.long)

      override process(order: Order, { forward }: KeyedContext<string, number>): void {
        forward(order.total)
        type Forwarded = Parameters<typeof forward>[0]
        holds<Same<Forwarded, number>>()
        holds<Same<ReturnType<typeof this.count.get>, number | undefined>>()
      }
    }
    class OfPayments extends KeyedProcessor<string, Payment> {
      override process(): void {}
    }
    class OfNumbers extends KeyedProcessor<number, Order> {
      override process(): void {}
    }
    class OfAnything extends KeyedProcessor<unknown, object, 'seen'> {
      override process(): void {}
    }
    const topology = defineTopology('keyed', (builder) => {
      const grouped = builder.stream(orders).groupByKey()
      const streams = grouped.process('totals', () => new Totals())
      holds<Same<typeof streams.main, KStream<string, number>>>()
      holds<Same<typeof streams.large, KStream<string, Order>>>()
      holds<Same<Exclude<keyof typeof streams, 'main'>, 'large'>>()
      const { main } = grouped.process('anything', () => new OfAnything())
      holds<Same<typeof main, KStream<string, 'seen'>>>()

      type Taken = Parameters<typeof grouped.process>[1]
      holds<Same<Extends<() => OfPayments, Taken>, false>>()
      holds<Same<Extends<() => OfNumbers, Taken>, false>>()
      holds<Extends<() => Totals, Taken>>()
    })
    expect(topology.nodes.map(({ name }) => name)).toContain('totals.large')
  })
})
