/** A grouped stream cut into windows of so many records, on their way to one aggregate for each. */
import type { Serde } from '../serde/serde.ts'
import type { CountWindows } from '../time/count-windows.ts'
import type { Folding, Grouping, TableOptions } from './aggregate.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import type { CogroupInit } from './cogrouped-stream.ts'
import { CountPlan, type FullWindow } from './count-aggregate.ts'
import type { KStream } from './kstream.ts'

/**
 * A window that is full is passed on, once, as a record under its key; it does not change any more, so it is no table. Windows that
 * have not filled are passed on never. Records count in the order in which they are processed, also late ones; those with a
 * null value do not. Behind a repartition topic that several tasks write, that order is another in each run.
 *
 * Size and advance may be changed later: windows that are open run to the new size.
 */
export class CountedStream<out K, out V> {
  private readonly build: BuildContext
  private readonly grouping: Grouping<K, V>
  private readonly windows: CountWindows

  constructor(build: BuildContext, grouping: Grouping<K, V>, windows: CountWindows) {
    this.build = build
    this.grouping = grouping
    this.windows = windows
  }

  /** That a window is full; its value is its size, or how many there were when it was changed. */
  count(options: Omit<TableOptions<number>, 'value'>): KStream<K, FullWindow<number>> {
    return this.aggregate(counting<NonNullable<V>>(), options)
  }

  /** Folds the values of each window two at a time. */
  reduce(
    reducer: (reduced: NonNullable<V>, value: NonNullable<V>) => NonNullable<V>,
    options: TableOptions<NonNullable<V>>,
  ): KStream<K, FullWindow<NonNullable<V>>> {
    // An aggregate is never null, so the serde of values that may be null fits.
    const serde = options.value ?? (this.grouping.valueSerde as Serde<NonNullable<V>> | undefined)
    return this.fold(
      { first: (value) => value, add: (reduced, value) => reducer(reduced, value) },
      serde,
      options,
    )
  }

  /** Folds the values of each window into an aggregate of another type. */
  aggregate<A>(
    aggregator: Aggregator<NonNullable<V>, A, K> & { readonly serde?: Serde<A> },
    options: TableOptions<A>,
  ): KStream<K, FullWindow<A>> {
    const folding: Folding<K, V, A> = {
      first: (value, key) => aggregator.add(aggregator.init(), value, key),
      add: (aggregate, value, key) => aggregator.add(aggregate, value, key),
    }
    return this.fold(folding, options.value ?? aggregator.serde, options)
  }

  private fold<A>(
    folding: Folding<K, V, A>,
    serde: Serde<A> | undefined,
    options: TableOptions<A>,
  ): KStream<K, FullWindow<A>> {
    const { build, grouping, windows } = this
    const plan = new CountPlan<K, A>(build, windows, grouping.keySerde, serde, options)
    plan.connect(grouping, options.store, folding)
    return plan.stream('count-windows')
  }
}

/** One of the streams of a cogroup, the type of its values hidden. */
export interface CountedCogroupInput<K, A> {
  readonly keySerde: Serde<K> | undefined
  connectCounted(plan: CountPlan<K, A>, topicName: string, init: CogroupInit<A>): void
}

/** Each record of any of the streams counts, in the order in which they are processed. */
export class CountedCogroup<out K, A> {
  private readonly build: BuildContext
  private readonly streams: readonly CountedCogroupInput<K, A>[]
  private readonly windows: CountWindows

  constructor(build: BuildContext, streams: readonly CountedCogroupInput<K, A>[], windows: CountWindows) {
    this.build = build
    this.streams = streams
    this.windows = windows
  }

  aggregate(init: CogroupInit<A>, options: TableOptions<A>): KStream<K, FullWindow<A>> {
    const keySerde = this.streams.find((stream) => stream.keySerde !== undefined)?.keySerde
    const serde = options.value ?? init.serde
    const plan = new CountPlan<K, A>(this.build, this.windows, keySerde, serde, options)
    this.streams.forEach((stream, index) => {
      stream.connectCounted(plan, `${options.store}-${index + 1}`, init)
    })
    return plan.stream('count-windows')
  }
}
