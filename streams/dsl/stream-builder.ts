/** The way into the DSL: what a topology reads. */

import { StreamsError } from '../errors.ts'
import type { Topic } from '../serde/topic.ts'
import { checkName } from '../topology/graph.ts'
import { defaultTiming, type SourceTiming, type TimestampExtractor } from '../topology/source.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { buildTopology, type Topology } from '../topology/topology.ts'
import { BuildContext } from './build-context.ts'
import { GlobalKTable } from './global-table.ts'
import { KStream } from './kstream.ts'
import { KTable } from './ktable.ts'
import { type TableSourceOptions, tableFromTopic } from './table-sources.ts'

/** How the records of a topic are timed; what is left out of the timing is the default. */
export interface StreamOptions<K, V> extends Partial<SourceTiming> {
  readonly timestamp?: TimestampExtractor<K, V>
}

export class StreamBuilder {
  private readonly build: BuildContext

  constructor(build: BuildContext) {
    this.build = build
  }

  /**
   * The records of a topic, each on its own. With `timestamp` they have the time that their value says; records of several
   * inputs are taken in the order of that time. The newest time in a partition, less `disorderMs`, is its watermark: what
   * belongs to windows that have closed by then is late. A partition that has been read to its end for `idleAfterMs` is left
   * out of the task's watermark (`idle: 'ignore'`), or holds it (`'wait'`), or follows the clock (`'wall-clock'`).
   *
   * @example
   * const orders = builder.stream(topics.orders, { timestamp: (order) => order.orderedTime, disorderMs: minutes(1) })
   */
  stream<K, V>(topic: Topic<K, V>, options: StreamOptions<K, V> = {}): KStream<K, V> {
    const timing = timingOf(topic.name, options)
    return new KStream(this.build, this.build.source(topic, { timestamp: options.timestamp, timing }), {
      keySerde: topic.key,
      valueSerde: topic.value,
      keyChanged: false,
      fromSource: true,
    })
  }

  /**
   * A topic as a table: the latest value of each key. Null values delete; records without a key are dropped and counted.
   * It gets a store when it is named here, joined or grouped; without a name the store has the topic's. With `versioned` it
   * remembers what each row was, so that streams are joined with the row as of each record's time.
   *
   * @example const users = builder.table(topics.users, { store: 'users' })
   */
  table<K, V>(
    topic: Topic<K, V>,
    options: TableSourceOptions<NonNullable<K>, NonNullable<V>> = {},
  ): KTable<NonNullable<K>, NonNullable<V>> {
    return tableFromTopic(this.build, topic, options)
  }

  /**
   * A topic as a table that every instance holds whole, in memory, whatever its partitions: for joins by any key, without
   * repartitioning the stream. For tables that fit into memory and change seldom.
   *
   * @example const products = builder.globalTable(topics.products, { store: 'products' })
   */
  globalTable<K, V>(
    topic: Topic<K, V>,
    options: { readonly store: string },
  ): GlobalKTable<NonNullable<K>, NonNullable<V>> {
    checkName('store', options.store)
    const store: StoreSpec<NonNullable<K>, NonNullable<V>> = {
      name: options.store,
      // Records without key or value never reach the codecs, so the topic's serdes fit the narrower types.
      key: topic.key as StoreSpec<NonNullable<K>, NonNullable<V>>['key'],
      value: topic.value as StoreSpec<NonNullable<K>, NonNullable<V>>['value'],
    }
    this.build.globalTable({ store, topic })
    return new GlobalKTable(store)
  }
}

function timingOf(topicName: string, options: Partial<SourceTiming>): SourceTiming {
  const { disorderMs, idle, idleAfterMs } = { ...defaultTiming, ...options }
  for (const [name, value] of Object.entries({ disorderMs, idleAfterMs })) {
    if (Number.isSafeInteger(value) && value >= 0) continue
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `stream of topic ${topicName}: ${name} is ${value}; give whole milliseconds, 0 or more`,
    )
  }
  return { disorderMs, idle, idleAfterMs }
}

/**
 * Declares a topology: a pure value that can be described, tested and run.
 *
 * @example
 * export const wordCount = defineTopology('word-count', (builder) => {
 *   builder
 *     .stream(lines)
 *     .flatMapValues((line) => line.toLowerCase().split(/\W+/))
 *     .groupBy((word) => word, serdes.string)
 *     .count({ store: 'counts' })
 *     .toStream()
 *     .to(counts)
 * })
 * @throws TOPOLOGY_INVALID naming what is wrong and what to do.
 */
export function defineTopology(name: string, declare: (builder: StreamBuilder) => void): Topology {
  checkName('topology', name)
  const build = new BuildContext(name, {
    stream: (context, place, traits) => new KStream(context, place, traits),
    table: (context, place, traits) => new KTable(context, place, traits),
  })
  declare(new StreamBuilder(build))
  return buildTopology(name, build.graph, build.sources, build.globalTables)
}
