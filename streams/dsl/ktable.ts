/** Tables: the latest value of each key, and the changes of it. */
import { nullable, type Serde } from '../serde/serde.ts'
import type { StoreSpec, Timestamped } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import { StreamNode, TableNode, type TablePlace } from '../topology/stream-node.ts'
import type { BuildContext } from './build-context.ts'
import { type ForeignKeyJoinOptions, joinByForeignKey } from './foreign-key-join.ts'
import { KGroupedTable } from './kgrouped-table.ts'
import type { KStream } from './kstream.ts'
import { storedRows, writeRows } from './stored-rows.ts'
import { type SuppressOptions, suppressed } from './suppress.ts'
import { joinTables, type TableJoinType } from './table-joins.ts'

export interface TableTraits<K, V> {
  readonly keySerde: Serde<K> | undefined
  readonly valueSerde: Serde<V> | undefined
  /** Whether it remembers what its rows were. */
  readonly isVersioned?: boolean
  /** Makes sure that rows can be read, and changes know the old value: a table that only passes through gets a store. */
  requireRows(): void
  /** Sees to it that the values of rows before a change are not changed in place by an aggregator. */
  requireOldValues(): void
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
export class KTable<out K, out V> {
  readonly node: TablePlace<K, V>
  readonly traits: TableTraits<K, V>
  private readonly build: BuildContext

  constructor(build: BuildContext, node: TablePlace<K, V>, traits: TableTraits<K, V>) {
    this.build = build
    this.node = node
    this.traits = traits
  }

  /** Rows for which the predicate holds. A row that stops to pass is deleted from the result. */
  filter(predicate: (value: V, key: K) => boolean, options: MaterializeOptions<K, V> = {}): KTable<K, V> {
    this.traits.requireOldValues()
    const kept = (value: V, key: K) => (predicate(value, key) ? value : null)
    const table = rowByRow(this.build, this, 'table-filter', this.traits.valueSerde, kept, true)
    return this.materialize(table, options)
  }

  /** Rows for which the predicate does not hold. */
  filterNot(predicate: (value: V, key: K) => boolean, options: MaterializeOptions<K, V> = {}): KTable<K, V> {
    return this.filter((value, key) => !predicate(value, key), options)
  }

  /** A new value for each row. A mapper that answers null deletes the row from the result. */
  mapValues<V2>(mapper: (value: V, key: K) => V2, options: MaterializeOptions<K, V2> = {}): KTable<K, V2> {
    const mapped = (value: V, key: K) => mapper(value, key) ?? null
    const table = rowByRow(this.build, this, 'table-map-values', options.value, mapped, false)
    return this.materialize(table, options)
  }

  /**
   * Holds changes back, so that of many of a row in a short time only the last is passed on: a row is let go when the watermark
   * has passed its first change by `untilMs`. What is held is state, and survives crashes. For windows that are to be seen once,
   * when they are final, use `emit('on-close')` instead.
   *
   * @example const calm = prices.suppress({ untilMs: minutes(1), store: 'held-prices' })
   */
  suppress(options: SuppressOptions<K, V>): KTable<K, V> {
    return suppressed(this.build, this, options)
  }

  /** The changes as a stream; null is a deleted row. */
  toStream(): KStream<K, V | null>
  /**
   * The same under another key.
   *
   * @example perMinute.toStream(({ key, startMs }) => `${key}@${startMs}`).to(counts)
   */
  toStream<K2>(keyOf: (key: K, value: V | null) => K2): KStream<K2, V | null>
  toStream<K2>(keyOf?: (key: K, value: V | null) => K2): KStream<K, V | null> | KStream<K2, V | null> {
    return keyOf === undefined
      ? this.changes()
      : this.changes().selectKey<K2>((value, key) => keyOf(key, value))
  }

  private changes(): KStream<K, V | null> {
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
    this.node.attachOlder((task) => stream.compile(task))
    return this.build.stream<K, V | null>(stream, {
      keySerde: this.traits.keySerde,
      valueSerde: this.traits.valueSerde === undefined ? undefined : nullable(this.traits.valueSerde),
      keyChanged: false,
      fromSource: false,
    })
  }

  /**
   * Groups rows by another key, to aggregate them. A row whose new key is null takes part in no group. The aggregate
   * follows the table: a replaced or deleted row is taken out again.
   *
   * @example
   * const usersPerCity = users
   *   .groupBy((_id, user) => [user.city, user.name], { key: serdes.string, value: serdes.string })
   *   .count({ store: 'users-per-city' })
   */
  groupBy<K2, V2>(
    selector: (key: K, value: V) => readonly [K2 | null, V2],
    serdes: { readonly key: Serde<K2>; readonly value: Serde<V2> },
  ): KGroupedTable<K2, V2> {
    this.traits.requireRows()
    this.traits.requireOldValues()
    return KGroupedTable.from(this.build, this.node, selector, serdes)
  }

  /**
   * Rows of both tables with the same key.
   *
   * @example const profiles = users.join(addresses, (user, address) => ({ ...user, city: address.city }))
   */
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

