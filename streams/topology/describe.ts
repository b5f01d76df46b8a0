/** A topology for people (text), for a diagram (mermaid) and for programs (json). */
import type { GraphNode } from './graph.ts'
import type { StoreSpec } from './store-spec.ts'
import type { SubTopology, Topology } from './topology.ts'

export type DescribeFormat = 'text' | 'mermaid' | 'json'

export function describeTopology(topology: Topology, format: DescribeFormat): string {
  switch (format) {
    case 'text':
      return asText(topology)
    case 'mermaid':
      return asMermaid(topology)
    case 'json':
      return JSON.stringify(topologyData(topology), null, 2)
  }
}

function asText(topology: Topology): string {
  const lines = [`Topology ${topology.name}`]
  for (const { store, topic } of topology.globalTables) {
    lines.push(`  Global table ${store.name} from topic ${topic.name}`)
  }
  for (const subTopology of topology.subTopologies) {
    lines.push(`  Sub-topology ${subTopology.name}`)
    for (const store of subTopology.stores) {
      lines.push(`    Store ${store.name}: ${store.key.name} -> ${store.value.name}${lifetimeText(store)}`)
    }
    for (const node of subTopology.nodes) lines.push(`    ${nodeLine(node, subTopology)}`)
  }
  return lines.join('\n')
}

function lifetimeText({ ttlMs, windows }: StoreSpec): string {
  const windowed =
    windows === undefined
      ? ''
      : `, windows of ${windows.sizeMs} ms kept ${windows.retentionMs} ms after their end`
  return ttlMs === undefined ? windowed : `${windowed}, forgotten after ${ttlMs} ms`
}

function nodeLine(node: GraphNode, subTopology: SubTopology): string {
  const children = childrenOf(node, subTopology).map(({ name }) => name)
  const kept = [...node.stores.map(({ name }) => name), ...node.globalTables.map((name) => `global ${name}`)]
  const stores = kept.length === 0 ? '' : ` [${kept.join(', ')}]`
  const to = children.length === 0 ? '' : ` --> ${children.join(', ')}`
  return `${roleText(node)} ${node.name}${stores}${to}`
}

function roleText({ role }: GraphNode): string {
  switch (role.kind) {
    case 'source':
      return `Source (${role.topic.name}: ${role.topic.key.name}, ${role.topic.value.name})`
    case 'sink':
      return `Sink (${role.topic.name}: ${role.topic.key.name}, ${role.topic.value.name})`
    case 'external-sink':
      return `External sink (${role.sink})`
    case 'operator':
      return `Operator (${role.operator})`
  }
}

function asMermaid(topology: Topology): string {
  const { subTopologies, globalTables, nodes } = topology
  const topics = new Set<string>()
  for (const { role } of subTopologies.flatMap((subTopology) => subTopology.nodes)) {
    if (role.kind === 'source' || role.kind === 'sink') topics.add(role.topic.name)
  }
  for (const { topic } of globalTables) topics.add(topic.name)
  const topicIds = numbered('t', [...topics])
  const storeIds = numbered(
    's',
    subTopologies.flatMap(({ stores }) => stores.map(({ name }) => name)),
  )
  /** Sources and sinks are drawn as the topic that they read or write. */
  const placeOf = ({ id, role }: GraphNode) =>
    role.kind === 'source' || role.kind === 'sink' ? topicIds.get(role.topic.name) : `n${id}`

  const lines = ['flowchart LR']
  for (const [index, subTopology] of subTopologies.entries()) {
    lines.push(`  subgraph g${index}["${subTopology.name}"]`)
    for (const node of subTopology.nodes) {
      if (node.role.kind === 'operator') lines.push(`    n${node.id}["${node.name}"]`)
      if (node.role.kind === 'external-sink') lines.push(`    n${node.id}[["${node.role.sink}"]]`)
    }
    for (const { name } of subTopology.stores) lines.push(`    ${storeIds.get(name)}[("${name}")]`)
    lines.push('  end')
  }
  for (const [topic, id] of topicIds) lines.push(`  ${id}{{"${topic}"}}`)
  for (const node of nodes) {
    for (const parent of node.parents) lines.push(`  ${placeOf(parent)} --> ${placeOf(node)}`)
    for (const { name } of node.stores) lines.push(`  ${placeOf(node)} <-.-> ${storeIds.get(name)}`)
    for (const { store, topic } of globalTables) {
      if (node.globalTables.includes(store.name))
        lines.push(`  ${topicIds.get(topic.name)} -.-> ${placeOf(node)}`)
    }
  }
  return lines.join('\n')
}

/** Identifiers that mermaid takes, for names that it does not. */
function numbered(prefix: string, names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name, index) => [name, `${prefix}${index}`]))
}

export type TopologyData = ReturnType<typeof topologyData>

/** What describes a topology, as plain data. */
export function topologyData(topology: Topology) {
  return {
    name: topology.name,
    globalTables: topology.globalTables.map(({ store, topic }) => ({ store: store.name, topic: topic.name })),
    repartitionTopics: topology.repartitionTopics.map(({ name }) => name),
    subTopologies: topology.subTopologies.map((subTopology) => ({
      name: subTopology.name,
      sourceTopics: subTopology.sources.map(({ topic }) => topic.name),
      sinkTopics: subTopology.nodes.flatMap(({ role }) => (role.kind === 'sink' ? [role.topic.name] : [])),
      stores: subTopology.stores.map(({ name, key, value, ttlMs, windows }) => ({
        name,
        key: key.name,
        value: value.name,
        ttlMs: ttlMs ?? null,
        ...(windows === undefined ? {} : { windows }),
      })),
      nodes: subTopology.nodes.map((node) => ({
        name: node.name,
        kind: node.role.kind === 'operator' ? node.role.operator : node.role.kind,
        topic: node.role.kind === 'source' || node.role.kind === 'sink' ? node.role.topic.name : null,
        stores: node.stores.map(({ name }) => name),
        globalTables: node.globalTables,
        to: childrenOf(node, subTopology).map(({ name }) => name),
      })),
    })),
  }
}

function childrenOf(node: GraphNode, subTopology: SubTopology): GraphNode[] {
  return subTopology.nodes.filter(({ parents }) => parents.includes(node))
}
