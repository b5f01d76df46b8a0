/** Tables: the latest value of each key, and the changes of it. */
import type { Serde } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { StoreSpec, TableReceiver } from '../topology/store-spec.ts'
import { StreamNode, TableNode } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { asTableTopic, type BuildContext } from './build-context.ts'
import { KGroupedTable } from './kgrouped-table.ts'
import { KStream } from './kstream.ts'
import { joinTables, type TableJoinType } from './table-joins.ts'

export interface TableTraits<K, V> {
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  /** Makes sure that rows can be read, and changes know the old value: a table that only passes through gets a store. */
  requireRows(): void
}

export interface MaterializeOptions<K, V> {
  readonly store?: string
  readonly key?: Serde<K>
  readonly value?: Serde<V>
  readonly ttlMs?: number
}

/**
 * A table in a topology. Its changes are passed on once per key and commit, or one by one, as the application's
 * `emission` says.
 */
export class KTable<K, V> {
  readonly node: TableNode<K, V>
  readonly traits: TableTraits<K, V>
  private readonly build: BuildContext

  constructor(build: BuildContext, node: TableNode<K, V>, traits: TableTraits<K, V>) {
    this.build = build
    this.node = node
    this.traits = traits
  }

  /** Rows for which the predicate holds. A row that stops to pass is deleted from the result. */
  filter(predicate: (value: V, key: K) => boolean, options: MaterializeOptions<K, V> = {}): KTable<K, V> {
    const table = this.derive<V>('table-filter', this.traits.valueSerde, (next, task, node) => {
      const knowsOld = this.node.knowsOldValues()
      const kept = (key: K, value: V | null): V | null =>
        value !== null && predicate(value, key) ? value : null
      return (key, newValue, oldValue, timestampMs) => {
        task.enter(node)
        const newKept = kept(key, newValue)
        const oldKept = kept(key, oldValue)
        if (newKept === null && oldKept === null && knowsOld) return
        next(key, newKept, oldKept, timestampMs)
      }
    })
    return this.materialize(
      table((getter) => (key) => {
        const row = getter(key)
        return row !== undefined && predicate(row.value, key) ? row : undefined
      }),
      options,
    )
  }

  filterNot(predicate: (value: V, key: K) => boolean, options: MaterializeOptions<K, V> = {}): KTable<K, V> {
    return this.filter((value, key) => !predicate(value, key), options)
  }

  mapValues<V2>(mapper: (value: V, key: K) => V2, options: MaterializeOptions<K, V2> = {}): KTable<K, V2> {
    const table = this.derive<V2>('table-map-values', options.value, (next, task, node) => {
      const mapped = (key: K, value: V | null): V2 | null => (value === null ? null : mapper(value, key))
      return (key, newValue, oldValue, timestampMs) => {
        task.enter(node)
        next(key, mapped(key, newValue), mapped(key, oldValue), timestampMs)
      }
    })
    return this.materialize(
      table((getter) => (key) => {
        const row = getter(key)
        return row === undefined ? undefined : { value: mapper(row.value, key), timestampMs: row.timestampMs }
      }),
      options,
    )
  }

  /** The changes as a stream; null is a deleted row. */
  toStream(): KStream<K, V | null> {
    const node = this.build.graph.add({
      name: this.build.graph.nameFor('to-stream'),
      role: { kind: 'operator', operator: 'toStream' },
      parents: [this.node.node],
    })
    const stream = new StreamNode<K, V | null>(node)
    this.node.attach((task) => {
      const next = stream.compile(task)
      return (key, newValue, _oldValue, timestampMs) => next(key, newValue, timestampMs)
    })
    return new KStream<K, V | null>(this.build, stream, {
      keySerde: this.traits.keySerde,
      valueSerde: undefined,
      keyChanged: false,
      fromSource: false,
    })
  }

  /**
   * Groups rows by another key, to aggregate them. A row whose new key is null takes part in no group. The aggregate
   * follows the table: a replaced or deleted row is taken out again.
   */
  groupBy<K2, V2>(
    selector: (key: K, value: V) => readonly [K2 | null, V2],
    serdes: { readonly key: Serde<K2>; readonly value: Serde<V2> },
  ): KGroupedTable<K2, V2> {
    this.traits.requireRows()
    return KGroupedTable.from(this.build, this.node, selector, serdes)
  }

  /** Rows of both tables with the same key. */
  join<V2, R>(
    other: KTable<K, V2>,
    joiner: (left: V, right: V2, key: K) => R,
    options: MaterializeOptions<K, R> = {},
  ): KTable<K, R> {
    return this.joined(
      other,
      'inner',
      (left, right, key) => (left === null || right === null ? null : joiner(left, right, key)),
      options,
    )
  }

