/**
 * Folding the values of each key into a table: what aggregates of streams, of cogrouped streams and of tables share.
 *
 * Invariants:
 * 1. The aggregate of a key lies in one task: inputs whose keys may lie elsewhere pass a repartition topic first.
 * 2. A result carries the timestamp of the newest value in it.
 * 3. An aggregator may change the aggregate that it is given. Where someone looks at old values it is given a copy, once
 *    per key and commit, or at each update when each is passed on.
 */
import type { Serde } from '../serde/serde.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { LiveEntry, StoreSpec } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import type { StreamNode, StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import { combineBeforeRepartition } from './combine.ts'
import type { KTable } from './ktable.ts'
import { passingOn } from './stored-rows.ts'
import { type TableOutlet, tableOfStore } from './table-sources.ts'

/** Names the store of a table, which is also what its changelog topic is named after. */
export interface TableOptions<V> {
  readonly store: string
  readonly value?: Serde<V>
  /** A row is forgotten this long after its newest update. Undefined: never. */
  readonly ttlMs?: number
}

/** How values become an aggregate, from the first on. Null: there is none (any more). */
export interface Fold<K, V, A> {
  first(value: V, key: K): A | null
  add(aggregate: A, value: V, key: K): A | null
}

export type Folding<K, V, A> = Fold<K, NonNullable<V>, A>

/** How values are folded into partial aggregates before the repartition topic, and those into aggregates behind it. */
export interface Combining<K, V, A> {
  readonly partial: Folding<K, V, A>
  merge(left: A, right: A): A
}

/** A stream whose records are grouped by their keys. */
export interface Grouping<K, V> {
  readonly stream: StreamPlace<K, V>
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  /** Whether equal keys may lie in different partitions. */
  readonly repartition: boolean
  readonly fromSource: boolean
}

/** One input of an aggregate, with the type of its values hidden. */
export interface AggregateInput<K, A> {
  readonly parent: GraphNode
  attach(outlet: (task: TaskContext) => TableOutlet<K, A>): void
}

/** The store of an aggregate. @throws TOPOLOGY_INVALID when a serde is not known */
export function aggregateStore<K, A>(
  build: BuildContext,
  { keySerde }: { readonly keySerde: Serde<K> | undefined },
  value: Serde<A> | undefined,
  { store, ttlMs }: Pick<TableOptions<A>, 'store' | 'ttlMs'>,
): StoreSpec<K, A> {
  const where = `store "${store}"`
  const key = build.serde(keySerde, where, 'pass { key: … } to groupByKey, or a serde to groupBy')
  const valueSerde = build.serde(value, where, 'pass { value: … } beside the store name')
  return {
    name: store,
    key,
    value: valueSerde,
    ...byKey('plain', key, valueSerde),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  }
}

export function aggregateTable<K, A>(
  build: BuildContext,
  store: StoreSpec<K, A>,
  operator: string,
  inputs: readonly AggregateInput<K, A>[],
): KTable<K, A> {
  const parents = inputs.map(({ parent }) => parent)
  const { table, outlet } = tableOfStore(build, parents, store, operator)
  for (const input of inputs) input.attach(outlet)
  return table
}

/** @param topicName names the repartition topic, if one is needed. */
export function aggregateInput<K, V, A>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  store: StoreSpec<K, A>,
  topicName: string,
  folding: Folding<K, V, A>,
  combining: Combining<K, V, A> | undefined,
): AggregateInput<K, A> {
  if (grouping.repartition && combining !== undefined) {
    const { partial, merge } = combining
    const partials = combineBeforeRepartition(build, grouping.stream, store, topicName, partial)
    return inputOf(partials, store, { first: (aggregate) => aggregate, add: merge }, true)
  }
  const stream = grouping.repartition ? repartitioned(build, grouping, store.key, topicName) : grouping.stream
  return inputOf(stream, store, folding, grouping.repartition || grouping.fromSource)
}

export function repartitioned<K, V>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  key: Serde<K>,
  name: string,
): StreamNode<K, V> {
  const value = build.serde(
    grouping.valueSerde,
    `the repartition topic of "${name}"`,
    'pass the value serde to groupBy or groupByKey, or give the aggregator a merge',
  )
  return build.repartition(grouping.stream, name, { key, value })
}

function inputOf<K, V, A>(
  stream: StreamPlace<K, V>,
  store: StoreSpec<K, A>,
  folding: Folding<K, V, A>,
  readsAhead: boolean,
): AggregateInput<K, A> {
  return {
    parent: stream.node,
    attach: (outlet) =>
      stream.attach((task) => {
        if (readsAhead) task.readsAhead(store)
        return aggregateInto(task, store, outlet(task), folding)
      }),
  }
}

function aggregateInto<K, V, A>(
  task: TaskContext,
  spec: StoreSpec<K, A>,
  { node, receive, oldValuesMatter }: TableOutlet<K, A>,
  folding: Folding<K, V, A>,
): Receiver<K, V> {
  const store = task.store(spec)
  const passOn = passingOn(task, store, receive)
  const changeable = (entry: LiveEntry<K, A>, aggregate: A): A =>
    oldValuesMatter && (passOn !== undefined || !entry.dirty) ? store.copy(aggregate) : aggregate
  return (key, value, timestampMs) => {
    if (value === null || value === undefined) {
      task.dropped(node, 'null-value')
      return
    }
    task.enter(node)
    const entry = store.entry(key)
    const before = entry.value
    const aggregate =
      (before === null ? folding.first(value, key) : folding.add(changeable(entry, before), value, key)) ??
      null
    if (before === null && aggregate === null) return
    const newestMs = before === null || timestampMs > entry.timestampMs ? timestampMs : entry.timestampMs
    store.update(entry, aggregate, newestMs)
    if (passOn !== undefined) passOn(key, aggregate, before, newestMs)
  }
}
