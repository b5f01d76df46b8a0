/**
 * Combining before the network: what one task aggregates of a key between two commits crosses the repartition topic as
 * one record, the partial aggregate, instead of one record per value.
 *
 * Exactly-once holds because the partial results are sent at commit, in the same transaction as the input offsets; after
 * a crash they are gone together with the offsets, and are made again.
 */

import { topic as declareTopic } from '../serde/topic.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import type { StreamNode } from '../topology/stream-node.ts'
import { internalTopics } from '../topology/topology.ts'
import type { BuildContext } from './build-context.ts'
import type { Folding } from './kgrouped-stream.ts'

/** More keys than this in one commit interval are sent in several partial results: memory stays bounded. */
const maxKeys = 50_000

interface Partial<K, A> {
  readonly key: K
  aggregate: A
  timestampMs: number
}

export function combineBeforeRepartition<K, V, A>(
  build: BuildContext,
  stream: StreamNode<K, V>,
  store: StoreSpec<K, A>,
  folding: Folding<K, V, A>,
): StreamNode<K, A> {
  const between = declareTopic(internalTopics.repartition(build.topologyName, store.name), {
    key: store.key,
    value: store.value,
  })
  const combined = build.operator<K, V, K, A>(
    stream,
    { name: `${store.name}-combine`, operator: 'combine' },
    (next, task, node) => {
      const identity = task.identity(between)
      const partials = new Map<unknown, Partial<K, A>>()
      const flush = (): boolean => {
        if (partials.size === 0) return false
        for (const { key, aggregate, timestampMs } of partials.values()) next(key, aggregate, timestampMs)
        partials.clear()
        return true
      }
      task.onCommit(node, flush)
      return (key, value, timestampMs) => {
        if (value === null || value === undefined) {
          task.dropped(node, 'null-value')
          return
        }
        task.enter(node)
        const id = identity(key)
        const partial = partials.get(id)
        if (partial !== undefined) {
          partial.aggregate = folding.add(partial.aggregate, value, key)
          if (timestampMs > partial.timestampMs) partial.timestampMs = timestampMs
          return
        }
        partials.set(id, { key, aggregate: folding.first(value, key), timestampMs })
        if (partials.size >= maxKeys) flush()
      }
    },
  )
  build.sink(combined, between, { repartition: true })
  return build.source(between, { repartition: true })
}
