/** Several grouped streams on their way to one aggregate. */
import type { Serde } from '../serde/serde.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import {
  type AggregateInput,
  aggregateInput,
  aggregateStore,
  aggregateTable,
  type Folding,
  type TableOptions,
} from './aggregate.ts'
import type { Aggregator } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import type { KGroupedStream } from './kgrouped-stream.ts'
import type { KTable } from './ktable.ts'

/** What the streams of a cogroup share: where an aggregate begins, and perhaps how two are joined. */
export type CogroupInit<A> = Pick<Aggregator<unknown, A>, 'init' | 'merge'> & { readonly serde?: Serde<A> }

/** One stream with its way to add, the type of its values hidden. */
interface Cogrouped<K, A> {
  readonly keySerde: Serde<K> | undefined
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
    }
    return new CogroupedStream(build, [...this.streams, added])
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
