/**
 * A topology as a frozen value: what runs, what is drawn, what is compared before an upgrade.
 * Sub-topologies are the connected parts of its graph; a task is one of them for one partition.
 */
import { StreamsError } from '../errors.ts'
import type { AnyTopic, Graph, GraphNode } from './graph.ts'
import type { Source } from './source.ts'
import type { StoreSpec } from './store-spec.ts'

/** A table that every instance holds whole. */
export interface GlobalTableSpec {
  readonly store: StoreSpec
  readonly topic: AnyTopic
}

export interface SubTopology {
  /** From its sources' topics, so that editing another part of the topology never renames it. */
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly sources: readonly Source[]
  readonly stores: readonly StoreSpec[]
  /** True when its rows go to an external sink, which then keeps its positions. */
  readonly hasExternalSink: boolean
  /** Whether it, or one that it repartitions for, needs to know the time. */
  readonly usesTime: boolean
}

export interface Topology {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly subTopologies: readonly SubTopology[]
  readonly globalTables: readonly GlobalTableSpec[]
  /** Topics between its own sub-topologies. */
  readonly repartitionTopics: readonly AnyTopic[]
  /** Topics that it reads or writes and shares with others. */
  readonly topics: readonly AnyTopic[]
}

/** Cuts a graph into sub-topologies and checks what can be checked without running. */
export function buildTopology(
  name: string,
  graph: Graph,
  sources: readonly Source[],
  globalTables: readonly GlobalTableSpec[],
): Topology {
  const subTopologies = withTime(connectedParts(graph).map((nodes) => subTopology(nodes, sources)))
  const topics = new Map<string, AnyTopic>()
  const repartitionTopics = new Map<string, AnyTopic>()
  for (const { role } of graph.nodes) {
    if (role.kind === 'source' || role.kind === 'sink') {
      const target = role.repartition ? repartitionTopics : topics
      target.set(role.topic.name, role.topic)
    }
  }
  for (const { topic } of globalTables) topics.set(topic.name, topic)
  return Object.freeze({
    name,
    nodes: graph.nodes,
    subTopologies,
    globalTables,
    repartitionTopics: [...repartitionTopics.values()],
    topics: [...topics.values()],
  })
}

/** Sub-topologies in front of one that needs to know the time must tell it theirs. */
function withTime(parts: readonly Omit<SubTopology, 'usesTime'>[]): SubTopology[] {
  const timed = new Set(
    parts.filter(({ nodes }) => nodes.some(({ role }) => role.kind === 'operator' && role.usesTime)),
  )
  // What is added while it is walked is walked too.
  for (const reader of timed) {
    const read = new Set(reader.sources.map(({ topic }) => topic.name))
    for (const part of parts) if (repartitions(part).some((name) => read.has(name))) timed.add(part)
  }
  return parts.map((part) => ({ ...part, usesTime: timed.has(part) }))
}

/** The repartition topics that a sub-topology writes. */
export function repartitions({ nodes }: Pick<SubTopology, 'nodes'>): string[] {
  return nodes.flatMap(({ role }) => (role.kind === 'sink' && role.repartition ? [role.topic.name] : []))
}

function subTopology(
  nodes: readonly GraphNode[],
  allSources: readonly Source[],
): Omit<SubTopology, 'usesTime'> {
  const sources = allSources.filter((source) => nodes.includes(source.node))
  const stores = [...new Set(nodes.flatMap((node) => node.stores))]
  const name = sources
    .map((source) => source.topic.name)
    .sort()
    .join('+')
  const [external, second] = nodes.filter((node) => node.role.kind === 'external-sink')
  if (external !== undefined && second !== undefined) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `sub-topology ${name} has two external sinks, "${external.name}" and "${second.name}", and only one can keep its ` +
        'positions: make the rows of both in one, or let the second read a topic of its own',
    )
  }
  const other = nodes.find((node) => node.role.kind === 'sink' || node.stores.length > 0)
  if (external !== undefined && other !== undefined) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `sub-topology ${name} has the external sink "${external.name}" and also "${other.name}": an external sink keeps ` +
        'its own positions, so write to a topic first and let the sink read that topic',
    )
  }
  return { name, nodes, sources, stores, hasExternalSink: external !== undefined }
}

/** Groups nodes linked by an edge or a shared store; in the order of their first nodes. */
function connectedParts(graph: Graph): GraphNode[][] {
  const leader = graph.nodes.map((node) => node.id)
  const find = (id: number): number => {
    let root = id
    while (leader[root] !== root) root = leader[root]!
    leader[id] = root
    return root
  }
  const unite = (a: number, b: number): void => {
    const [first, second] = [find(a), find(b)]
    leader[Math.max(first, second)] = Math.min(first, second)
  }
  const firstUser = new Map<string, number>()
  for (const node of graph.nodes) {
    for (const parent of node.parents) unite(node.id, parent.id)
    for (const store of node.stores) {
      const user = firstUser.get(store.name)
      if (user === undefined) firstUser.set(store.name, node.id)
      else unite(node.id, user)
    }
  }
  const parts = new Map<number, GraphNode[]>()
  for (const node of graph.nodes) {
    const root = find(node.id)
    const part = parts.get(root)
    if (part === undefined) parts.set(root, [node])
    else part.push(node)
  }
  return [...parts.values()]
}

/** The names of the topics that the engine keeps for a topology. */
export const internalTopics = {
  changelog: (topology: string, store: string): string => `${topology}-${store}-changelog`,
  repartition: (topology: string, name: string): string => `${topology}-${name}-repartition`,
  checkpoint: (topology: string): string => `${topology}-checkpoint`,
  record: (topology: string): string => `${topology}-topology`,
  deadLetter: (topology: string): string => `${topology}-dead-letter`,
  control: (topology: string): string => `${topology}-control`,
  deadLetterStatus: (topology: string): string => `${topology}-dead-letter-status`,
}
