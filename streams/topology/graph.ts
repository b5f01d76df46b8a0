/**
 * The graph of a topology as plain data: what `describe` shows, what sub-topologies are cut from, what names are
 * checked against. How records flow through it lives in stream-node.ts.
 *
 * Invariants:
 * 1. A node's parents were added before it, so ids ascend in topological order.
 * 2. Names of nodes, stores and topics' sources are unique within the graph.
 * 3. Nodes that share a store, or are linked by an edge, are in one sub-topology; a repartition topic is no edge.
 */
import { StreamsError } from '../errors.ts'
import type { Topic } from '../serde/topic.ts'
import type { StoreSpec } from './store-spec.ts'

export type NodeRole =
  | { readonly kind: 'source'; readonly topic: AnyTopic; readonly repartition: boolean }
  | {
      readonly kind: 'operator'
      readonly operator: string
      readonly coPartitioned?: true
      /** It needs to know the time: watermarks come with what is repartitioned in front of it. */
      readonly usesTime?: true
    }
  | {
      readonly kind: 'sink'
      readonly topic: AnyTopic
      readonly repartition: boolean
      /** Not by the hash of the key. */
      readonly partitionedOtherwise?: true
    }
  | { readonly kind: 'external-sink'; readonly sink: string }

export interface GraphNode {
  readonly id: number
  readonly name: string
  readonly role: NodeRole
  readonly parents: readonly GraphNode[]
  readonly stores: readonly StoreSpec[]
  /** Names of global tables that it reads. */
  readonly globalTables: readonly string[]
}

interface MutableNode extends GraphNode {
  readonly stores: StoreSpec[]
}

/** A topic of any types: described, created and opened here; whoever encodes or decodes holds the typed one. */
export type AnyTopic = Topic<unknown, unknown>

export class Graph {
  readonly nodes: MutableNode[] = []
  private readonly names = new Set<string>()
  private readonly storeOwners = new Map<string, StoreSpec>()
  private readonly counters = new Map<string, number>()

  add(node: {
    name: string
    role: NodeRole
    parents: readonly GraphNode[]
    stores?: readonly StoreSpec[]
    globalTables?: readonly string[]
  }): GraphNode {
    checkName('node', node.name)
    if (this.names.has(node.name)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `two nodes are named "${node.name}"; give one of them another name`,
      )
    }
    this.names.add(node.name)
    const stores: StoreSpec[] = []
    const added: MutableNode = {
      id: this.nodes.length,
      name: node.name,
      role: node.role,
      parents: node.parents,
      stores,
      globalTables: node.globalTables ?? [],
    }
    this.nodes.push(added)
    for (const store of node.stores ?? []) this.addStore(added, store)
    return added
  }

  /** Lets a node use a store, which others may use too: they are then in the same sub-topology. */
  addStore(node: GraphNode, store: StoreSpec): void {
    this.claim(store)
    const own = this.nodes[node.id]
    if (own !== undefined && !own.stores.includes(store)) own.stores.push(store)
  }

  /** A name for a node without state, by its operator: `filter-1`, `filter-2`. */
  nameFor(operator: string): string {
    let name: string
    do {
      const count = (this.counters.get(operator) ?? 0) + 1
      this.counters.set(operator, count)
      name = `${operator}-${count}`
    } while (this.names.has(name))
    return name
  }

  /** Keeps a store's name for it. */
  claim(store: StoreSpec): void {
    checkName('store', store.name)
    const claimed = this.storeOwners.get(store.name)
    if (claimed !== undefined && claimed !== store) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `two stores are named "${store.name}"; give one of them another name`,
      )
    }
    this.storeOwners.set(store.name, store)
  }
}

/** The topics that reach a node without passing a repartition topic on the way. */
export function sourcesBehind(nodes: readonly GraphNode[]): Set<GraphNode> {
  const behind = new Set(nodes)
  // What is added while it is walked is walked too.
  for (const node of behind) for (const parent of node.parents) behind.add(parent)
  return new Set([...behind].filter(({ role }) => role.kind === 'source'))
}

/** Equal keys of several topics must lie in equal partitions where they come to one row. */
export function meeting(parents: readonly GraphNode[]): { readonly coPartitioned?: true } {
  return sourcesBehind(parents).size > 1 ? { coPartitioned: true } : {}
}

/** Names go into topic names and paths, so they keep to what Kafka allows in a topic name. */
export function checkName(what: string, name: string): void {
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(name)) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${what} name "${name}": use 1 to 200 of letters, digits, ".", "_" and "-"`,
      { details: { name } },
    )
  }
}
