/** The folds that the cases name. */
import type { Aggregator } from '../../../streams/index.ts'

export type AggregatorName = 'count' | 'sum' | 'min' | 'max' | 'concat'
export type ReducerName = 'sum' | 'min' | 'max' | 'last' | 'first' | 'join'

export const aggregators: { readonly [N in AggregatorName]: Aggregator<number, number | number[]> } = {
  count: folding(0, (count) => count + 1),
  sum: folding(0, (sum, value) => sum + value),
  min: folding(Number.MAX_SAFE_INTEGER, Math.min),
  max: folding(Number.MIN_SAFE_INTEGER, Math.max),
  concat: { init: () => [], add: (list, value) => [...listOf(list), value] },
}

export const reducers: { readonly [N in ReducerName]: (reduced: Reduced, value: Reduced) => Reduced } = {
  sum: (reduced, value) => Number(reduced) + Number(value),
  min: (reduced, value) => Math.min(Number(reduced), Number(value)),
  max: (reduced, value) => Math.max(Number(reduced), Number(value)),
  last: (_reduced, value) => value,
  first: (reduced) => reduced,
  join: (reduced, value) => `${reduced}+${value}`,
}

export type Reduced = number | string

function folding(
  initial: number,
  add: (aggregate: number, value: number) => number,
): Aggregator<number, number | number[]> {
  return { init: () => initial, add: (aggregate, value) => add(Number(aggregate), value) }
}

function listOf(aggregate: number | number[]): number[] {
  return Array.isArray(aggregate) ? aggregate : []
}
