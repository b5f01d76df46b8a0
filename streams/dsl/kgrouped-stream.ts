/** A stream with its records grouped by key, on its way to becoming a table. */
import type { Serde } from '../serde/serde.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import type { StreamNode } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import { combineBeforeRepartition } from './combine.ts'
import { type KTable, tableFromStore } from './ktable.ts'

/** Names the store of a table, which is also what its changelog topic is named after. */
export interface TableOptions<V> {
  readonly store: string
  readonly value?: Serde<V>
  /** A row is forgotten this long after its newest update. Undefined: never. */
  readonly ttlMs?: number
}

export interface Grouping<K, V> {
  readonly stream: StreamNode<K, V>
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  /** Whether equal keys may lie in different partitions. */
  readonly repartition: boolean
  readonly fromSource: boolean
}

/**
 * Records with a null value take part in no aggregate; they are dropped and counted. A result carries the time of the
 * newest record in it.
 */
export class KGroupedStream<K, V> {
  private readonly build: BuildContext
  private readonly grouping: Grouping<K, V>

  constructor(build: BuildContext, grouping: Grouping<K, V>) {
    this.build = build
    this.grouping = grouping
  }

  /** The number of records of each key. */
  count(options: Omit<TableOptions<number>, 'value'>): KTable<K, number> {
    const counter = counting<V>()
    return this.aggregate(counter, { ...options, value: counter.serde })
  }

  /**
   * Folds the values of a key two at a time. With `associative` set the reducer may also be given two results, so that
   * values are folded before they go through a repartition topic.
   */
  reduce(
    reducer: (reduced: NonNullable<V>, value: NonNullable<V>) => NonNullable<V>,
    options: TableOptions<NonNullable<V>> & { readonly associative?: boolean },
  ): KTable<K, NonNullable<V>> {
    const value = options.value ?? (this.grouping.valueSerde as Serde<NonNullable<V>> | undefined)
    const store = this.storeSpec({ ...options, ...(value === undefined ? {} : { value }) })
    return this.fold(store, {
      first: (added) => added,
      add: (reduced, added) => reducer(reduced, added),
      ...(options.associative === true ? { merge: reducer } : {}),
    })
  }

  /** Folds the values of a key into an aggregate of another type. */
  aggregate<A>(
    aggregator: Aggregator<NonNullable<V>, A, K> & { readonly serde?: Serde<A> },
    options: TableOptions<A>,
  ): KTable<K, A> {
    const value = options.value ?? aggregator.serde
    const store = this.storeSpec({ ...options, ...(value === undefined ? {} : { value }) })
    const { merge } = aggregator
    return this.fold(store, {
      first: (added, key) => aggregator.add(aggregator.init(), added, key),
      add: (aggregate, added, key) => aggregator.add(aggregate, added, key),
      ...(merge === undefined ? {} : { merge }),
    })
  }

  private storeSpec<A>(options: TableOptions<A>): StoreSpec<K, A> {
    const where = `store "${options.store}"`
    return {
      name: options.store,
      key: this.build.serde(
        this.grouping.keySerde,
        where,
        'pass { key: … } to groupByKey, or a serde to groupBy',
      ),
      value: this.build.serde(options.value, where, 'pass { value: … } beside the store name'),
      ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }),
    }
  }

  private fold<A>(store: StoreSpec<K, A>, folding: Folding<K, V, A>): KTable<K, A> {
    const { grouping, build } = this
    const { merge } = folding
    if (grouping.repartition && merge !== undefined) {
      const partials = combineBeforeRepartition(build, grouping.stream, store, { ...folding, merge })
      return tableFromStore(build, partials, store, 'aggregate', (next, task) =>
        aggregateInto(task, store, next, { first: (partial) => partial, add: merge }),
      )
    }
    const stream = grouping.repartition ? this.repartitioned(store.key, store.name) : grouping.stream
    const readsAhead = grouping.repartition || grouping.fromSource
    return tableFromStore(build, stream, store, 'aggregate', (next, task) => {
      if (readsAhead) task.readsAhead(store)
      return aggregateInto(task, store, next, folding)
    })
  }

  private repartitioned(key: Serde<K>, name: string): StreamNode<K, V> {
    const value = this.build.serde(
      this.grouping.valueSerde,
      `the repartition topic of "${name}"`,
      'pass the value serde to groupBy or groupByKey, or give the aggregator a merge',
    )
    return this.build.repartition(this.grouping.stream, name, { key, value })
  }
}

/** How values become an aggregate, from the first on. */
export interface Folding<K, V, A> {
  first(value: NonNullable<V>, key: K): A
  add(aggregate: A, value: NonNullable<V>, key: K): A
  merge?(left: A, right: A): A
}

function aggregateInto<K, V, A>(
  task: TaskContext,
  spec: StoreSpec<K, A>,
  next: AggregateReceivers<K, A>,
  folding: Folding<K, V, A>,
): Receiver<K, V> {
  const store = task.store(spec)
  const { node, receive } = next
  const everyUpdate = task.emission === 'every-update'
  if (!everyUpdate) store.onFlush(receive)
  return (key, value, timestampMs) => {
    if (value === null || value === undefined) {
      task.dropped(node, 'null-value')
      return
    }
    task.enter(node)
    const entry = store.entry(key)
    const old = entry.value
    const aggregate = old === null ? folding.first(value, key) : folding.add(old, value, key)
    const newestMs = old === null || timestampMs > entry.timestampMs ? timestampMs : entry.timestampMs
    store.update(entry, aggregate, newestMs)
    if (everyUpdate) receive(key, aggregate, old, newestMs)
  }
}

type AggregateReceivers<K, A> = Parameters<Parameters<typeof tableFromStore<K, unknown, A>>[4]>[0]
