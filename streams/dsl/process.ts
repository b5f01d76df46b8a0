/** Processors: operators written by hand, with stores and any number of typed outputs. */
import { RecordError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import type { VersionedStoreSpec } from '../state/versioned-rows.ts'
import type { GraphNode } from '../topology/graph.ts'
import { checkedTimestamp } from '../topology/source.ts'
import type { KeyValueStore, StoreSpec, Timestamped } from '../topology/store-spec.ts'
import type { StreamNode, StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, RecordContext, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'
import { isVersioned, ProcessorVersions, type VersionedKeyValueStore } from './processor-versions.ts'
import { checkSchedules, type Punctuation, punctuation, type Schedules } from './punctuation.ts'

/** Declares an output of a processor: its types and, if it is to be repartitioned, its serdes. */
export interface OutputSpec<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

export function output<K, V>(serdes: OutputSpec<K, V> = {}): OutputSpec<K, V> {
  return serdes
}

export type OutputSpecs = Readonly<Record<string, OutputSpec<unknown, unknown>>>
export type StoreSpecs = Readonly<Record<string, StoreSpec>>
/** No stores, or no schedules. */
export type Unnamed = Record<never, never>

export type ProcessorStores<S extends StoreSpecs> = {
  readonly [N in keyof S]: S[N] extends VersionedStoreSpec<infer K, infer V>
    ? VersionedKeyValueStore<K, V>
    : S[N] extends StoreSpec<infer K, infer V>
      ? KeyValueStore<K, V>
      : never
}

export type ProcessorOutputs<O> = {
  readonly [N in keyof O]: O[N] extends OutputSpec<infer K, infer V>
    ? (key: K, value: V, timestampMs?: number) => void
    : never
}

export type ProcessedStreams<O> = {
  readonly [N in keyof O]: O[N] extends OutputSpec<infer K, infer V> ? KStream<K, V> : never
}

/** By the name of a schedule: says what is called at its times, with the watermark or what the clock says. */
export type ProcessorSchedules<T> = {
  readonly [N in keyof T]: (call: (timeMs: number) => void) => void
}

/** What a processor works with. All but the schedules is for use while it processes something, not in `create` itself. */
export interface ProcessorContext<S extends StoreSpecs, O, T = unknown> {
  readonly stores: ProcessorStores<S>
  /** Forward a record; without a timestamp it keeps the one that the processor was called with. */
  readonly outputs: ProcessorOutputs<O>
  /** The source record: where it lies, its headers, its own time. */
  readonly record: RecordContext
  readonly schedules: ProcessorSchedules<T>
}

export interface ProcessorDefinition<K, V, S extends StoreSpecs, O, T extends Schedules = Schedules> {
  readonly stores?: S
  readonly outputs: O
  /**
   * When it is called beside its records. By event time: after the first record, and whenever the watermark has passed a multiple of
   * the interval; what it forwards then has the time of the watermark. By the wall clock: at intervals, and what it forwards has
   * the newest time of the records. What it throws stops the task: there is no record at fault.
   */
  readonly schedules?: T
  /** Makes the processor of one task. */
  create(context: ProcessorContext<S, O, T>): Receiver<K, V>
}

/** Adds a processor to the graph; `toStream` makes the stream of each output. */
export function addProcessor<K, V, S extends StoreSpecs, O extends OutputSpecs, T extends Schedules>(
  build: BuildContext,
  parent: StreamPlace<K, V>,
  name: string,
  definition: ProcessorDefinition<K, V, S, O, T>,
  keys: 'kept' | 'free',
  toStream: (
    node: StreamNode<unknown, unknown>,
    spec: OutputSpec<unknown, unknown>,
  ) => KStream<unknown, unknown>,
): ProcessedStreams<O> {
  const stores = Object.values(definition.stores ?? {})
  const schedules = Object.entries(definition.schedules ?? {})
  checkSchedules(name, definition.schedules ?? {})
  const usesTime = schedules.some(([, { by }]) => by === 'event-time') || stores.some(isVersioned)
  const node = build.graph.add({
    name,
    role: { kind: 'operator', operator: 'process', ...(usesTime ? { usesTime } : {}) },
    parents: [parent.node],
    stores,
  })
  const outputNodes = Object.entries(definition.outputs).map(([outputName, spec]) => {
    return { outputName, spec, stream: build.branch<unknown, unknown>(node, `${name}.${outputName}`) }
  })

  parent.attach((task) => {
    const current: Current = { key: undefined, timestampMs: 0, isOfRecord: false }
    const outputs = Object.fromEntries(
      outputNodes.map(({ outputName, stream }) => {
        const forward = forwarder(stream.compile(task), task, node, current)
        return [outputName, keys === 'kept' ? keepingKeys(forward, current, name) : forward]
      }),
    )
    const opened: Record<string, unknown> = Object.fromEntries(
      Object.entries(definition.stores ?? {}).map(([storeName, spec]) => [
        storeName,
        isVersioned(spec)
          ? new ProcessorVersions(task, node, spec, current)
          : new ProcessorStore(task.store(spec), current),
      ]),
    )
    const punctuations: Punctuation[] = []
    const byName = schedules.map(([scheduleName, { by, everyMs }]) => [
      scheduleName,
      (call: (timeMs: number) => void) => {
        const called = (timeMs: number): void => {
          current.isOfRecord = false
          current.timestampMs = by === 'event-time' ? timeMs : newestTime(task, timeMs)
          call(timeMs)
        }
        punctuations.push(punctuation(task, by, { node, name: scheduleName, everyMs, call: called }))
      },
    ])
    const process = definition.create({
      // Built from the very specs whose types they have; the compiler cannot follow that through Object.entries.
      stores: opened as ProcessorStores<S>,
      outputs: outputs as ProcessorOutputs<O>,
      record: task.record,
      schedules: Object.fromEntries(byName) as ProcessorSchedules<T>,
    })
    return (key, value, timestampMs) => {
      task.enter(node)
      for (const one of punctuations) one.arm()
      current.isOfRecord = true
      current.key = key
      current.timestampMs = timestampMs
      process(key, value, timestampMs)
    }
  })

  return Object.fromEntries(
    outputNodes.map(({ outputName, spec, stream }) => [outputName, toStream(stream, spec)]),
  ) as ProcessedStreams<O>
}

/** What the processor was called with. */
interface Current {
  key: unknown
  timestampMs: number
  /** Otherwise it is called by a schedule, and the key is that of nothing. */
  isOfRecord: boolean
}

/** The newest time of the records; before the first one what the clock says. */
function newestTime({ record }: TaskContext, nowMs: number): number {
  return record.streamTimeMs > 0 ? record.streamTimeMs : nowMs
}

function forwarder<K, V>(next: Receiver<K, V>, task: TaskContext, node: GraphNode, current: Current) {
  return (key: K, value: V, timestampMs?: number): void => {
    next(key, value, timestampMs === undefined ? current.timestampMs : checkedTimestamp(timestampMs))
    task.enter(node)
  }
}

/** A store in which writes are, unless told otherwise, of the time that the processor was called with. */
class ProcessorStore<K, V> implements KeyValueStore<K, V> {
  private readonly store: KeyValueStore<K, V>
  private readonly current: Current

  constructor(store: KeyValueStore<K, V>, current: Current) {
    this.store = store
    this.current = current
  }

  get(key: K): V | undefined {
    return this.store.get(key)
  }

  getTimestamped(key: K): Timestamped<V> | undefined {
    return this.store.getTimestamped(key)
  }

  put(key: K, value: V, timestampMs = this.current.timestampMs): void {
    this.store.put(key, value, timestampMs)
  }

  delete(key: K, timestampMs = this.current.timestampMs): void {
    this.store.delete(key, timestampMs)
  }

  range(from?: K, to?: K): IterableIterator<readonly [K, V]> {
    return this.store.range(from, to)
  }
}

type Forward = (key: unknown, value: unknown, timestampMs?: number) => void

/** `processValues` promises that keys stay: a record under another key would lie in the wrong partition. */
function keepingKeys(forward: Forward, current: Current, name: string): Forward {
  return (key, value, timestampMs) => {
    if (current.isOfRecord && key !== current.key) {
      throw new RecordError(
        'KEY_CHANGED',
        `processor "${name}" was added with processValues and forwarded another key; use process instead`,
      )
    }
    forward(key, value, timestampMs)
  }
}
