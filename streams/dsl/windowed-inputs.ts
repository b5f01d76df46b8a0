/** How streams come to the windows of an aggregate: as they are, through a repartition topic, or combined in front of one. */
import type { Serde } from '../serde/serde.ts'
import { topic as declareTopic } from '../serde/topic.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { Windowed } from '../topology/store-spec.ts'
import { StreamNode, type StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { internalTopics } from '../topology/topology.ts'
import type { Fold, Grouping } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import { storesOfEarly } from './early-results.ts'
import type { KStream } from './kstream.ts'
import type { KTable } from './ktable.ts'
import { tableOfStore } from './table-sources.ts'
import {
  foldInto,
  intoWindows,
  type WindowedOutlet,
  type WindowedTarget,
  windowedOutlet,
} from './windowed-aggregate.ts'
import { combineWindows, type WindowPartial, windowPartialSerde } from './windowed-combine.ts'

/** Does something with the records that no window was open to. */
export interface LateUse<K, V> {
  use(late: KStream<K, V>): void
}

/** One input of a windowed aggregate, with the type of its values hidden. */
export interface WindowedInput<K, A> {
  readonly parent: GraphNode
  attach(node: GraphNode, outlet: (task: TaskContext) => WindowedOutlet<K, A>): void
}

export interface WindowedFolding<K, V, A> {
  readonly fold: Fold<K, V, A>
  /** How two aggregates of the same window become one; undefined when they cannot. */
  readonly merge: ((left: A, right: A) => A) | undefined
  /** How those of sessions that meet become one: as above, unless said here. */
  readonly join?: (left: A, right: A) => A
  readonly late: readonly LateUse<K, V>[]
}

/** An aggregate over windows while it is being declared: streams are connected, and then it is a table. */
export interface WindowedPlan<K, A> {
  /** @param topicName names the repartition topic, if one is needed */
  connect<V>(grouping: Grouping<K, V>, topicName: string, folding: WindowedFolding<K, V, A>): void
  table(operator: string): KTable<Windowed<K>, A>
}

/** @param topicName names the repartition topic, if one is needed */
export function windowedInput<K, V, A>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  target: WindowedTarget<K, A>,
  topicName: string,
  folding: WindowedFolding<K, V, A>,
): WindowedInput<K, A> {
  const { repartition, keySerde: key } = grouping
  const { merge } = folding
  if (repartition && merge !== undefined)
    return combinedInput(build, grouping, target, topicName, { ...folding, merge })
  const stream = repartition
    ? build.repartition(grouping.stream, topicName, {
        key: innerKey(build, key, target),
        value: build.serde(
          grouping.valueSerde,
          `the repartition topic of "${topicName}"`,
          'pass the value serde to groupBy or groupByKey, or give the aggregator a merge',
        ),
      })
    : grouping.stream
  return {
    parent: stream.node,
    attach: (node, outletOf) => {
      const late = lateStream(build, node, { ...grouping, repartition: false }, topicName, folding.late)
      stream.attach((task) => {
        const outlet = outletOf(task)
        return intoWindows(
          task,
          target.windows,
          outlet,
          foldInto(task, outlet, folding.fold),
          late?.compile(task),
        )
      })
    },
  }
}

function combinedInput<K, V, A>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  target: WindowedTarget<K, A>,
  topicName: string,
  { fold, merge, late: useLate }: WindowedFolding<K, V, A> & { readonly merge: (left: A, right: A) => A },
): WindowedInput<K, A> {
  const between = declareTopic<K, WindowPartial<A>>(
    internalTopics.repartition(build.topologyName, topicName),
    {
      key: innerKey(build, grouping.keySerde, target),
      value: windowPartialSerde(target.store.value),
    },
  )
  const node = build.graph.add({
    name: `${topicName}-combine`,
    role: { kind: 'operator', operator: 'combine', usesTime: true },
    parents: [grouping.stream.node],
  })
  const combined = new StreamNode<K, WindowPartial<A>>(node)
  const late = lateStream(build, node, grouping, topicName, useLate)
  grouping.stream.attach((task) => {
    const combining = { windows: target.windows, between }
    return combineWindows(task, node, combining, fold, combined.compile(task), late?.compile(task))
  })
  build.sink(combined, between, { repartition: true })
  const partials = build.source(between, { repartition: true })
  return {
    parent: partials.node,
    attach: (_node, outletOf) => partials.attach((task) => mergeInto(task, outletOf(task), merge)),
  }
}

function mergeInto<K, A>(
  task: TaskContext,
  outlet: WindowedOutlet<K, A>,
  merge: (left: A, right: A) => A,
): Receiver<K, WindowPartial<A>> {
  const add = foldInto<K, A, A>(task, outlet, { first: (aggregate) => aggregate, add: merge })
  return (key, { startMs, aggregate }, timestampMs) => {
    if (startMs < outlet.firstOpenMs()) task.dropped(outlet.node, 'late')
    else add(startMs, key, aggregate, timestampMs)
  }
}

/** The table of an aggregate over windows. */
export function windowedTable<K, A>(
  build: BuildContext,
  target: WindowedTarget<K, A>,
  operator: string,
  inputs: readonly WindowedInput<K, A>[],
): KTable<Windowed<K>, A> {
  const parents = inputs.map(({ parent }) => parent)
  const { node, table, outlet } = tableOfStore(build, parents, target.store, operator, { usesTime: true })
  for (const store of storesOfEarly(target.early)) build.graph.addStore(node, store)
  const outlets = new WeakMap<TaskContext, WindowedOutlet<K, A>>()
  const outletOf = (task: TaskContext): WindowedOutlet<K, A> => {
    const known = outlets.get(task) ?? windowedOutlet(task, target, outlet(task))
    outlets.set(task, known)
    return known
  }
  for (const input of inputs) input.attach(node, outletOf)
  return table
}

/** The stream of what is late at a node; undefined when nobody wants it. */
export function lateStream<K, V>(
  build: BuildContext,
  node: GraphNode,
  { keySerde, valueSerde, repartition }: Pick<Grouping<K, V>, 'keySerde' | 'valueSerde' | 'repartition'>,
  name: string,
  uses: readonly LateUse<K, V>[],
): StreamNode<K, V> | undefined {
  if (uses.length === 0) return undefined
  const stream = build.branch<K, V>(node, `${name}.late`)
  const place: StreamPlace<K, V> = stream
  const traits = { keySerde, valueSerde, keyChanged: repartition, fromSource: false }
  for (const one of uses) one.use(build.stream(place, traits))
  return stream
}

function innerKey<K>(
  build: BuildContext,
  key: Serde<K> | undefined,
  { store }: Pick<WindowedTarget<K, unknown>, 'store'>,
): Serde<K> {
  return build.serde(key, `store "${store.name}"`, 'pass { key: … } to groupByKey, or a serde to groupBy')
}
