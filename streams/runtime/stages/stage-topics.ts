/** What a stage reads, and who writes it. */
import type { SubTopology, Topology } from '../../topology/topology.ts'
import type { Stage } from './stage.ts'

export function subTopologiesOf({ subTopologies }: Topology, { subTopology }: Stage): SubTopology[] {
  return subTopologies.filter(({ name }) => subTopology === null || name === subTopology)
}

/** Topics that a stage reads, by whether it writes them itself. */
export function inputsOf(
  topology: Topology,
  stage: Stage,
): { readonly own: ReadonlySet<string>; readonly outside: ReadonlySet<string> } {
  const parts = subTopologiesOf(topology, stage)
  const written = new Set(
    parts.flatMap(({ nodes }) =>
      nodes.flatMap(({ role }) => (role.kind === 'sink' ? [role.topic.name] : [])),
    ),
  )
  const read = parts.flatMap(({ sources }) => sources.map(({ topic }) => topic.name))
  return {
    own: new Set(read.filter((topic) => written.has(topic))),
    outside: new Set(read.filter((topic) => !written.has(topic))),
  }
}