  /** Every row of this table, with the other's or null. */
  leftJoin<V2, R>(
    other: KTable<K, V2>,
    joiner: (left: V, right: V2 | null, key: K) => R,
    options: MaterializeOptions<K, R> = {},
  ): KTable<K, R> {
    return this.joined(
      other,
      'left',
      (left, right, key) => (left === null ? null : joiner(left, right, key)),
      options,
    )
  }

  /** Every row of either table, with null for the one that is missing. */
  outerJoin<V2, R>(
    other: KTable<K, V2>,
    joiner: (left: V | null, right: V2 | null, key: K) => R,
    options: MaterializeOptions<K, R> = {},
  ): KTable<K, R> {
    return this.joined(
      other,
      'outer',
      (left, right, key) => (left === null && right === null ? null : joiner(left, right, key)),
      options,
    )
  }

  private joined<V2, R>(
    other: KTable<K, V2>,
    type: TableJoinType,
    joiner: (left: V | null, right: V2 | null, key: K) => R | null,
    options: MaterializeOptions<K, R>,
  ): KTable<K, R> {
    this.traits.requireRows()
    other.traits.requireRows()
    const node = joinTables(this.build, this.node, other.node, type, joiner)
    const table = new KTable(this.build, node, {
      keySerde: this.traits.keySerde ?? other.traits.keySerde,
      valueSerde: options.value,
      requireRows: () => {},
    })
    return this.materialize(table, options)
  }

  /** A table computed row by row from this one; it has no store of its own and reads through to this one's. */
  private derive<V2>(
    operator: string,
    valueSerde: Serde<V2> | undefined,
    build: (next: TableReceiver<K, V2>, task: TaskContext, node: GraphNode) => TableReceiver<K, V>,
  ) {
    const { graph } = this.build
    const node = graph.add({
      name: graph.nameFor(operator),
      role: { kind: 'operator', operator },
      parents: [this.node.node],
    })
    return (
      throughGetter: (getter: ReturnType<typeof this.node.getter>) => ReturnType<TableNode<K, V2>['getter']>,
    ) => {
      const table = new TableNode<K, V2>(node, this.node.knowsOldValues, (task) =>
        throughGetter(this.node.getter(task)),
      )
      this.node.attach((task) => build(table.compile(task), task, node))
      return new KTable<K, V2>(this.build, table, {
        keySerde: this.traits.keySerde,
        valueSerde,
        requireRows: () => this.traits.requireRows(),
      })
    }
  }

  private materialize<V2>(table: KTable<K, V2>, options: MaterializeOptions<K, V2>): KTable<K, V2> {
    if (options.store === undefined) return table
    const where = `store "${options.store}"`
    const spec: StoreSpec<K, V2> = {
      name: options.store,
      key: this.build.serde(options.key ?? this.traits.keySerde, where, 'pass { key: … }'),
      value: this.build.serde(options.value ?? table.traits.valueSerde, where, 'pass { value: … }'),
      ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }),
    }
    const node = this.build.graph.add({
      name: `materialize-${spec.name}`,
      role: { kind: 'operator', operator: 'materialize' },
      parents: [table.node.node],
      stores: [spec],
    })
    const stored = new TableNode<K, V2>(
      node,
      () => true,
      (task) => rowsOf(task, spec),
    )
    table.node.attach((task) => {
      const write = writeRows(task, spec, stored.compile(task))
      return (key, newValue, _oldValue, timestampMs) => write(key, newValue, timestampMs)
    })
    return new KTable(this.build, stored, {
      keySerde: spec.key,
      valueSerde: spec.value,
      requireRows: () => {},
    })
  }
}

/** What an operator that feeds a table's store passes its changes to. */
export interface TableOutlet<K, V> {
  readonly node: GraphNode
  readonly receive: TableReceiver<K, V>
}

/** A table kept in a store by an operator on a stream. */
export function tableFromStore<K, VIn, V>(
  build: BuildContext,
  parent: StreamNode<K, VIn>,
  store: StoreSpec<K, V>,
  operator: string,
  compile: (outlet: TableOutlet<K, V>, task: TaskContext) => Receiver<K, VIn>,
): KTable<K, V> {
  const node = build.graph.add({
    name: `${operator}-${store.name}`,
    role: { kind: 'operator', operator },
    parents: [parent.node],
    stores: [store],
  })
  const table = new TableNode<K, V>(
    node,
    () => true,
    (task) => rowsOf(task, store),
  )
  parent.attach((task) => compile({ node, receive: table.compile(task) }, task))
  return new KTable(build, table, { keySerde: store.key, valueSerde: store.value, requireRows: () => {} })
}

