/** A table with its rows grouped by another key, on its way to being aggregated. */
import type { Serde } from '../serde/serde.ts'
import { StreamNode, type TablePlace } from '../topology/stream-node.ts'
import {
  aggregateInput,
  aggregateStore,
  aggregateTable,
  type Combining,
  type Folding,
  type TableOptions,
} from './aggregate.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import { type Change, changeSerde } from './change-serde.ts'
import type { KTable } from './ktable.ts'
import { ofRowsBefore } from './stored-rows.ts'

/**
 * An aggregator that can also take values out again. One with a `merge` is combined before the repartition topic: taking a
 * value out of a new aggregate, and merging that, must then be the same as taking it out. So it is for sums and counts,
 * but not for lists.
 */
export type TableAggregator<V, A, K = unknown> = Aggregator<V, A, K> &
  Required<Pick<Aggregator<V, A, K>, 'subtract'>>

/**
 * An aggregate follows the table: a row that is replaced or deleted is taken out, then its new value is put in. A group
 * whose last row has gone keeps what is left, such as a count of 0.
 */
export class KGroupedTable<K, V> {
  private readonly build: BuildContext
  private readonly changes: StreamNode<K, Change<V>>
  private readonly serdes: { readonly key: Serde<K>; readonly value: Serde<V> }

  private constructor(
    build: BuildContext,
    changes: StreamNode<K, Change<V>>,
    serdes: { readonly key: Serde<K>; readonly value: Serde<V> },
  ) {
    this.build = build
    this.changes = changes
    this.serdes = serdes
  }

  static from<K, V, K2, V2>(
    build: BuildContext,
    table: TablePlace<K, V>,
    selector: (key: K, value: V) => readonly [K2 | null, V2],
    serdes: { readonly key: Serde<K2>; readonly value: Serde<V2> },
  ): KGroupedTable<K2, V2> {
    const node = build.graph.add({
      name: build.graph.nameFor('table-group'),
      role: { kind: 'operator', operator: 'group table' },
      parents: [table.node],
    })
    const changes = new StreamNode<K2, Change<V2>>(node)
    const selectorBefore = ofRowsBefore(selector)
    table.attach((task) => {
      const next = changes.compile(task)
      return (key, newValue, oldValue, timestampMs) => {
        task.enter(node)
        const [oldKey, oldPart] = oldValue === null ? nothing : (selectorBefore(key, oldValue) ?? nothing)
        const [newKey, newPart] = newValue === null ? nothing : selector(key, newValue)
        if (oldKey !== null && oldKey === newKey) {
          next(oldKey, { newValue: newPart, oldValue: oldPart }, timestampMs)
          return
        }
        if (oldKey !== null) next(oldKey, { newValue: null, oldValue: oldPart }, timestampMs)
        if (newKey !== null) next(newKey, { newValue: newPart, oldValue: null }, timestampMs)
      }
    })
    return new KGroupedTable(build, changes, serdes)
  }

  /** The number of rows of each group. */
  count(options: Omit<TableOptions<number>, 'value'>): KTable<K, number> {
    return this.aggregate(counting<V>(), options)
  }

  /** Folds the values of a group two at a time; `subtract` takes one out again. */
  reduce(
    add: (reduced: V, value: V) => V,
    subtract: (reduced: V, value: V) => V,
    options: TableOptions<V>,
  ): KTable<K, V> {
    const folding = changeFolding<K, V, V>((value) => value, add, subtract)
    return this.fold(options.value ?? this.serdes.value, options, folding, undefined)
  }

  /**
   * Folds the values of a group into an aggregate of another type.
   *
   * @example
   * const stock = articles
   *   .groupBy((_id, article) => [article.warehouse, article.pieces], { key: serdes.string, value: serdes.long })
   *   .aggregate(summing((pieces) => pieces), { store: 'stock' })
   */
  aggregate<A>(
    aggregator: TableAggregator<V, A, K> & { readonly serde?: Serde<A> },
    options: TableOptions<A>,
  ): KTable<K, A> {
    const { merge } = aggregator
    const first = (value: V, key: K) => aggregator.add(aggregator.init(), value, key)
    const folding = changeFolding<K, V, A>(
      first,
      (aggregate, value, key) => aggregator.add(aggregate, value, key),
      (aggregate, value, key) => aggregator.subtract(aggregate, value, key),
    )
    const partial = {
      ...folding,
      first: (change: Change<V>, key: K) => folding.add(aggregator.init(), change, key),
    }
    // A group that was forgotten for its age has nothing left to take values out of, which a partial result cannot tell.
    const combining = merge === undefined || options.ttlMs !== undefined ? undefined : { partial, merge }
    return this.fold(options.value ?? aggregator.serde, options, folding, combining)
  }

  private fold<A>(
    value: Serde<A> | undefined,
    options: TableOptions<A>,
    folding: Folding<K, Change<V>, A>,
    combining: Combining<K, Change<V>, A> | undefined,
  ): KTable<K, A> {
    const { build, serdes } = this
    const grouping = {
      stream: this.changes,
      keySerde: serdes.key,
      valueSerde: changeSerde(serdes.value),
      repartition: true,
      fromSource: false,
    }
    const store = aggregateStore(build, grouping, value, options)
    const input = aggregateInput(build, grouping, store, store.name, folding, combining)
    return aggregateTable(build, store, 'aggregate-table', [input])
  }
}

const nothing = [null, null] as const

function changeFolding<K, V, A>(
  first: (value: V, key: K) => A,
  add: (aggregate: A, value: V, key: K) => A,
  subtract: (aggregate: A, value: V, key: K) => A,
): Folding<K, Change<V>, A> {
  return {
    first: ({ newValue }, key) => (newValue === null ? null : first(newValue, key)),
    add: (aggregate, { newValue, oldValue }, key) => {
      const without = oldValue === null ? aggregate : subtract(aggregate, oldValue, key)
      if (newValue === null) return without
      return without === null ? first(newValue, key) : add(without, newValue, key)
    },
  }
}