  /**
   * Each row with the row of another table that it names by its key; without one, or a name, there is no result.
   *
   * @example
   * const withUser = orders.joinOn(users, (order) => order.userId, (order, user) => ({ ...order, name: user.name }), {
   *   store: 'orders-with-user', value: serdes.json(),
   * })
   */
  joinOn<K2, V2, R>(
    right: KTable<K2, V2>,
    foreignKeyOf: (value: V, key: K) => K2 | null,
    joiner: (left: V, right: V2, key: K) => R,
    options: ForeignKeyJoinOptions<K, K2, V2, R>,
  ): KTable<K, R> {
    // An inner join has no results without a right row.
    const ofBoth = (left: V, row: V2 | null, key: K) => joiner(left, row as V2, key)
    const join = { left: this, right, type: 'inner', foreignKeyOf, joiner: ofBoth } as const
    return joinByForeignKey(this.build, join, options)
  }

  /** Like `joinOn`; without a row, or a name, the joiner gets null. */
  leftJoinOn<K2, V2, R>(
    right: KTable<K2, V2>,
    foreignKeyOf: (value: V, key: K) => K2 | null,
    joiner: (left: V, right: V2 | null, key: K) => R,
    options: ForeignKeyJoinOptions<K, K2, V2, R>,
  ): KTable<K, R> {
    return joinByForeignKey(this.build, { left: this, right, type: 'left', foreignKeyOf, joiner }, options)
  }

  private joined<V2, R>(
    other: KTable<K, V2>,
    type: TableJoinType,
    joiner: (left: V | null, right: V2 | null, key: K) => R | null,
    options: MaterializeOptions<K, R>,
  ): KTable<K, R> {
    for (const { traits } of [this, other]) {
      traits.requireRows()
      traits.requireOldValues()
    }
    const node = joinTables(this.build, this.node, other.node, type, joiner)
    const table = new KTable(this.build, node, {
      keySerde: this.traits.keySerde ?? other.traits.keySerde,
      valueSerde: options.value,
      requireRows: () => {},
      requireOldValues: () => {},
    })
    return this.materialize(table, options)
  }

  private materialize<V2>(table: KTable<K, V2>, options: MaterializeOptions<K, V2>): KTable<K, V2> {
    if (options.store === undefined) return table
    table.traits.requireOldValues()
    const where = `store "${options.store}"`
    const key = this.build.serde(options.key ?? this.traits.keySerde, where, 'pass { key: … }')
    const value = this.build.serde(options.value ?? table.traits.valueSerde, where, 'pass { value: … }')
    const spec: StoreSpec<K, V2> = {
      name: options.store,
      key,
      value,
      ...byKey('plain', key, value),
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
      (task) => storedRows(task, spec),
    )
    table.node.attach((task) => {
      const write = writeRows(task, spec, stored.compile(task))
      return (key, newValue, _oldValue, timestampMs) => write(key, newValue, timestampMs)
    })
    table.node.attachOlder((task) => stored.compileOlder(task))
    return new KTable(this.build, stored, {
      keySerde: spec.key,
      valueSerde: spec.value,
      requireRows: () => {},
      requireOldValues: () => {},
    })
  }
}

/**
 * A table computed row by row from another one, with no store of its own: its rows are computed when they are asked for.
 * `quiet`: a row that neither was nor is in the result is not passed on, as far as that is known.
 */
function rowByRow<K, V, V2>(
  build: BuildContext,
  table: KTable<K, V>,
  operator: string,
  valueSerde: Serde<V2> | undefined,
  rowOf: (value: V, key: K) => V2 | null,
  quiet: boolean,
): KTable<K, V2> {
  const node = build.graph.add({
    name: build.graph.nameFor(operator),
    role: { kind: 'operator', operator },
    parents: [table.node.node],
  })
  const derived = new TableNode<K, V2>(node, table.node.knowsOldValues, (task) => {
    const { asOf, ...rows } = table.node.rows(task)
    return {
      ...rows,
      get: (key) => computedRow(rows.get(key), key),
      ...(asOf === undefined ? {} : { asOf: (key, timeMs) => computedRow(asOf(key, timeMs), key) }),
    }
  })
  const computedRow = (row: Timestamped<V> | undefined, key: K): Timestamped<V2> | undefined => {
    const value = row === undefined ? null : rowOf(row.value, key)
    return row === undefined || value === null ? undefined : { value, timestampMs: row.timestampMs }
  }
  table.node.attach((task) => {
    const next = derived.compile(task)
    const skips = quiet && table.traits.isVersioned !== true && table.node.knowsOldValues()
    return (key, newValue, oldValue, timestampMs) => {
      task.enter(node)
      const newRow = newValue === null ? null : rowOf(newValue, key)
      let oldRow: V2 | null = null
      let oldIsKnown = true
      try {
        oldRow = oldValue === null ? null : rowOf(oldValue, key)
      } catch {
        // It threw on that row already when the row was new: what was passed on is the row before it, whatever that was.
        oldIsKnown = false
      }
      if (newRow === null && oldRow === null && skips && oldIsKnown) return
      next(key, newRow, oldRow, timestampMs)
    }
  })
  table.node.attachOlder((task) => {
    const next = derived.compileOlder(task)
    return (key, value, timestampMs) => {
      task.enter(node)
      next(key, value === null ? null : rowOf(value, key), timestampMs)
    }
  })
  return new KTable<K, V2>(build, derived, { ...table.traits, valueSerde })
}
