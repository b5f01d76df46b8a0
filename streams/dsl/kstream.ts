/** Streams: an unbounded run of records, each on its own. */
import type { Sink } from '../ports/sink.ts'
import type { Serde } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { GraphNode } from '../topology/graph.ts'
import { checkedTimestamp } from '../topology/source.ts'
import type { StreamPlace } from '../topology/stream-node.ts'
import type { Partitioner, Receiver, RecordContext, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { GlobalKTable } from './global-table.ts'
import { KGroupedStream } from './kgrouped-stream.ts'
import type { KTable } from './ktable.ts'
import {
  addProcessor,
  type OutputSpecs,
  type ProcessedStreams,
  type ProcessorDefinition,
  type StoreSpecs,
  type Unnamed,
} from './process.ts'
import type { Schedules } from './punctuation.ts'
import { type BranchNames, splitStream } from './split.ts'
import { joinOther, joinStreamWithGlobalTable, type StreamJoinOptions } from './stream-joins.ts'
import { type TableSourceOptions, tableFromStream } from './table-sources.ts'
import { joinStreams, type WindowJoinOptions } from './window-joins.ts'

/** What is known of a stream beside its records. */
export interface StreamTraits<K, V> {
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  /** True when the key is not the one that the records were partitioned by. */
  readonly keyChanged: boolean
  /** True when each record still has the key, and arrives in the order, of the source. */
  readonly fromSource: boolean
}

/**
 * A stream of records in a topology. Methods return new streams; none does any work before the topology runs.
 * A mapper must not change what it is given. `null` values are deletions and pass through the operators that take them.
 */
export class KStream<out K, out V> {
  readonly node: StreamPlace<K, V>
  readonly traits: StreamTraits<K, V>
  private readonly build: BuildContext

  constructor(build: BuildContext, node: StreamPlace<K, V>, traits: StreamTraits<K, V>) {
    this.build = build
    this.node = node
    this.traits = traits
  }

  /** A new key and value for each record. Where only one of them changes, `mapValues` and `selectKey` say so. */
  map<K2, V2>(mapper: (key: K, value: V) => readonly [K2, V2], name = this.nameFor('map')): KStream<K2, V2> {
    const node = this.operator<K2, V2>(name, 'map', (next, task, own) => (key, value, timestampMs) => {
      task.enter(own)
      const mapped = mapper(key, value)
      next(mapped[0], mapped[1], timestampMs)
    })
    return new KStream(this.build, node, unknownTraits)
  }

  /** A new value for each record. The key stays, so nothing is repartitioned behind it. */
  mapValues<V2>(mapper: (value: V, key: K) => V2, name = this.nameFor('map-values')): KStream<K, V2> {
    const node = this.operator<K, V2>(name, 'mapValues', (next, task, own) => (key, value, timestampMs) => {
      task.enter(own)
      next(key, mapper(value, key), timestampMs)
    })
    return new KStream(this.build, node, { ...this.traits, valueSerde: undefined })
  }

  /** Any number of records for each. */
  flatMap<K2, V2>(
    mapper: (key: K, value: V) => Iterable<readonly [K2, V2]>,
    name = this.nameFor('flat-map'),
  ): KStream<K2, V2> {
    const node = this.operator<K2, V2>(name, 'flatMap', (next, task, own) => (key, value, timestampMs) => {
      task.enter(own)
      for (const mapped of mapper(key, value)) {
        next(mapped[0], mapped[1], timestampMs)
        task.enter(own)
      }
    })
    return new KStream(this.build, node, unknownTraits)
  }

  /** Any number of values for each, under the same key. */
  flatMapValues<V2>(
    mapper: (value: V, key: K) => Iterable<V2>,
    name = this.nameFor('flat-map-values'),
  ): KStream<K, V2> {
    const node = this.operator<K, V2>(
      name,
      'flatMapValues',
      (next, task, own) => (key, value, timestampMs) => {
        task.enter(own)
        for (const mapped of mapper(value, key)) {
          next(key, mapped, timestampMs)
          task.enter(own)
        }
      },
    )
    return new KStream(this.build, node, { ...this.traits, valueSerde: undefined })
  }

  /** The records for which the predicate holds. */
  filter(predicate: (value: V, key: K) => boolean, name = this.nameFor('filter')): KStream<K, V> {
    const node = this.operator<K, V>(name, 'filter', (next, task, own) => (key, value, timestampMs) => {
      task.enter(own)
      if (predicate(value, key)) next(key, value, timestampMs)
    })
    return new KStream(this.build, node, this.traits)
  }

  /** The records for which the predicate does not hold. */
  filterNot(predicate: (value: V, key: K) => boolean, name = this.nameFor('filter-not')): KStream<K, V> {
    return this.filter((value, key) => !predicate(value, key), name)
  }

  /** Looks at each record and passes it on. */
  peek(look: (value: V, key: K) => void, name = this.nameFor('peek')): KStream<K, V> {
    const node = this.operator<K, V>(name, 'peek', (next, task, own) => (key, value, timestampMs) => {
      task.enter(own)
      look(value, key)
      next(key, value, timestampMs)
    })
    return new KStream(this.build, node, this.traits)
  }

  /** A new key; grouping or joining afterwards sends the records through a repartition topic. */
  selectKey<K2>(
    selector: (value: V, key: K) => K2,
    options: { readonly key?: Serde<K2>; readonly name?: string } = {},
  ): KStream<K2, V> {
    const name = options.name ?? this.nameFor('select-key')
    const node = this.operator<K2, V>(name, 'selectKey', (next, task, own) => (key, value, timestampMs) => {
      task.enter(own)
      next(selector(value, key), value, timestampMs)
    })
    return new KStream(this.build, node, {
      keySerde: options.key,
      valueSerde: this.traits.valueSerde,
      keyChanged: true,
      fromSource: false,
    })
  }

  /**
   * Gives records the time that their value says. A record whose time is not epoch milliseconds is an error, with the
   * code `TIMESTAMP_INVALID`. Where the topic is read, `stream(topic, { timestamp })` does better: records of several
   * inputs are then taken in the order of that time.
   */
  withTimestamp(timestampOf: (value: V, recordTimestampMs: number) => number): KStream<K, V> {
    const name = this.nameFor('with-timestamp')
    const node = this.operator<K, V>(
      name,
      'withTimestamp',
      (next, task, own) => (key, value, timestampMs) => {
        task.enter(own)
        next(key, value, checkedTimestamp(timestampOf(value, timestampMs)))
      },
    )
    return new KStream(this.build, node, this.traits)
  }

  /**
   * Splits by the first predicate that holds, in the order given; what none takes is in `rest`.
   *
   * @example const { large, rest } = orders.split({ large: (order) => order.total_amount > 1_000_000 })
   */
  split<B extends Readonly<Record<string, (value: V, key: K) => boolean>>>(
    branches: B,
    name = this.nameFor('split'),
  ): { readonly [N in BranchNames<B>]: KStream<K, V> } {
    const streams = splitStream(this.build, this.node, branches, name).map(([branch, node]) => [
      branch,
      new KStream<K, V>(this.build, node, this.traits),
    ])
    // The names are those of the branches, which Object.fromEntries forgets.
    return Object.fromEntries(streams) as { readonly [N in BranchNames<B>]: KStream<K, V> }
  }

  /** The records of both streams, each stream's in its own order. Streams of different types give one of either. */
  merge<V2 = V>(other: KStream<K, V2>, name = this.nameFor('merge')): KStream<K, V | V2> {
    const node = this.build.merge<K, V | V2>(this.node, other.node, name)
    return new KStream<K, V | V2>(this.build, node, {
      keySerde: this.traits.keySerde ?? other.traits.keySerde,
      // Two serdes that are not one and the same may not be for both types.
      valueSerde: this.traits.valueSerde === other.traits.valueSerde ? this.traits.valueSerde : undefined,
      keyChanged: this.traits.keyChanged || other.traits.keyChanged,
      fromSource: this.traits.fromSource && other.traits.fromSource,
    })
  }

  /**
   * An operator of one's own, with stores and any number of typed outputs.
   *
   * @example
   * const { valid, rejected } = orders.process('validate', {
   *   outputs: { valid: output<string, Order>(), rejected: output<string, Rejection>() },
   *   create: ({ outputs }) => (key, order) => {
   *     const reasons = check(order)
   *     if (reasons.length === 0) outputs.valid(key, order)
   *     else outputs.rejected(key, { order, reasons })
   *   },
   * })
   */
  process<O extends OutputSpecs, S extends StoreSpecs = Unnamed, T extends Schedules = Unnamed>(
    name: string,
    definition: ProcessorDefinition<K, V, S, O, T>,
  ): ProcessedStreams<O> {
    return addProcessor(this.build, this.node, name, definition, 'free', (node, spec) => {
      return new KStream(this.build, node, {
        keySerde: spec.key,
        valueSerde: spec.value,
        keyChanged: true,
        fromSource: false,
      })
    })
  }

  /** Like `process`, for a processor that keeps keys as they are: nothing is repartitioned afterwards. */
  processValues<O extends OutputSpecs, S extends StoreSpecs = Unnamed, T extends Schedules = Unnamed>(
    name: string,
    definition: ProcessorDefinition<K, V, S, O, T>,
  ): ProcessedStreams<O> {
    return addProcessor(this.build, this.node, name, definition, 'kept', (node, spec) => {
      return new KStream(this.build, node, {
        // Records keep this stream's keys, so its serde fits them.
        keySerde: spec.key ?? (this.traits.keySerde as Serde<unknown> | undefined),
        valueSerde: spec.value,
        keyChanged: this.traits.keyChanged,
        fromSource: false,
      })
    })
  }

  /** Sends the records through a topic of the topology's own, `<topology>-<name>-repartition`, so that equal keys meet. */
  repartition(options: {
    readonly name: string
    readonly key?: Serde<K>
    readonly value?: Serde<V>
    readonly partitions?: number
    /** Must give the same answer for the same key. */
    partitioner?(key: NonNullable<K>, partitionCount: number): number
  }): KStream<K, V> {
    const where = `repartition "${options.name}"`
    const key = this.build.serde(options.key ?? this.traits.keySerde, where, 'pass { key: … }')
    const value = this.build.serde(options.value ?? this.traits.valueSerde, where, 'pass { value: … }')
    const node = this.build.repartition(this.node, options.name, { key, value }, options)
    return new KStream(this.build, node, {
      keySerde: key,
      valueSerde: value,
      keyChanged: false,
      fromSource: true,
    })
  }

  /** Groups by the key as it is. Records without a key are dropped and counted. */
  groupByKey(
    serdes: { readonly key?: Serde<NonNullable<K>>; readonly value?: Serde<V> } = {},
  ): KGroupedStream<NonNullable<K>, V> {
    // A serde for keys that may be null also fits those that are not.
    const keySerde = serdes.key ?? (this.traits.keySerde as Serde<NonNullable<K>> | undefined)
    return new KGroupedStream<NonNullable<K>, V>(this.build, {
      stream: this.build.withoutNullKeys(this.node, this.nameFor('group')),
      keySerde,
      valueSerde: serdes.value ?? this.traits.valueSerde,
      repartition: this.traits.keyChanged,
      fromSource: this.traits.fromSource,
    })
  }

  /**
   * Groups by a new key, which takes a repartition topic named after what the group is aggregated into. Records whose new
   * key is null are dropped and counted.
   *
   * @example const perCountry = orders.groupBy((order) => order.country, serdes.string).count({ store: 'per-country' })
   */
  groupBy<K2>(
    selector: (value: V, key: K) => NoInfer<K2> | null,
    key: Serde<K2>,
    value?: Serde<V>,
  ): KGroupedStream<NonNullable<K2>, V> {
    // A serde for keys that may be null also fits those that are not.
    const notNull = key as Serde<NonNullable<K2>>
    return this.selectKey<K2 | null>(selector).groupByKey({
      key: notNull,
      ...(value === undefined ? {} : { value }),
    })
  }

  /**
   * The latest value of each key, as a table. Null values delete; records without a key are dropped and counted. It needs
   * a store when its key was changed, when it is joined, or when it is grouped.
   */
  toTable(
    options: TableSourceOptions<NonNullable<K>, NonNullable<V>> = {},
  ): KTable<NonNullable<K>, NonNullable<V>> {
    return tableFromStream(this.build, this, options)
  }

  /**
   * With a table: pairs each record with the row that has its key; without a row there is no result. Only the stream's records
   * cause results, each with the row as it is at that moment, or, of a versioned table, as of the record's time.
   *
   * With a stream: pairs records with the same key whose times lie within a window of each other. A result has the newer time.
   *
   * @example
   * const byRegion = views
   *   .selectKey((view) => view.user)
   *   .join(users, (view, user) => ({ page: view.page, region: user.region }), { name: 'views-by-user', key: serdes.string })
   * const paid = orders.join(payments, (order, payment) => ({ order, payment }), { store: 'paid', withinMs: hours(1) })
   */
  join<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: NonNullable<V>, other: NonNullable<V2>, key: NonNullable<K>) => R,
    options: WindowJoinOptions<K, V, V2>,
  ): KStream<K, R>
  join<VT, R>(
    table: KTable<NonNullable<K>, VT>,
    joiner: (value: NonNullable<V>, row: VT, key: NonNullable<K>) => R,
    options?: StreamJoinOptions<K, V>,
  ): KStream<K, R>
  join<V2, R>(
    other: KTable<NonNullable<K>, NonNullable<V2>> | KStream<K, V2>,
    joiner: (value: NonNullable<V>, other: NonNullable<V2>, key: NonNullable<K>) => R,
    options: StreamJoinOptions<K, V> | WindowJoinOptions<K, V, V2> = {},
  ): KStream<K, R> {
    // Where something is missing an inner join does not ask.
    return joinOther(this.build, this, other, options, 'inner', (l, r, key) => joiner(l!, r!, key!))
  }

  /**
   * Like `join`. Without a row, or a key, the joiner gets null. So it does for a record of another stream that did not come before
   * the window had closed by the watermark; such a result is final.
   */
  leftJoin<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: NonNullable<V>, other: NonNullable<V2> | null, key: K) => R,
    options: WindowJoinOptions<K, V, V2>,
  ): KStream<K, R>
  leftJoin<VT, R>(
    table: KTable<NonNullable<K>, VT>,
    joiner: (value: NonNullable<V>, row: VT | null, key: K) => R,
    options?: StreamJoinOptions<K, V>,
  ): KStream<K, R>
  leftJoin<V2, R>(
    other: KTable<NonNullable<K>, NonNullable<V2>> | KStream<K, V2>,
    joiner: (value: NonNullable<V>, other: NonNullable<V2> | null, key: K) => R,
    options: StreamJoinOptions<K, V> | WindowJoinOptions<K, V, V2> = {},
  ): KStream<K, R> {
    // The left one is never missing.
    return joinOther(this.build, this, other, options, 'left', (l, r, key) => joiner(l!, r, key))
  }

  /** Like `leftJoin` with a stream, for unmatched records of either. */
  outerJoin<V2, R>(
    other: KStream<K, V2>,
    joiner: (value: NonNullable<V> | null, other: NonNullable<V2> | null, key: K) => R,
    options: WindowJoinOptions<K, V, V2>,
  ): KStream<K, R> {
    return joinStreams(this.build, this, other, 'outer', options, joiner)
  }

  /**
   * Pairs each record with the row of a global table whose key it names; without a row, or a name, there is no result.
   *
   * @example const priced = lines.joinGlobal(products, (line) => line.productId, (line, product) => line.count * product.price)
   */
  joinGlobal<KT, VT, R>(
    table: GlobalKTable<KT, VT>,
    keyOf: (value: NonNullable<V>, key: K) => KT | null,
    joiner: (value: NonNullable<V>, row: VT, key: K) => R,
    name?: string,
  ): KStream<K, R> {
    return joinStreamWithGlobalTable(this.build, this, table, keyOf, name, 'inner', (value, row, key) =>
      row === null ? undefined : joiner(value, row, key),
    )
  }

  /** Like `joinGlobal`; without a row, or a name, the joiner gets null. */
  leftJoinGlobal<KT, VT, R>(
    table: GlobalKTable<KT, VT>,
    keyOf: (value: NonNullable<V>, key: K) => KT | null,
    joiner: (value: NonNullable<V>, row: VT | null, key: K) => R,
    name?: string,
  ): KStream<K, R> {
    return joinStreamWithGlobalTable(this.build, this, table, keyOf, name, 'left', joiner)
  }

  /**
   * Writes the records to a topic, which must take all that the stream holds: a stream with nulls needs a topic with
   * `nullable(…)` serdes. Without a partitioner the key decides, as in Kafka.
   */
  to<KT, VT>(
    this: KStream<NoInfer<KT>, NoInfer<VT>>,
    topic: Topic<KT, VT>,
    options: { readonly partitioner?: Partitioner<NonNullable<KT>> } = {},
  ): void {
    this.build.sink(this.node, topic, options)
  }

  /**
   * Writes rows made from the records to a transactional sink, exactly once. The sink keeps the positions, so nothing else
   * may be written, and no state kept, between the topic and it.
   */
  toSink<R>(
    name: string,
    sink: Sink<R>,
    toRows: (value: V, key: K, record: RecordContext) => Iterable<R>,
  ): void {
    const node = this.build.graph.add({
      name,
      role: { kind: 'external-sink', sink: sink.name },
      parents: [this.node.node],
    })
    this.node.attach((task) => {
      const write = task.externalSink(sink)
      return (key, value) => {
        task.enter(node)
        for (const row of toRows(value, key, task.record)) write(row)
      }
    })
  }

  private operator<K2, V2>(
    name: string,
    operator: string,
    make: (next: Receiver<K2, V2>, task: TaskContext, own: GraphNode) => Receiver<K, V>,
  ): StreamPlace<K2, V2> {
    return this.build.operator(this.node, { name, operator }, make)
  }

  private nameFor(operator: string): string {
    return this.build.graph.nameFor(operator)
  }
}

const unknownTraits = {
  keySerde: undefined,
  valueSerde: undefined,
  keyChanged: true,
  fromSource: false,
} as const
