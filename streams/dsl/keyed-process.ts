/** Putting a keyed processor into a topology: its states and timers become stores, its outputs streams. */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import type { Timer, TimerKey, TimerKind, TimerRow } from '../time/timer-key.ts'
import { timerStore } from '../time/timer-key.ts'
import { KeyedTimers } from '../time/timers.ts'
import type { GraphNode } from '../topology/graph.ts'
import { checkedTimestamp } from '../topology/source.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import type { StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, RecordContext, TaskContext } from '../topology/task-context.ts'
import type { Grouping } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import {
  type ForwardedBy,
  type KeyedProcessor,
  lookupsOf,
  type ProcessorTimers,
  type SideOutput,
  sideOutputsOf,
  statesOf,
  type TimerContext,
} from './keyed-processor.ts'
import type { CurrentKey } from './keyed-state.ts'
import type { KStream } from './kstream.ts'

/** The streams of a keyed processor: what it forwards, and its side outputs by the names of their fields. */
export type KeyedStreams<K, P> = { readonly main: KStream<K, ForwardedBy<P>> } & {
  readonly [N in keyof P as P[N] extends SideOutput<infer _V> ? N : never]: P[N] extends SideOutput<infer V>
    ? KStream<K, V>
    : never
}

export interface KeyedProcessOptions<Out> {
  /** For what is repartitioned behind it. */
  readonly value?: Serde<Out>
}

/** The name of the store of a processor's timers. */
export function timerStoreName(processor: string): string {
  return `${processor}-timers`
}

export function addKeyedProcessor<K, V, P extends KeyedProcessor<K, V, unknown>>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  name: string,
  create: () => P,
  options: KeyedProcessOptions<ForwardedBy<P>>,
): KeyedStreams<K, P> {
  const sample = create()
  const keys = build.serde(
    grouping.keySerde,
    `processor "${name}"`,
    'pass { key: … } to groupByKey, or a serde to groupBy',
  )
  // Rows are written under keys of the very stream whose serde it is.
  const rowKeys = keys as Serde<unknown>
  const states = statesOf(sample).map((state) => state.specFor(`${name}-${state.name}`, rowKeys))
  const timers = sample.onTimer === undefined ? undefined : timerStore(timerStoreName(name), keys)
  const parent = keyedInput(build, grouping, keys, name)
  const node = build.graph.add({
    name,
    role: {
      kind: 'operator',
      operator: 'keyedProcess',
      ...(timers === undefined ? {} : { usesTime: true }),
    },
    parents: [parent.node],
    stores: timers === undefined ? states : [...states, timers],
    globalTables: lookupsOf(sample).map(({ table }) => table),
  })
  const outlets = [['main', undefined] as const, ...sideOutputsOf(sample)].map(([outlet, side]) => {
    const serde = side === undefined ? options.value : side.serde
    return { outlet, serde, stream: build.branch<K, unknown>(node, `${name}.${outlet}`) }
  })

  parent.attach((task) => {
    const processor = create()
    const forward = new Map(outlets.map(({ outlet, stream }) => [outlet, stream.compile(task)]))
    const running = new RunningProcessor<K, V>(task, { node, name, processor, timers, forward })
    for (const state of statesOf(processor))
      state.bind(task, `${name}-${state.name}`, rowKeys, running.current)
    for (const lookup of lookupsOf(processor)) lookup.bind(task)
    if (grouping.repartition || grouping.fromSource) {
      for (const state of statesOf(sample)) {
        if (state.isByKey) task.readsAhead(state.specFor(`${name}-${state.name}`, rowKeys))
      }
    }
    return running.receiver
  })

  const traits = { keySerde: grouping.keySerde, keyChanged: false, fromSource: false }
  const streams = outlets.map(({ outlet, serde, stream }) => [
    outlet,
    build.stream<K, unknown>(stream, { ...traits, valueSerde: serde as Serde<unknown> | undefined }),
  ])
  // The names are those of the processor's fields, which Object.fromEntries forgets.
  return Object.fromEntries(streams) as KeyedStreams<K, P>
}

