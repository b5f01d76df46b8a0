/** Aggregators: how the values of a key are folded into one. */
import type { Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'

/**
 * Folds values into an aggregate. `add` and the others return the aggregate to keep; they may return the one they were
 * given, changed, unless the table's changes are used with their old values (grouping the table again, or filtering it).
 */
export interface Aggregator<V, A, K = unknown> {
  init(): A
  add(aggregate: A, value: V, key: K): A
  /** Takes a value out again. Needed to aggregate a table, whose rows are replaced. */
  subtract?(aggregate: A, value: V, key: K): A
  /**
   * Joins two aggregates of disjoint values. With it, values are folded before they go through a repartition topic:
   * one record per key and commit instead of one per value. `add` in any order must give the same as `merge`.
   */
  merge?(left: A, right: A): A
}

export interface BuiltInAggregator<V, A> extends Aggregator<V, A> {
  readonly serde: Serde<A>
}

/** Counts values. */
export function counting<V>(): BuiltInAggregator<V, number> {
  return {
    serde: serdes.long,
    init: () => 0,
    add: (count) => count + 1,
    subtract: (count) => count - 1,
    merge: (left, right) => left + right,
  }
}

/**
 * Sums whole numbers, such as amounts in minor units.
 *
 * @example orders.groupByKey().aggregate(summing((order) => order.total_amount), { store: 'turnover' })
 */
export function summing<V>(amountOf: (value: V) => number): BuiltInAggregator<V, number> {
  return {
    serde: serdes.long,
    init: () => 0,
    add: (sum, value) => sum + amountOf(value),
    subtract: (sum, value) => sum - amountOf(value),
    merge: (left, right) => left + right,
  }
}
