/**
 * Folding records into count windows.
 *
 * Invariants:
 * 1. A record is in every window of its key that is open, and in the one that begins with it. Time plays no part: nothing is late.
 * 2. A window is passed on once, when it is full, and then forgotten: with what the record that filled it left in the store, in
 *    one commit.
 * 3. A record counts for all of its windows or, where the aggregator throws, for none.
 */
import type { Serde } from '../serde/serde.ts'
import { type CountedWindow, type CountedWindows, countedWindowsSerde } from '../state/counted-windows.ts'
import type { CountWindows } from '../time/count-windows.ts'
import { type GraphNode, meeting } from '../topology/graph.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import { StreamNode } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { aggregateStore, type Folding, type Grouping, repartitioned, type TableOptions } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'

/** A full window. Its time is that of its newest record. */
export interface FullWindow<A> {
  /** The numbers of its first and its last record among those of the key, from 1. */
  readonly fromRecord: number
  readonly toRecord: number
  /** The times of its earliest and its newest record. */
  readonly startMs: number
  readonly endMs: number
  readonly value: A
}

interface Input<K, A> {
  readonly parent: GraphNode
  attach(node: GraphNode, next: (task: TaskContext) => Receiver<K, FullWindow<A>>): void
}

/** An aggregate over count windows, as it is being declared. */
export class CountPlan<K, A> {
  private readonly build: BuildContext
  private readonly windows: CountWindows
  private readonly keySerde: Serde<K>
  private readonly store: StoreSpec<K, CountedWindows<A>>
  private readonly inputs: Input<K, A>[] = []

  /** @throws TOPOLOGY_INVALID when a serde is not known */
  constructor(
    build: BuildContext,
    windows: CountWindows,
    keySerde: Serde<K> | undefined,
    value: Serde<A> | undefined,
    options: TableOptions<A>,
  ) {
    const store = aggregateStore(build, { keySerde }, value, options)
    this.build = build
    this.windows = windows
    this.keySerde = store.key
    this.store = {
      ...store,
      value: countedWindowsSerde(store.value),
      ...byKey('counted', store.key, store.value),
    }
  }

  /** @param topicName names the repartition topic, if one is needed */
  connect<V>(grouping: Grouping<K, V>, topicName: string, folding: Folding<K, V, A>): void {
    const { build, windows, store } = this
    const stream = grouping.repartition
      ? repartitioned(build, grouping, this.keySerde, topicName)
      : grouping.stream
    this.inputs.push({
      parent: stream.node,
      attach: (node, next) =>
        stream.attach((task) => {
          if (grouping.repartition || grouping.fromSource) task.readsAhead(store)
          return intoCountWindows(task, node, windows, store, folding, next(task))
        }),
    })
  }

  stream(operator: string): KStream<K, FullWindow<A>> {
    const { build, store } = this
    const parents = this.inputs.map(({ parent }) => parent)
    const node = build.graph.add({
      name: `${operator}-${store.name}`,
      role: { kind: 'operator', operator, ...meeting(parents) },
      parents,
      stores: [store],
    })
    const full = new StreamNode<K, FullWindow<A>>(node)
    for (const input of this.inputs) input.attach(node, (task) => full.compile(task))
    return build.stream(full, {
      keySerde: this.keySerde,
      valueSerde: undefined,
      keyChanged: false,
      fromSource: false,
    })
  }
}

function intoCountWindows<K, V, A>(
  task: TaskContext,
  node: GraphNode,
  { size, advance }: CountWindows,
  spec: StoreSpec<K, CountedWindows<A>>,
  folding: Folding<K, V, A>,
  next: Receiver<K, FullWindow<A>>,
): Receiver<K, V> {
  const store = task.store(spec)
  return (key, value, timestampMs) => {
    if (value === null || value === undefined) {
      task.dropped(node, 'null-value')
      return
    }
    task.enter(node)
    const row = store.entry(key)
    const { taken: before, lastFrom, windows: open } = row.value ?? noneCounted(advance)
    const taken = before + 1
    const windows = open.flatMap((window) =>
      widened(window, folding.add(window.aggregate, value, key), timestampMs),
    )
    // The same, unless size or advance were changed: windows that follow each other do not overlap then, either.
    const begins = size === advance ? open.length === 0 : taken >= lastFrom + advance
    if (begins) {
      const aggregate = folding.first(value, key) ?? null
      if (aggregate !== null)
        windows.push({ fromRecord: taken, startMs: timestampMs, endMs: timestampMs, aggregate })
    }
    const isFull = ({ fromRecord }: CountedWindow<A>): boolean => taken - fromRecord + 1 >= size
    const newestMs = row.value === null ? timestampMs : Math.max(row.timestampMs, timestampMs)
    const kept = windows.filter((window) => !isFull(window))
    store.update(row, { taken, lastFrom: begins ? taken : lastFrom, windows: kept }, newestMs)
    for (const { fromRecord, startMs, endMs, aggregate } of windows.filter(isFull)) {
      next(key, { fromRecord, toRecord: taken, startMs, endMs, value: aggregate }, endMs)
      task.enter(node)
    }
  }
}

/** The first window begins with the first record. */
function noneCounted(advance: number): CountedWindows<never> {
  return { taken: 0, lastFrom: 1 - advance, windows: [] }
}

/** A window whose aggregator answers null is there no more. */
function widened<A>(
  window: CountedWindow<A>,
  aggregate: A | null | undefined,
  timestampMs: number,
): CountedWindow<A>[] {
  if (aggregate === null || aggregate === undefined) return []
  const startMs = Math.min(window.startMs, timestampMs)
  return [{ ...window, startMs, endMs: Math.max(window.endMs, timestampMs), aggregate }]
}
