/**
 * What of a topology instances must have in common to share its tasks: sub-topologies, what each reads, and its stores.
 * Operators between them may differ, so that a release which changes them only is rolled out instance by instance.
 */
import type { Topology } from '../../topology/topology.ts'

export type TopologyShape = readonly SubTopologyShape[]

export interface SubTopologyShape {
  readonly name: string
  readonly topics: readonly string[]
  readonly stores: readonly string[]
}

export function shapeOf({ subTopologies }: Topology): TopologyShape {
  return subTopologies.map(({ name, sources, stores }) => ({
    name,
    topics: sources.map(({ topic }) => topic.name).sort(),
    stores: stores.map((store) => store.name).sort(),
  }))
}

/** The same text for the same shape, in whatever order it was declared. */
export function textOfShape(shape: TopologyShape): string {
  const byName = [...shape].sort((a, b) => (a.name < b.name ? -1 : 1))
  return JSON.stringify(byName.map(({ name, topics, stores }) => [name, topics, stores]))
}

/** What one has and the other has not, in words; undefined when there is no difference. */
export function differenceOf(own: TopologyShape, others: TopologyShape): string | undefined {
  if (textOfShape(own) === textOfShape(others)) return undefined
  const parts = [
    ...missing('the sub-topology of', names(own), names(others), 'here only'),
    ...missing('the sub-topology of', names(others), names(own), 'there only'),
    ...missing('store', stores(own), stores(others), 'here only'),
    ...missing('store', stores(others), stores(own), 'there only'),
  ]
  return parts.length > 0 ? parts.join('; ') : 'stores belong to other sub-topologies'
}

export function isTopologyShape(value: unknown): value is TopologyShape {
  return Array.isArray(value) && value.every(isSubTopologyShape)
}

function isSubTopologyShape(value: unknown): value is SubTopologyShape {
  if (typeof value !== 'object' || value === null) return false
  const { name, topics, stores: held }: Partial<Record<keyof SubTopologyShape, unknown>> = value
  return typeof name === 'string' && Array.isArray(topics) && Array.isArray(held)
}

function names(shape: TopologyShape): string[] {
  return shape.map(({ name }) => name)
}

function stores(shape: TopologyShape): string[] {
  return shape.flatMap((sub) => sub.stores)
}

function missing(what: string, from: readonly string[], to: readonly string[], where: string): string[] {
  return from.filter((name) => !to.includes(name)).map((name) => `${what} ${name} is ${where}`)
}
