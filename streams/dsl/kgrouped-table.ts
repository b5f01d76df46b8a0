/** A table with its rows grouped by another key, on its way to being aggregated. */
import type { Serde } from '../serde/serde.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { StreamNode, type TableNode } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import { type Change, changeSerde } from './change-serde.ts'
import type { TableOptions } from './kgrouped-stream.ts'
import { type KTable, type TableOutlet, tableFromStore } from './ktable.ts'

/** An aggregator that can also take values out again. */
export type TableAggregator<V, A, K> = Aggregator<V, A, K> & Required<Pick<Aggregator<V, A, K>, 'subtract'>>

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
    table: TableNode<K, V>,
    selector: (key: K, value: V) => readonly [K2 | null, V2],
    serdes: { readonly key: Serde<K2>; readonly value: Serde<V2> },
  ): KGroupedTable<K2, V2> {
    const node = build.graph.add({
      name: build.graph.nameFor('table-group'),
      role: { kind: 'operator', operator: 'group table' },
      parents: [table.node],
    })
    const changes = new StreamNode<K2, Change<V2>>(node)
    table.attach((task) => {
      const next = changes.compile(task)
      return (key, newValue, oldValue, timestampMs) => {
        task.enter(node)
        const [oldKey, oldPart] = oldValue === null ? nothing : selector(key, oldValue)
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
    const { serde, init, add, merge } = counting<V>()
    return this.aggregate(
      { init, add, subtract: (count) => count - 1, ...(merge === undefined ? {} : { merge }) },
      { ...options, value: serde },
    )
  }

  reduce(
    add: (reduced: V, value: V) => V,
    subtract: (reduced: V, value: V) => V,
    options: TableOptions<V>,
  ): KTable<K, V> {
    return this.fold(options, options.value ?? this.serdes.value, {
      first: (value) => value,
      add,
      subtract,
    })
  }

  aggregate<A>(
    aggregator: TableAggregator<V, A, K> & { readonly serde?: Serde<A> },
    options: TableOptions<A>,
  ): KTable<K, A> {
    return this.fold(options, options.value ?? aggregator.serde, {
      first: (value, key) => aggregator.add(aggregator.init(), value, key),
      add: (aggregate, value, key) => aggregator.add(aggregate, value, key),
      subtract: (aggregate, value, key) => aggregator.subtract(aggregate, value, key),
    })
  }

  private fold<A>(
    options: TableOptions<A>,
    value: Serde<A> | undefined,
    folding: TableFolding<K, V, A>,
  ): KTable<K, A> {
    const store: StoreSpec<K, A> = {
      name: options.store,
      key: this.serdes.key,
      value: this.build.serde(value, `store "${options.store}"`, 'pass { value: … } beside the store name'),
      ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }),
    }
    const stream = this.build.repartition(this.changes, store.name, {
      key: this.serdes.key,
      value: changeSerde(this.serdes.value),
    })
    return tableFromStore(this.build, stream, store, 'aggregate-table', (outlet, task) => {
      task.readsAhead(store)
      return aggregateChanges(task, store, outlet, folding)
    })
  }
}

const nothing = [null, null] as const

interface TableFolding<K, V, A> {
  first(value: V, key: K): A
  add(aggregate: A, value: V, key: K): A
  subtract(aggregate: A, value: V, key: K): A
}

function aggregateChanges<K, V, A>(
  task: TaskContext,
  spec: StoreSpec<K, A>,
  { node, receive }: TableOutlet<K, A>,
  folding: TableFolding<K, V, A>,
): Receiver<K, Change<V>> {
  const store = task.store(spec)
  const everyUpdate = task.emission === 'every-update'
  if (!everyUpdate) store.onFlush(receive)
  return (key, change, timestampMs) => {
    task.enter(node)
    const entry = store.entry(key)
    const before = entry.value
    let aggregate = before
    if (change.oldValue !== null && aggregate !== null)
      aggregate = folding.subtract(aggregate, change.oldValue, key)
    if (change.newValue !== null) {
      aggregate =
        aggregate === null
          ? folding.first(change.newValue, key)
          : folding.add(aggregate, change.newValue, key)
    }
    if (aggregate === null) return
    const newestMs = before === null ? timestampMs : Math.max(timestampMs, entry.timestampMs)
    store.update(entry, aggregate, newestMs)
    if (everyUpdate) receive(key, aggregate, before, newestMs)
  }
}
