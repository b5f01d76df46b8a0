/** A grouped stream cut into windows of time, on its way to becoming a table. */

import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import { windowedSerde } from '../state/windowed-serde.ts'
import type { TimeWindows } from '../time/windows.ts'
import type { StoreSpec, Windowed } from '../topology/store-spec.ts'
import type { Fold, Grouping } from './aggregate.ts'
import { type Aggregator, counting } from './aggregators.ts'
import type { BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'
import type { KTable } from './ktable.ts'
import type { WindowEmission } from './windowed-aggregate.ts'
import { type LateUse, windowedInput, windowedTable } from './windowed-inputs.ts'

/** Names the store of a windowed table, which is also what its changelog topic is named after. */
export interface WindowedTableOptions<A> {
  readonly store: string
  readonly value?: Serde<A>
  /**
   * How long a window can be read after its end, by the watermark: at least the grace, which is the default. Its rows are deleted
   * after that.
   */
  readonly retentionMs?: number
}

interface Windowing<K, V> {
  readonly windows: TimeWindows
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
   * when the watermark has passed the window's end and grace.
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
    return tableOfWindows(build, present, { ...this.windowing, late }, fold, merge, {
      ...options,
      ...(options.value === undefined && valueSerde !== undefined ? { value: valueSerde } : {}),
    })
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
    const { merge, serde } = aggregator
    return tableOfWindows(this.build, this.grouping, this.windowing, fold, merge, {
      ...options,
      ...(options.value === undefined && serde !== undefined ? { value: serde } : {}),
    })
  }
}

function tableOfWindows<K, V, A>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  { windows, emit, late }: Windowing<K, V>,
  fold: Fold<K, V, A>,
  merge: ((left: A, right: A) => A) | undefined,
  options: WindowedTableOptions<A>,
): KTable<Windowed<K>, A> {
  const store = windowedStore(build, grouping.keySerde, windows, emit, options)
  const target = { store, windows, emit }
  const input = windowedInput(build, grouping, target, store.name, { fold, merge, late })
  return windowedTable(build, target, 'windowed-aggregate', [input])
}

/** The store of an aggregate over windows. @throws TOPOLOGY_INVALID */
function windowedStore<K, A>(
  build: BuildContext,
  keySerde: Serde<K> | undefined,
  { sizeMs, graceMs }: TimeWindows,
  emit: WindowEmission,
  { store: name, value, retentionMs = graceMs }: WindowedTableOptions<A>,
): StoreSpec<Windowed<K>, A> {
  const where = `store "${name}"`
  if (!Number.isSafeInteger(retentionMs) || retentionMs < graceMs) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${where} keeps windows for ${retentionMs} ms after their end; give whole milliseconds, at least the grace of ${graceMs}`,
    )
  }
  const key = build.serde(keySerde, where, 'pass { key: … } to groupByKey, or a serde to groupBy')
  return {
    name,
    key: windowedSerde(key, sizeMs),
    value: build.serde(value, where, 'pass { value: … } beside the store name'),
    windows: { sizeMs, retentionMs, closes: emit === 'on-close' },
  }
}
