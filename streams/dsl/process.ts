/** Processors: operators written by hand, with stores and any number of typed outputs. */
import { RecordError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import type { GraphNode } from '../topology/graph.ts'
import { checkedTimestamp } from '../topology/source.ts'
import type { KeyValueStore, StoreSpec, Timestamped } from '../topology/store-spec.ts'
import type { StreamNode, StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, RecordContext, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'

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

export type ProcessorStores<S extends StoreSpecs> = {
  readonly [N in keyof S]: S[N] extends StoreSpec<infer K, infer V> ? KeyValueStore<K, V> : never
}

export type ProcessorOutputs<O> = {
  readonly [N in keyof O]: O[N] extends OutputSpec<infer K, infer V>
    ? (key: K, value: V, timestampMs?: number) => void
    : never
}

export type ProcessedStreams<O> = {
  readonly [N in keyof O]: O[N] extends OutputSpec<infer K, infer V> ? KStream<K, V> : never
}

/** What a processor works with. All of it is for use while a record is being processed, not in `create` itself. */
export interface ProcessorContext<S extends StoreSpecs, O> {
  readonly stores: ProcessorStores<S>
  /** Forward a record; without a timestamp it keeps the one that the processor was called with. */
  readonly outputs: ProcessorOutputs<O>
  /** The source record: where it lies, its headers, its own time. */
  readonly record: RecordContext
}

export interface ProcessorDefinition<K, V, S extends StoreSpecs, O> {
  readonly stores?: S
  readonly outputs: O
  /** Makes the processor of one task. */
  create(context: ProcessorContext<S, O>): Receiver<K, V>
}

/** Adds a processor to the graph; `toStream` makes the stream of each output. */
export function addProcessor<K, V, S extends StoreSpecs, O extends OutputSpecs>(
  build: BuildContext,
  parent: StreamPlace<K, V>,
  name: string,
  definition: ProcessorDefinition<K, V, S, O>,
  keys: 'kept' | 'free',
  toStream: (
    node: StreamNode<unknown, unknown>,
    spec: OutputSpec<unknown, unknown>,
  ) => KStream<unknown, unknown>,
): ProcessedStreams<O> {
  const stores = Object.values(definition.stores ?? {})
  const node = build.graph.add({
    name,
    role: { kind: 'operator', operator: 'process' },
    parents: [parent.node],
    stores,
  })
  const outputNodes = Object.entries(definition.outputs).map(([outputName, spec]) => {
    return { outputName, spec, stream: build.branch<unknown, unknown>(node, `${name}.${outputName}`) }
  })

  parent.attach((task) => {
    const current: Current = { key: undefined, timestampMs: 0 }
    const outputs = Object.fromEntries(
      outputNodes.map(({ outputName, stream }) => {
        const forward = forwarder(stream.compile(task), task, node, current)
        return [outputName, keys === 'kept' ? keepingKeys(forward, current, name) : forward]
      }),
    )
    const opened: Record<string, unknown> = Object.fromEntries(
      Object.entries(definition.stores ?? {}).map(([storeName, spec]) => [
        storeName,
        new ProcessorStore(task.store(spec), current),
      ]),
    )
    const process = definition.create({
      // Built from the very specs whose types they have; the compiler cannot follow that through Object.entries.
      stores: opened as ProcessorStores<S>,
      outputs: outputs as ProcessorOutputs<O>,
      record: task.record,
    })
    return (key, value, timestampMs) => {
      task.enter(node)
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
function keepingKeys(forward: Forward, current: { readonly key: unknown }, name: string): Forward {
  return (key, value, timestampMs) => {
    if (key !== current.key) {
      throw new RecordError(
        'KEY_CHANGED',
        `processor "${name}" was added with processValues and forwarded another key; use process instead`,
      )
    }
    forward(key, value, timestampMs)
  }
}