/** A topic read as a table. It gets a store when it is named, or when a join or an aggregate needs one. */
export function tableFromTopic<K, V>(
  build: BuildContext,
  topic: Topic<K, V>,
  options: MaterializeOptions<NonNullable<K>, NonNullable<V>>,
): KTable<NonNullable<K>, NonNullable<V>> {
  const stream = build.source(asTableTopic(topic))
  // Where null is excluded, a serde for values that may be null still fits.
  const key = options.key ?? (topic.key as Serde<NonNullable<K>>)
  const value = options.value ?? (topic.value as Serde<NonNullable<V>>)
  return latestValues<K | null, V | null, NonNullable<K>, NonNullable<V>>(
    build,
    stream,
    { ...options, key, value },
    options.store ?? topic.name,
    true,
  )
}

/** A stream read as a table. */
export function tableFromStream<K, V>(
  build: BuildContext,
  stream: KStream<K, V>,
  options: MaterializeOptions<NonNullable<K>, NonNullable<V>>,
): KTable<NonNullable<K>, NonNullable<V>> {
  const where = `toTable of "${stream.node.node.name}"`
  const key = options.key ?? (stream.traits.keySerde as Serde<NonNullable<K>> | undefined)
  const value = options.value ?? (stream.traits.valueSerde as Serde<NonNullable<V>> | undefined)
  const name = options.store
  if (name === undefined && stream.traits.keyChanged) build.nameMissing(where)
  const keyed =
    stream.traits.keyChanged && name !== undefined
      ? build.repartition<K, V>(stream.node, name, {
          // Tombstones and missing keys pass the topic as nulls, which need no codec.
          key: build.serde(key, where, 'pass { key: … }') as Serde<K>,
          value: build.serde(value, where, 'pass { value: … }') as Serde<V>,
        })
      : stream.node
  const readsAhead = stream.traits.keyChanged || stream.traits.fromSource
  return latestValues(build, keyed, { ...options, ...serdesOf(key, value) }, name, readsAhead)
}

function serdesOf<K, V>(key: Serde<K> | undefined, value: Serde<V> | undefined) {
  return { ...(key === undefined ? {} : { key }), ...(value === undefined ? {} : { value }) }
}

function latestValues<KIn, VIn, K extends KIn & {}, V extends VIn & {}>(
  build: BuildContext,
  stream: StreamNode<KIn, VIn>,
  options: MaterializeOptions<K, V>,
  name: string | undefined,
  readsAhead: boolean,
): KTable<K, V> {
  const { graph } = build
  const nodeName = name === undefined ? graph.nameFor('table') : `table-${name}`
  const node = graph.add({
    name: nodeName,
    role: { kind: 'operator', operator: 'table' },
    parents: [stream.node],
  })
  let spec: StoreSpec<K, V> | undefined
  const materialize = (): StoreSpec<K, V> => {
    if (spec === undefined) {
      const where = `the store of "${nodeName}"`
      spec = {
        name: name ?? build.nameMissing(where),
        key: build.serde(options.key, where, 'pass { key: … }'),
        value: build.serde(options.value, where, 'pass { value: … }'),
        ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }),
      }
      graph.addStore(node, spec)
    }
    return spec
  }
  if (options.store !== undefined) materialize()

  const table = new TableNode<K, V>(
    node,
    () => spec !== undefined,
    (task) => rowsOf(task, materialize()),
  )
  stream.attach((task) => {
    const receive = table.compile(task)
    if (spec !== undefined && readsAhead) task.readsAhead(spec)
    const write =
      spec === undefined
        ? (key: K, value: V | null, timestampMs: number) => receive(key, value, null, timestampMs)
        : writeRows(task, spec, receive)
    return (key, value, timestampMs) => {
      if (key === null || key === undefined) task.dropped(node, 'null-key')
      // What is neither null nor undefined of KIn and VIn is K and V: that is how they are declared.
      else write(key as K, (value ?? null) as V | null, timestampMs)
    }
  })
  return new KTable(build, table, {
    keySerde: options.key,
    valueSerde: options.value,
    requireRows: () => {
      materialize()
    },
  })
}

function rowsOf<K, V>(task: TaskContext, spec: StoreSpec<K, V>) {
  const store = task.store(spec)
  return (key: K) => store.getTimestamped(key)
}

/** Writes rows into a store and passes the changes on, each at once or the last of each key at commit. */
function writeRows<K, V>(
  task: TaskContext,
  spec: StoreSpec<K, V>,
  receive: TableReceiver<K, V>,
): (key: K, value: V | null, timestampMs: number) => void {
  const store = task.store(spec)
  if (task.emission === 'per-commit') {
    store.onFlush(receive)
    return (key, value, timestampMs) => store.update(store.entry(key), value, timestampMs)
  }
  return (key, value, timestampMs) => {
    const entry = store.entry(key)
    const old = entry.value
    store.update(entry, value, timestampMs)
    receive(key, value, old, timestampMs)
  }
}
