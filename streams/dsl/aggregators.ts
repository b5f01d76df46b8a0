/** Aggregators: how the values of a key are folded into one. */
import { RecordError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'

/**
 * Folds values into an aggregate. `add` and the others return the aggregate to keep, which may be the one they were
 * given, changed. One that is changed in place must not throw halfway: the change would stay.
 *
 * @example
 * const average: Aggregator<Rating, { sum: number; count: number }> = {
 *   init: () => ({ sum: 0, count: 0 }),
 *   add: ({ sum, count }, rating) => ({ sum: sum + rating.stars, count: count + 1 }),
 *   merge: (left, right) => ({ sum: left.sum + right.sum, count: left.count + right.count }),
 * }
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

export interface BuiltInAggregator<V, A> extends Required<Aggregator<V, A>> {
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
 * Sums whole numbers, such as amounts in minor units. A value that is none, or makes the sum greater than a number
 * holds exactly, is an error of its record, with the code `SUM_NOT_EXACT`.
 *
 * @example orders.groupByKey().aggregate(summing((order) => order.total_amount), { store: 'turnover' })
 */
export function summing<V>(amountOf: (value: V) => number): BuiltInAggregator<V, number> {
  return {
    serde: serdes.long,
    init: () => 0,
    add: (sum, value) => exact(sum + amountOf(value)),
    subtract: (sum, value) => exact(sum - amountOf(value)),
    merge: (left, right) => exact(left + right),
  }
}

function exact(sum: number): number {
  if (Number.isSafeInteger(sum)) return sum
  throw new RecordError(
    'SUM_NOT_EXACT',
    `a sum came to ${sum}: summing takes whole numbers up to 2^53 in all; sum smaller units, or write an aggregator`,
  )
}
