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
  /** Of a global table: every instance has it whole, and it is of no sub-topology. */
  readonly isGlobal: boolean
}

/** In the order of the topology's graph, global tables behind. */
export function storesOf(topology: Topology): QueriedStore[] {
  const store = (subTopology: SubTopology, spec: StoreSpec, isGlobal: boolean): QueriedStore => {
    const view = viewOf(spec)
    return { topology, subTopology, spec, view, kind: kindOf(view), isGlobal }
  }
  const ofTasks = topology.subTopologies.flatMap((part) =>
    part.stores.map((spec) => store(part, spec, false)),
  )
  return [...ofTasks, ...topology.globalTables.map(({ store: spec }) => store(nowhere, spec, true))]
}

const nowhere: SubTopology = {
  name: '',
  nodes: [],
  sources: [],
  stores: [],
  hasExternalSink: false,
  usesTime: false,
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

/** As many as the sub-topology of a store has tasks. */
export function partitionCountOf(
  { subTopology: { sources }, isGlobal }: QueriedStore,
  partitionCounts: ReadonlyMap<string, number>,
): number {
  if (isGlobal) return 1
  return Math.max(0, ...sources.map(({ topic }) => partitionCounts.get(topic.name) ?? 0))
}

/** Serdes differ in nothing but whether null is allowed, which has no bytes. */
function plainName(name: string): string {
  return /^nullable\((.*)\)$/.exec(name)?.[1] ?? name
}
