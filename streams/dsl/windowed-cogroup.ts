/** Several grouped streams cut into the same windows, on their way to one aggregate. */
import type { Serde } from '../serde/serde.ts'
import type { Windowed } from '../topology/store-spec.ts'
import type { BuildContext } from './build-context.ts'
import type { CogroupInit } from './cogrouped-stream.ts'
import type { KTable } from './ktable.ts'
import type { WindowEmission } from './windowed-aggregate.ts'
import type { WindowedPlan } from './windowed-inputs.ts'
import { type EventWindows, planWindows, type WindowedTableOptions } from './windowed-plan.ts'

/** One of the streams, the type of its values hidden. */
export interface WindowedCogroupInput<K, A> {
  readonly keySerde: Serde<K> | undefined
  connectWindows(plan: WindowedPlan<K, A>, topicName: string, init: CogroupInit<A>): void
}

/**
 * Each record of any of the streams changes the aggregate of its key and window. Late is judged for each stream by its own
 * watermark; windows close by the earliest of them all.
 */
export class WindowedCogroup<out K, A> {
  private readonly build: BuildContext
  private readonly streams: readonly WindowedCogroupInput<K, A>[]
  private readonly windows: EventWindows
  private readonly emission: WindowEmission

  constructor(
    build: BuildContext,
    streams: readonly WindowedCogroupInput<K, A>[],
    windows: EventWindows,
    emission: WindowEmission,
  ) {
    this.build = build
    this.streams = streams
    this.windows = windows
    this.emission = emission
  }

  /** When results are passed on: see `WindowedStream.emit`. */
  emit(emission: WindowEmission): WindowedCogroup<K, A> {
    return new WindowedCogroup(this.build, this.streams, this.windows, emission)
  }

  /** The aggregate as a table. Sessions need a `merge`. */
  aggregate(init: CogroupInit<A>, options: WindowedTableOptions<A>): KTable<Windowed<K>, A> {
    const { build, windows, emission, streams } = this
    const keySerde = streams.find((stream) => stream.keySerde !== undefined)?.keySerde
    const value = options.value ?? init.serde
    const plan = planWindows<K, A>(build, windows, emission, keySerde, {
      ...options,
      ...(value === undefined ? {} : { value }),
    })
    streams.forEach((stream, index) => {
      stream.connectWindows(plan, `${options.store}-${index + 1}`, init)
    })
    return plan.table('windowed-cogroup')
  }
}
