/**
 * Combining before the network: what one task aggregates of a key between two commits crosses the repartition topic as
 * one record, the partial aggregate, instead of one record per value.
 *
 * Exactly-once holds because the partial results are sent at commit, in the same transaction as the input offsets; after
 * a crash they are gone together with the offsets, and are made again. Where every update is wanted, each value goes at
 * once, as a partial aggregate of its own.
 */
import { topic as declareTopic } from '../serde/topic.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import type { StreamNode, StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { internalTopics } from '../topology/topology.ts'
import type { Folding } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'

/** More keys than this in one commit interval are sent in several partial results: memory stays bounded. */
const maxKeys = 50_000

interface Partial<K, A> {
  readonly key: K
  aggregate: A
  timestampMs: number
}

export function combineBeforeRepartition<K, V, A>(
  build: BuildContext,
  stream: StreamPlace<K, V>,
  store: StoreSpec<K, A>,
  topicName: string,
  folding: Folding<K, V, A>,
): StreamNode<K, A> {
  const between = declareTopic(internalTopics.repartition(build.topologyName, topicName), {
    key: store.key,
    value: store.value,
  })
  const combined = build.operator<K, V, K, A>(
    stream,
    { name: `${topicName}-combine`, operator: 'combine' },
    (next, task, node) => {
      const fold =
        task.emission === 'every-update'
          ? eachAlone(next, folding)
          : untilCommit(next, task, node, task.identity(between), folding)
      return (key, value, timestampMs) => {
        if (value === null || value === undefined) {
          task.dropped(node, 'null-value')
          return
        }
        task.enter(node)
        fold(key, value, timestampMs)
      }
    },
  )
  build.sink(combined, between, { repartition: true })
  return build.source(between, { repartition: true })
}

function eachAlone<K, V, A>(next: Receiver<K, A>, folding: Folding<K, V, A>): Receiver<K, NonNullable<V>> {
  return (key, value, timestampMs) => {
    const aggregate = folding.first(value, key)
    if (aggregate !== null) next(key, aggregate, timestampMs)
  }
}

function untilCommit<K, V, A>(
  next: Receiver<K, A>,
  task: TaskContext,
  node: GraphNode,
  identity: (key: K) => unknown,
  folding: Folding<K, V, A>,
): Receiver<K, NonNullable<V>> {
  const partials = new Map<unknown, Partial<K, A>>()
  const flush = (): boolean => {
    if (partials.size === 0) return false
    for (const { key, aggregate, timestampMs } of partials.values()) next(key, aggregate, timestampMs)
    partials.clear()
    return true
  }
  task.onCommit(node, flush)
  return (key, value, timestampMs) => {
    const id = identity(key)
    const partial = partials.get(id)
    const aggregate =
      partial === undefined ? folding.first(value, key) : folding.add(partial.aggregate, value, key)
    if (aggregate === null) partials.delete(id)
    else if (partial === undefined) partials.set(id, { key, aggregate, timestampMs })
    else {
      partial.aggregate = aggregate
      if (timestampMs > partial.timestampMs) partial.timestampMs = timestampMs
    }
    if (partials.size >= maxKeys) flush()
  }
}
