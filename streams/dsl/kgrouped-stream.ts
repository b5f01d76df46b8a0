/** A stream with its records grouped by key, on its way to becoming a table. */
import type { PatternOf, Stages } from '../cep/pattern-types.ts'
import type { Serde } from '../serde/serde.ts'
import { CountWindows } from '../time/count-windows.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import {
  aggregateInput,
  aggregateStore,
  aggregateTable,
  type Combining,
  type Folding,
  type Grouping,
  type TableOptions,
} from './aggregate.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import { CogroupedStream } from './cogrouped-stream.ts'
import { CountedStream } from './counted-stream.ts'
import { addKeyedProcessor, type KeyedProcessOptions, type KeyedStreams } from './keyed-process.ts'
import type { ForwardedBy, KeyedProcessor } from './keyed-processor.ts'
import type { KTable } from './ktable.ts'
import { type MatchOptions, type MatchStreams, matchPattern } from './match.ts'
import type { EventWindows } from './windowed-plan.ts'
import { WindowedStream } from './windowed-stream.ts'

/**
 * Records with a null value take part in no aggregate; they are dropped and counted. A result carries the time of the
 * newest record in it.
 */
export class KGroupedStream<out K, out V> {
  readonly grouping: Grouping<K, V>
  private readonly build: BuildContext

  constructor(build: BuildContext, grouping: Grouping<K, V>) {
    this.build = build
    this.grouping = grouping
  }

  /**
   * The number of records of each key.
   *
   * @example const views = pageViews.groupByKey().count({ store: 'views' })
   */
  count(options: Omit<TableOptions<number>, 'value'>): KTable<K, number> {
    return this.aggregate(counting<NonNullable<V>>(), options)
  }

  /**
   * Folds the values of a key two at a time. With `associative` set the reducer may also be given two results, so that
   * values are folded before they go through a repartition topic.
   *
   * @example const highest = bids.groupByKey().reduce((a, b) => (b.amount > a.amount ? b : a), { store: 'highest' })
   */
  reduce(
    reducer: (reduced: NonNullable<V>, value: NonNullable<V>) => NonNullable<V>,
    options: TableOptions<NonNullable<V>> & { readonly associative?: boolean },
  ): KTable<K, NonNullable<V>> {
    // An aggregate is never null, so the serde of values that may be null fits.
    const serde = options.value ?? (this.grouping.valueSerde as Serde<NonNullable<V>> | undefined)
    const folding: Folding<K, V, NonNullable<V>> = {
      first: (value) => value,
      add: (reduced, value) => reducer(reduced, value),
    }
    const combining = options.associative === true ? { partial: folding, merge: reducer } : undefined
    return this.fold(aggregateStore(this.build, this.grouping, serde, options), folding, combining)
  }

  /**
   * Folds the values of a key into an aggregate of another type.
   *
   * @example
   * const totals = orders.groupByKey().aggregate(
   *   { init: () => ({ orders: 0, amount: 0 }), add: (total, order) => ({ orders: total.orders + 1, amount: total.amount + order.amount }) },
   *   { store: 'totals', value: serdes.json() },
   * )
   */
  aggregate<A>(
    aggregator: Aggregator<NonNullable<V>, A, K> & { readonly serde?: Serde<A> },
    options: TableOptions<A>,
  ): KTable<K, A> {
    const { merge } = aggregator
    const folding: Folding<K, V, A> = {
      first: (value, key) => aggregator.add(aggregator.init(), value, key),
      add: (aggregate, value, key) => aggregator.add(aggregate, value, key),
    }
    const combining = merge === undefined ? undefined : { partial: folding, merge }
    const serde = options.value ?? aggregator.serde
    return this.fold(aggregateStore(this.build, this.grouping, serde, options), folding, combining)
  }

  /**
   * Begins an aggregate of several grouped streams, each with its own way to add values.
   *
   * @example
   * const balances = payments
   *   .groupByKey()
   *   .cogroup<number>((balance, payment) => balance + payment.amount)
   *   .cogroup(refunds.groupByKey(), (balance, refund) => balance - refund.amount)
   *   .aggregate({ init: () => 0 }, { store: 'balances', value: serdes.long })
   */
  cogroup<A>(add: (aggregate: A, value: NonNullable<V>, key: K) => A): CogroupedStream<K, A> {
    return new CogroupedStream<K, A>(this.build, []).cogroup(this, add)
  }

  /**
   * Windows of time, each with an aggregate of its own for every key.
   *
   * @example
   * const perMinute = orders
   *   .groupByKey()
   *   .windowedBy(tumbling(minutes(1)))
   *   .count({ store: 'orders-per-minute' })
   */
  windowedBy(windows: EventWindows): WindowedStream<K, V>
  /** Windows of so many records of a key. */
  windowedBy(windows: CountWindows): CountedStream<K, V>
  windowedBy(windows: EventWindows | CountWindows): WindowedStream<K, V> | CountedStream<K, V> {
    return windows instanceof CountWindows
      ? new CountedStream(this.build, this.grouping, windows)
      : new WindowedStream(this.build, this.grouping, { windows, emit: 'on-change', late: [] })
  }

  /**
   * A processor of one's own for each key, with state and timers: see `KeyedProcessor`. Answers the stream of what it forwards,
   * `main`, and those of its side outputs, by their fields. Records keep their keys.
   *
   * @example
   * const { main, resolved } = orders.groupByKey().process('unpaid', () => new UnpaidTimeout(minutes(30)))
   * @param create makes the processor of one task; called once more to see what it declares
   */
  process<P extends KeyedProcessor<K, V, unknown>>(
    name: string,
    create: () => P,
    options: KeyedProcessOptions<ForwardedBy<P>> = {},
  ): KeyedStreams<K, P> {
    return addKeyedProcessor<K, V, P>(this.build, this.grouping, name, create, options)
  }

  /**
   * Finds a pattern in the events of each key, taken in the order of their times as the watermark comes to them, those of equal
   * time as they came. Records with a null value are dropped and counted. Beside what is made of the matches (`main`) there are
   * the partial matches that timed out, if `timedOut` says what to make of them, those that gave way to the limits of a key, if
   * `discarded` does, and the records that came too late.
   *
   * @example
   * const burst = Pattern.of<Order>().begin('orders').times(6).consecutive().within(minutes(1)).afterMatch('skipPastLastEvent')
   * orders
   *   .groupBy((order) => order.user, serdes.string)
   *   .match(burst, { store: 'bursts', select: ({ orders }) => ({ kind: 'burst', first: orders[0].id }) })
   *   .main.to(anomalies)
   *
   * @throws PATTERN_INVALID, TOPOLOGY_INVALID
   */
  match<S extends Stages, R, T = never, D = never>(
    pattern: PatternOf<NonNullable<V>, S>,
    options: MatchOptions<K, NonNullable<V>, S, R, T, D>,
  ): MatchStreams<K, V, R, T, D> {
    return matchPattern(this.build, this.grouping, pattern, options)
  }

  private fold<A>(
    store: StoreSpec<K, A>,
    folding: Folding<K, V, A>,
    combining: Combining<K, V, A> | undefined,
  ): KTable<K, A> {
    const input = aggregateInput(this.build, this.grouping, store, store.name, folding, combining)
    return aggregateTable(this.build, store, 'aggregate', [input])
  }
}
