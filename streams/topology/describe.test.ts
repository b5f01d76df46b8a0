import { describe, expect, it } from 'vitest'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import type { Sink } from '../ports/sink.ts'
import { serdes } from '../serde/serdes.ts'
import { describeTopology } from './describe.ts'

const sink: Sink<number> = {
  name: 'orders.db',
  open: async () => {
    throw new Error('never opened')
  },
}

const topology = defineTopology('shop', (builder) => {
  const products = builder.globalTable(jsonTopic<string>('products'), { store: 'products' })
  const { large } = builder
    .stream(jsonTopic<number>('orders'))
    .joinGlobal(
      products,
      (order) => String(order),
      (order) => order,
      'with-product',
    )
    .split({ large: (order) => order > 10 }, 'by-size')
  large.to(jsonTopic<number>('large-orders'))
  large
    .groupBy((order) => String(order), serdes.string)
    .count({ store: 'counts', ttlMs: 60_000 })
    .toStream()
    .mapValues((count) => count ?? 0, 'not-null')
    .to(jsonTopic<number>('order-counts'))
  builder.stream(jsonTopic<number>('rows')).toSink('write-rows', sink, (n) => [n])
})

describe('describeTopology', () => {
  it('should say in text what each sub-topology reads, keeps, does and writes', () => {
    expect(describeTopology(topology, 'text')).toMatchInlineSnapshot(`
      "Topology shop
        Global table products from topic products
        Sub-topology orders
          Source (orders: string, json) orders-source --> with-product
          Operator (inner join with global table) with-product [global products] --> by-size
          Operator (split) by-size --> by-size.large, by-size.rest
          Operator (output) by-size.large --> large-orders-sink-1, select-key-1
          Operator (output) by-size.rest
          Sink (large-orders: string, json) large-orders-sink-1
          Operator (selectKey) select-key-1 --> group-1
          Operator (group) group-1 --> counts-combine
          Operator (combine) counts-combine --> shop-counts-repartition-sink
          Sink (shop-counts-repartition: string, long) shop-counts-repartition-sink
        Sub-topology shop-counts-repartition
          Store counts: string -> long, forgotten after 60000 ms
          Source (shop-counts-repartition: string, long) shop-counts-repartition-source --> aggregate-counts
          Operator (aggregate) aggregate-counts [counts] --> to-stream-1
          Operator (toStream) to-stream-1 --> not-null
          Operator (mapValues) not-null --> order-counts-sink-1
          Sink (order-counts: string, json) order-counts-sink-1
        Sub-topology rows
          Source (rows: string, json) rows-source --> write-rows
          External sink (orders.db) write-rows"
    `)
  })

  it('should draw the topics, operators and stores for mermaid', () => {
    expect(describeTopology(topology, 'mermaid')).toMatchInlineSnapshot(`
      "flowchart LR
        subgraph g0["orders"]
          n1["with-product"]
          n2["by-size"]
          n3["by-size.large"]
          n4["by-size.rest"]
          n6["select-key-1"]
          n7["group-1"]
          n8["counts-combine"]
        end
        subgraph g1["shop-counts-repartition"]
          n11["aggregate-counts"]
          n12["to-stream-1"]
          n13["not-null"]
          s0[("counts")]
        end
        subgraph g2["rows"]
          n16[["orders.db"]]
        end
        t0{{"orders"}}
        t1{{"large-orders"}}
        t2{{"shop-counts-repartition"}}
        t3{{"order-counts"}}
        t4{{"rows"}}
        t5{{"products"}}
        t0 --> n1
        t5 -.-> n1
        n1 --> n2
        n2 --> n3
        n2 --> n4
        n3 --> t1
        n3 --> n6
        n6 --> n7
        n7 --> n8
        n8 --> t2
        t2 --> n11
        n11 <-.-> s0
        n11 --> n12
        n12 --> n13
        n13 --> t3
        t4 --> n16"
    `)
  })

  it('should give programs the same as JSON', () => {
    const data = JSON.parse(describeTopology(topology, 'json'))
    expect(data).toMatchObject({
      name: 'shop',
      globalTables: [{ store: 'products', topic: 'products' }],
      repartitionTopics: ['shop-counts-repartition'],
    })
    expect(data.subTopologies).toMatchObject([
      {
        name: 'orders',
        sourceTopics: ['orders'],
        sinkTopics: ['large-orders', 'shop-counts-repartition'],
        stores: [],
      },
      {
        name: 'shop-counts-repartition',
        sourceTopics: ['shop-counts-repartition'],
        sinkTopics: ['order-counts'],
        stores: [{ name: 'counts', key: 'string', value: 'long', ttlMs: 60_000 }],
      },
      { name: 'rows', sourceTopics: ['rows'], sinkTopics: [], stores: [] },
    ])
    expect(data.subTopologies[0].nodes.slice(0, 2)).toEqual([
      {
        name: 'orders-source',
        kind: 'source',
        topic: 'orders',
        stores: [],
        globalTables: [],
        to: ['with-product'],
      },
      {
        name: 'with-product',
        kind: 'inner join with global table',
        topic: null,
        stores: [],
        globalTables: ['products'],
        to: ['by-size'],
      },
    ])
  })

  it('should keep topics apart whose names differ only in signs', () => {
    const signs = defineTopology('signs', (builder) => {
      builder.stream(jsonTopic<number>('a-b')).to(jsonTopic<number>('a.b'))
    })
    expect(describeTopology(signs, 'mermaid')).toContain('t0 --> t1')
  })
})
