/** The stores of topologies, as those know them who ask for their rows. */
import { type AnyTopic, sourcesBehind } from '../../topology/graph.ts'
import type { StoreSpec } from '../../topology/store-spec.ts'
import { kindOf, type StoreKind, type StoreView, viewOf } from '../../topology/store-view.ts'
import type { SubTopology, Topology } from '../../topology/topology.ts'

export interface QueriedStore {
  readonly topology: Topology
  readonly subTopology: SubTopology
  readonly spec: StoreSpec
  readonly view: StoreView
  readonly kind: StoreKind
}

/** In the order of the topology's graph. */
export function storesOf(topology: Topology): QueriedStore[] {
  return topology.subTopologies.flatMap((subTopology) =>
    subTopology.stores.map((spec) => {
      const view = viewOf(spec)
      return { topology, subTopology, spec, view, kind: kindOf(view) }
    }),
  )
}

/**
 * The topic whose keys decide where the rows of a store lie, by Kafka's default partitioner; undefined where that cannot be told, so
 * that every partition may have a row of a key.
 * @param topologies whose sinks are known: what writes the topic in another way is one of them, or not known
 */
export function placingTopic(
  { subTopology, spec, view }: QueriedStore,
  topologies: readonly Topology[],
): AnyTopic | undefined {
  if (!view.isByKey) return undefined
  const owners = subTopology.nodes.filter((node) => node.stores.includes(spec))
  const topics = [...sourcesBehind(owners)].flatMap(({ role }) =>
    role.kind === 'source' ? [role.topic] : [],
  )
  const sameKeys = topics.filter(({ key }) => plainName(key.name) === plainName(view.key.name))
  const isPlacedOtherwise = topologies.some(({ nodes }) =>
    nodes.some(
      ({ role }) =>
        role.kind === 'sink' &&
        role.partitionedOtherwise === true &&
        sameKeys.some(({ name }) => name === role.topic.name),
    ),
  )
  return isPlacedOtherwise ? undefined : sameKeys[0]
}

/** Of a store: as many as its sub-topology has tasks. */
export function partitionCountOf(
  { sources }: SubTopology,
  partitionCounts: ReadonlyMap<string, number>,
): number {
  return Math.max(0, ...sources.map(({ topic }) => partitionCounts.get(topic.name) ?? 0))
}

/** Serdes differ in nothing but whether null is allowed, which has no bytes. */
function plainName(name: string): string {
  return /^nullable\((.*)\)$/.exec(name)?.[1] ?? name
}
