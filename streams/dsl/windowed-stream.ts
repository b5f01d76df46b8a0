/** A grouped stream cut into windows of time, on its way to becoming a table. */

import type { Serde } from '../serde/serde.ts'
import { SlidingWindows } from '../time/sliding-windows.ts'
import type { Windowed } from '../topology/store-spec.ts'
import type { Fold, Grouping } from './aggregate.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'
import type { KTable } from './ktable.ts'
import type { WindowEmission } from './windowed-aggregate.ts'
import type { LateUse } from './windowed-inputs.ts'
import { type EventWindows, planWindows, type WindowedTableOptions } from './windowed-plan.ts'

interface Windowing<K, V> {
  readonly windows: EventWindows
  readonly emit: WindowEmission
  readonly late: readonly LateUse<K, V>[]
}

/**
 * A record belongs to the windows that its time lies in, as long as they are open to it; windows that have closed by the
 * watermark of the partition that it came by leave it out, which is counted as `late`. A null value is a value like any other
 * here. A result carries the time of the newest record in its window.
 */
export class WindowedStream<out K, out V> {
  private readonly build: BuildContext
  private readonly grouping: Grouping<K, V>
  private readonly windowing: Windowing<K, V>

  constructor(build: BuildContext, grouping: Grouping<K, V>, windowing: Windowing<K, V>) {
    this.build = build
    this.grouping = grouping
    this.windowing = windowing
  }

  /**
   * When results are passed on: `on-change`, the default, as every other table does; `on-close` once for each window and key,
   * when the watermark has passed the window's end and grace; `{ everyMs }` then, and before at intervals if it has changed.
   *
   * @example
   * orders.groupByKey().windowedBy(tumbling(days(1))).emit({ everyMs: minutes(1) }).count({ store: 'per-day' })
   */
  emit(emit: WindowEmission): WindowedStream<K, V> {
    return new WindowedStream(this.build, this.grouping, { ...this.windowing, emit })
  }

  /**
   * Gives the records that no window was open to. A record that only some of its windows had closed for is not among them.
   *
   * @example
   * orders.groupByKey().windowedBy(tumbling(minutes(1))).lateTo((late) => late.to(lateOrders)).count({ store: 'per-minute' })
   */
  lateTo(use: (late: KStream<K, V>) => void): WindowedStream<K, V> {
    return new WindowedStream(this.build, this.grouping, {
      ...this.windowing,
      late: [...this.windowing.late, { use }],
    })
  }

  /** The number of records of each key and window. */
  count(options: Omit<WindowedTableOptions<number>, 'value'>): KTable<Windowed<K>, number> {
    return this.aggregate(counting<V>(), options)
  }

  /**
   * Folds the values of a key and window two at a time; records with a null value are dropped and counted. With `associative`
   * set the reducer may also be given two results, so that values are folded before they go through a repartition topic.
   */
  reduce(
    reducer: (reduced: NonNullable<V>, value: NonNullable<V>) => NonNullable<V>,
    options: WindowedTableOptions<NonNullable<V>> & { readonly associative?: boolean },
  ): KTable<Windowed<K>, NonNullable<V>> {
    const { build, grouping } = this
    // Without nulls, a serde of values that may be null still fits.
    const valueSerde = grouping.valueSerde as Serde<NonNullable<V>> | undefined
    const present: Grouping<K, NonNullable<V>> = {
      ...grouping,
      stream: build.withoutNullValues(grouping.stream, `${options.store}-values`),
      valueSerde,
    }
    const fold: Fold<K, NonNullable<V>, NonNullable<V>> = {
      first: (value) => value,
      add: (reduced, value) => reducer(reduced, value),
    }
    // Late records have values, too: those that have none were dropped before.
    const late: readonly LateUse<K, NonNullable<V>>[] = this.windowing.late
    const merge = options.associative === true ? reducer : undefined
    const { windows, emit } = this.windowing
    const withSerde = { ...options, ...valueOr(options.value, valueSerde) }
    const plan = planWindows(build, windows, emit, grouping.keySerde, withSerde)
    plan.connect(present, options.store, { fold, merge, join: reducer, late })
    return plan.table('windowed-aggregate')
  }

  /** Folds the values of a key and window into an aggregate of another type. */
  aggregate<A>(
    aggregator: Aggregator<V, A, K> & { readonly serde?: Serde<A> },
    options: WindowedTableOptions<A>,
  ): KTable<Windowed<K>, A> {
    const fold: Fold<K, V, A> = {
      first: (value, key) => aggregator.add(aggregator.init(), value, key),
      add: (aggregate, value, key) => aggregator.add(aggregate, value, key),
    }
    const { build, grouping } = this
    const { windows, emit, late } = this.windowing
    const { merge, serde } = aggregator
    const withSerde = { ...options, ...valueOr(options.value, serde) }
    const plan = planWindows(build, windows, emit, grouping.keySerde, withSerde)
    const taken =
      windows instanceof SlidingWindows
        ? { ...grouping, stream: build.withoutNullValues(grouping.stream, `${options.store}-values`) }
        : grouping
    plan.connect(taken, options.store, { fold, merge, late })
    return plan.table('windowed-aggregate')
  }
}

function valueOr<A>(own: Serde<A> | undefined, other: Serde<A> | undefined): { readonly value?: Serde<A> } {
  const value = own ?? other
  return value === undefined ? {} : { value }
}