/** Equal keys meet in one task. */
export function keyedInput<K, V>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  key: Serde<K>,
  name: string,
): StreamPlace<K, V> {
  if (!grouping.repartition) return grouping.stream
  const where = `the repartition topic of "${name}"`
  const value = build.serde(grouping.valueSerde, where, 'pass the value serde to groupBy or groupByKey')
  return build.repartition(grouping.stream, name, { key, value })
}

interface RunningParts<K, V> {
  readonly node: GraphNode
  readonly name: string
  readonly processor: KeyedProcessor<K, V, unknown>
  readonly timers: StoreSpec<TimerKey<K>, TimerRow> | undefined
  /** By outlet. */
  readonly forward: ReadonlyMap<string, Receiver<K, unknown>>
}

/** A processor in one task, and the one context that it is given each time. What it offers may be taken out of it. */
class RunningProcessor<K, V> implements TimerContext<K, unknown> {
  readonly current: CurrentKey = { key: undefined, timestampMs: 0 }
  readonly receiver: Receiver<K, V>
  readonly forward: (value: unknown, timestampMs?: number) => void
  readonly timers: ProcessorTimers = {
    eventTime: (timeMs, name) => this.openTimers.schedule(this.timer('event-time', timeMs, name)),
    wallClock: (timeMs, name) => this.openTimers.schedule(this.timer('wall-clock', timeMs, name)),
    cancelEventTime: (timeMs, name) => this.openTimers.cancel(this.timer('event-time', timeMs, name)),
    cancelWallClock: (timeMs, name) => this.openTimers.cancel(this.timer('wall-clock', timeMs, name)),
  }
  by: TimerKind = 'event-time'
  private readonly task: TaskContext
  private readonly parts: RunningParts<K, V>
  private readonly keyedTimers: KeyedTimers<K> | undefined
  private timerName = ''

  constructor(task: TaskContext, parts: RunningParts<K, V>) {
    const { node, processor, timers: store } = parts
    this.task = task
    this.parts = parts
    this.forward = this.forwarder('main')
    for (const [field, side] of sideOutputsOf(processor)) side.bind(this.forwarder(field))
    this.keyedTimers =
      store === undefined
        ? undefined
        : new KeyedTimers(task, { node, store, fire: (timer) => this.fire(timer) })
    this.receiver = (key, value, timestampMs) => {
      task.enter(node)
      this.current.key = key
      this.current.timestampMs = timestampMs
      processor.process(value, this)
    }
  }

  get key(): K {
    // Set from a record or a timer, whose keys are of this type.
    return this.current.key as K
  }

  get timestampMs(): number {
    return this.current.timestampMs
  }

  get watermarkMs(): number {
    return this.task.time.recordWatermarkMs
  }

  get nowMs(): number {
    return this.task.clock.nowMs
  }

  get inputEnded(): boolean {
    return this.keyedTimers?.inputEnded ?? false
  }

  get record(): RecordContext {
    return this.task.record
  }

  get name(): string {
    return this.timerName
  }

  private timer(by: TimerKind, timeMs: number, name = ''): Timer<K> {
    return { by, timeMs, key: this.key, name }
  }

  private fire({ by, timeMs, key, name }: Timer<K>): void {
    this.current.key = key
    this.current.timestampMs = by === 'event-time' ? timeMs : this.task.record.timestampMs
    this.by = by
    this.timerName = name
    this.parts.processor.onTimer?.(timeMs, this)
  }

  private forwarder(outlet: string): (value: unknown, timestampMs?: number) => void {
    const { task, current } = this
    const { forward, node, name } = this.parts
    const next = forward.get(outlet)
    if (next === undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `processor "${name}" was created with a side output "${outlet}" that the first one did not have`,
      )
    }
    return (value, timestampMs) => {
      const timeMs = timestampMs === undefined ? current.timestampMs : checkedTimestamp(timestampMs)
      next(this.key, value, timeMs)
      task.enter(node)
    }
  }

  private get openTimers(): KeyedTimers<K> {
    if (this.keyedTimers !== undefined) return this.keyedTimers
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `processor "${this.parts.name}" sets timers and has no onTimer; give it one`,
    )
  }
}
