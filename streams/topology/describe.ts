/** A topology for people (text), for a diagram (mermaid) and for programs (json). */
import type { GraphNode } from './graph.ts'
import type { SubTopology, Topology } from './topology.ts'

export type DescribeFormat = 'text' | 'mermaid' | 'json'

export function describeTopology(topology: Topology, format: DescribeFormat): string {
  switch (format) {
    case 'text':
      return asText(topology)
    case 'mermaid':
      return asMermaid(topology)
    case 'json':
      return JSON.stringify(asData(topology), null, 2)
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
      const ttl = store.ttlMs === undefined ? '' : `, forgotten after ${store.ttlMs} ms`
      lines.push(`    Store ${store.name}: ${store.key.name} -> ${store.value.name}${ttl}`)
    }
    for (const node of subTopology.nodes) lines.push(`    ${nodeLine(node, subTopology)}`)
  }
  return lines.join('\n')
}

function nodeLine(node: GraphNode, subTopology: SubTopology): string {
  const children = childrenOf(node, subTopology).map(({ name }) => name)
  const stores = node.stores.length === 0 ? '' : ` [${node.stores.map(({ name }) => name).join(', ')}]`
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
  const lines = ['flowchart LR']
  const topics = new Set<string>()
  for (const [index, subTopology] of topology.subTopologies.entries()) {
    lines.push(`  subgraph s${index}["${subTopology.name}"]`)
    for (const node of subTopology.nodes) {
      if (node.role.kind === 'operator') lines.push(`    n${node.id}["${node.name}"]`)
      if (node.role.kind === 'external-sink') lines.push(`    n${node.id}[["${node.role.sink}"]]`)
    }
    for (const store of subTopology.stores) lines.push(`    ${storeId(store.name)}[("${store.name}")]`)
    lines.push('  end')
    for (const node of subTopology.nodes) {
      if (node.role.kind === 'source' || node.role.kind === 'sink') topics.add(node.role.topic.name)
    }
  }
  for (const { topic } of topology.globalTables) topics.add(topic.name)
  for (const topic of topics) lines.push(`  ${topicId(topic)}{{"${topic}"}}`)
  for (const node of topology.nodes) {
    for (const parent of node.parents) lines.push(`  ${placeId(parent)} --> ${placeId(node)}`)
    for (const store of node.stores) lines.push(`  ${placeId(node)} <-.-> ${storeId(store.name)}`)
    for (const table of node.globalTables) {
      const topic = topology.globalTables.find(({ store }) => store.name === table)?.topic.name
      if (topic !== undefined) lines.push(`  ${topicId(topic)} -.-> ${placeId(node)}`)
    }
  }
  return lines.join('\n')
}

/** Sources and sinks are drawn as the topic that they read or write. */
function placeId(node: GraphNode): string {
  const { role } = node
  return role.kind === 'source' || role.kind === 'sink' ? topicId(role.topic.name) : `n${node.id}`
}

function topicId(name: string): string {
  return `t_${name.replace(/[^A-Za-z0-9]/g, '_')}`
}

function storeId(name: string): string {
  return `st_${name.replace(/[^A-Za-z0-9]/g, '_')}`
}

function asData(topology: Topology) {
  return {
    name: topology.name,
    globalTables: topology.globalTables.map(({ store, topic }) => ({ store: store.name, topic: topic.name })),
    repartitionTopics: topology.repartitionTopics.map(({ name }) => name),
    subTopologies: topology.subTopologies.map((subTopology) => ({
      name: subTopology.name,
      sourceTopics: subTopology.sources.map(({ topic }) => topic.name),
      sinkTopics: subTopology.nodes.flatMap(({ role }) => (role.kind === 'sink' ? [role.topic.name] : [])),
      stores: subTopology.stores.map(({ name, key, value, ttlMs }) => ({
        name,
        key: key.name,
        value: value.name,
        ttlMs: ttlMs ?? null,
      })),
      nodes: subTopology.nodes.map((node) => ({
        name: node.name,
        kind: node.role.kind === 'operator' ? node.role.operator : node.role.kind,
        stores: node.stores.map(({ name }) => name),
        to: childrenOf(node, subTopology).map(({ name }) => name),
      })),
    })),
  }
}

function childrenOf(node: GraphNode, subTopology: SubTopology): GraphNode[] {
  return subTopology.nodes.filter(({ parents }) => parents.includes(node))
}
