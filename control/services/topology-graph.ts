/** A topology as its code declares it, in the words of the protocol. */
import { internalTopics, type SubTopology, type Topology } from '../../streams/index.ts'
import type { Duration } from '../generated/google/protobuf/duration.ts'
import type {
  Operator,
  SubTopology as SubTopologyMessage,
  Topology as TopologyMessage,
} from '../generated/orderstreams/control/v1/topology_service.ts'

type GraphNode = Topology['nodes'][number]

/** @param partitions by sub-topology */
export function topologyMessage(
  topology: Topology,
  partitions: ReadonlyMap<string, number>,
): TopologyMessage {
  return {
    name: topology.name,
    subTopologies: topology.subTopologies.map((part) => partMessage(topology.name, part, partitions)),
    globalTables: topology.globalTables.map(({ store, topic }) => ({ name: store.name, topic: topic.name })),
    repartitionTopics: topology.repartitionTopics.map(({ name }) => name),
  }
}

function partMessage(
  topology: string,
  { name, sources, nodes, stores }: SubTopology,
  partitions: ReadonlyMap<string, number>,
): SubTopologyMessage {
  return {
    name,
    sourceTopics: sources.map(({ topic }) => topic.name),
    sinkTopics: nodes.flatMap(({ role }) => (role.kind === 'sink' ? [role.topic.name] : [])),
    externalSinks: nodes.flatMap(({ role }) => (role.kind === 'external-sink' ? [role.sink] : [])),
    operators: nodes.map((node) => operatorMessage(node, nodes)),
    stores: stores.map((store) => ({
      name: store.name,
      keyType: store.key.name,
      valueType: store.value.name,
      timeToLive: durationOf(store.ttlMs),
      windowSize: durationOf(store.windows?.sizeMs),
      windowRetention: durationOf(store.windows?.retentionMs),
      changelogTopic: internalTopics.changelog(topology, store.name),
    })),
    partitionCount: partitions.get(name) ?? 0,
  }
}

function operatorMessage(node: GraphNode, all: readonly GraphNode[]): Operator {
  const { role } = node
  return {
    name: node.name,
    kind: role.kind === 'operator' ? role.operator : role.kind,
    topic: role.kind === 'source' || role.kind === 'sink' ? role.topic.name : '',
    stores: node.stores.map(({ name }) => name),
    globalTables: [...node.globalTables],
    next: all.filter(({ parents }) => parents.includes(node)).map(({ name }) => name),
  }
}

export function durationOf(timeMs: number | undefined): Duration | undefined {
  if (timeMs === undefined) return undefined
  const seconds = Math.trunc(timeMs / 1000)
  return { seconds, nanos: Math.round((timeMs - seconds * 1000) * 1_000_000) }
}
