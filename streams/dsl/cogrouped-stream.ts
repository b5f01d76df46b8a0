/** Several grouped streams on their way to one aggregate. */
import type { Serde } from '../serde/serde.ts'
import { CountWindows } from '../time/count-windows.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import {
  type AggregateInput,
  aggregateInput,
  aggregateStore,
  aggregateTable,
  type Fold,
  type Folding,
  type TableOptions,
} from './aggregate.ts'
import type { Aggregator } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import { CountedCogroup, type CountedCogroupInput } from './counted-stream.ts'
import type { KGroupedStream } from './kgrouped-stream.ts'
import type { KTable } from './ktable.ts'
import { WindowedCogroup, type WindowedCogroupInput } from './windowed-cogroup.ts'
import type { EventWindows } from './windowed-plan.ts'

/** What the streams of a cogroup share: where an aggregate begins, and perhaps how two are joined. */
export type CogroupInit<A> = Pick<Aggregator<unknown, A>, 'init' | 'merge'> & { readonly serde?: Serde<A> }

/** One stream with its way to add, the type of its values hidden. */
interface Cogrouped<K, A> extends WindowedCogroupInput<K, A>, CountedCogroupInput<K, A> {
  connect(store: StoreSpec<K, A>, topicName: string, init: CogroupInit<A>): AggregateInput<K, A>
}

/** Each record of any of the streams changes the one aggregate of its key. */
export class CogroupedStream<out K, A> {
  private readonly build: BuildContext
  private readonly streams: readonly Cogrouped<K, A>[]

  constructor(build: BuildContext, streams: readonly Cogrouped<K, A>[]) {
    this.build = build
    this.streams = streams
  }

  /** Takes one more stream in. Add new ones last: repartition topics are numbered by this order. */
  cogroup<V>(
    stream: KGroupedStream<K, V>,
    add: (aggregate: A, value: NonNullable<V>, key: K) => A,
  ): CogroupedStream<K, A> {
    const { build } = this
    const { grouping } = stream
    const added: Cogrouped<K, A> = {
      keySerde: grouping.keySerde,
      connect: (store, topicName, { init, merge }) => {
        const folding: Folding<K, V, A> = { first: (value, key) => add(init(), value, key), add }
        const combining = merge === undefined ? undefined : { partial: folding, merge }
        return aggregateInput(build, grouping, store, topicName, folding, combining)
      },
      connectCounted: (plan, topicName, { init }) => {
        plan.connect(grouping, topicName, { first: (value, key) => add(init(), value, key), add })
      },
      connectWindows: (plan, topicName, { init, merge }) => {
        const values = build.withoutNullValues(grouping.stream, `${topicName}-values`)
        const fold: Fold<K, NonNullable<V>, A> = { first: (value, key) => add(init(), value, key), add }
        // Without nulls, a serde of values that may be null still fits.
        const valueSerde = grouping.valueSerde as Serde<NonNullable<V>> | undefined
        plan.connect({ ...grouping, stream: values, valueSerde }, topicName, { fold, merge, late: [] })
      },
    }
    return new CogroupedStream(build, [...this.streams, added])
  }

  /**
   * Windows of time, each with an aggregate of its own for every key.
   *
   * @example
   * views
   *   .groupByKey()
   *   .cogroup<Visit>((visit, view) => ({ ...visit, views: visit.views + 1 }))
   *   .cogroup(purchases.groupByKey(), (visit) => ({ ...visit, purchases: visit.purchases + 1 }))
   *   .windowedBy(tumbling(hours(1)))
   *   .aggregate({ init: () => ({ views: 0, purchases: 0 }) }, { store: 'visits-per-hour', value: serdes.json() })
   */
  windowedBy(windows: EventWindows): WindowedCogroup<K, A>
  /** Windows of so many records of any of the streams. */
  windowedBy(windows: CountWindows): CountedCogroup<K, A>
  windowedBy(windows: EventWindows | CountWindows): WindowedCogroup<K, A> | CountedCogroup<K, A> {
    return windows instanceof CountWindows
      ? new CountedCogroup(this.build, this.streams, windows)
      : new WindowedCogroup(this.build, this.streams, windows, 'on-change')
  }

  /**
   * The aggregate as a table. A stream that must be repartitioned goes through `<store>-<its number>`; give a `merge`,
   * and its values are folded before.
   */
  aggregate(init: CogroupInit<A>, options: TableOptions<A>): KTable<K, A> {
    const keySerde = this.streams.find((stream) => stream.keySerde !== undefined)?.keySerde
    const store = aggregateStore(this.build, { keySerde }, options.value ?? init.serde, options)
    const inputs = this.streams.map((stream, index) =>
      stream.connect(store, `${store.name}-${index + 1}`, init),
    )
    return aggregateTable(this.build, store, 'cogroup', inputs)
  }
}
