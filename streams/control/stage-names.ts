/** Finding the stage that somebody names, and how stages lie in one another. */
import { StreamsError } from '../errors.ts'
import type { Stage, StandingCommand } from '../runtime/stages/stage.ts'
import type { Topology } from '../topology/topology.ts'

/**
 * The stage as its commands are kept: one with an operator names its sub-topology.
 * @throws STAGE_NOT_FOUND naming what there is
 */
export function resolveStage(topology: Topology, stage: Stage): Stage {
  const { subTopologies } = topology
  const { subTopology, operator } = stage
  const sub = subTopologies.find(({ name }) => name === subTopology)
  if (subTopology !== null && sub === undefined) {
    throw notFound(
      `topology ${topology.name} has no sub-topology "${subTopology}"; it has ${subTopologies.map(({ name }) => name).join(', ')}`,
      stage,
    )
  }
  if (operator === null) return { topology: topology.name, subTopology, operator }
  const searched = sub === undefined ? subTopologies : [sub]
  const owner = searched.find(({ nodes }) => nodes.some(({ name }) => name === operator))
  if (owner === undefined) {
    const where =
      sub === undefined ? `topology ${topology.name}` : `sub-topology ${sub.name} of ${topology.name}`
    const names = searched.flatMap(({ nodes }) => nodes.map(({ name }) => name))
    throw notFound(`${where} has no operator "${operator}"; it has ${names.join(', ')}`, stage)
  }
  return { topology: topology.name, subTopology: owner.name, operator }
}

/** Whether a command is for a stage that is wider or narrower than another, or the same. */
export function overlaps(command: StageKey, other: StageKey): boolean {
  return isWithin(command, other) || isWithin(other, command)
}

type StageKey = Pick<StandingCommand, 'sub_topology' | 'operator'>

function isWithin(inner: StageKey, outer: StageKey): boolean {
  if (outer.sub_topology === null) return true
  if (inner.sub_topology !== outer.sub_topology) return false
  return outer.operator === null || inner.operator === outer.operator
}

function notFound(message: string, { topology, subTopology, operator }: Stage): StreamsError {
  return new StreamsError('STAGE_NOT_FOUND', message, { details: { topology, subTopology, operator } })
}
