/** Who runs what of a topology, over all its instances, as their group knows it. */
import type { DescribedMember, Log } from '../../ports/log.ts'
import type { Topology } from '../../topology/topology.ts'
import { tasksReading } from '../task-place.ts'
import { decodeAssignmentData, decodeMemberData } from './member-data.ts'

export interface Peer {
  readonly instanceId: string
  readonly zone: string | null
  /** Where it is reached, as `host:port`; null when it serves nothing. */
  readonly endpoint: string | null
  /** Tasks assigned to it. */
  readonly active: readonly string[]
  /** Tasks of whose state it keeps a copy, warm-ups included. */
  readonly standby: readonly string[]
}

export type ReachableMember = Pick<Peer, 'instanceId' | 'zone'> & { readonly endpoint: string }

/** In the order of their ids; undefined while the group is being shared out. @throws LOG_UNAVAILABLE, LOG_REFUSED */
export async function peersOf(topology: Topology, log: Log): Promise<Peer[] | undefined> {
  const { isSettled, members } = await log.describeGroup(topology.name)
  if (!isSettled) return undefined
  return members
    .flatMap((member) => peerOf(member, topology) ?? [])
    .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
}

/** The members of a topology's group that say where they are reached; none while it is being shared out, or has no members. */
export async function reachableMembers(
  topologyName: string,
  log: Pick<Log, 'describeGroup'>,
): Promise<ReachableMember[]> {
  const { members } = await log.describeGroup(topologyName)
  return members.flatMap(({ userData }) => {
    const member = decodeMemberData(userData)
    if (member === undefined || member.endpoint === null) return []
    return [{ instanceId: member.instanceId, zone: member.zone, endpoint: member.endpoint }]
  })
}

function peerOf({ userData, assignment }: DescribedMember, topology: Topology): Peer | undefined {
  const member = decodeMemberData(userData)
  const assigned = decodeAssignmentData(assignment.userData)
  if (member === undefined || assigned === undefined) return undefined
  const active = tasksReading(topology, assignment.partitions)
  const { instanceId, zone, endpoint } = member
  return {
    instanceId,
    zone,
    endpoint,
    active: [...active.keys()],
    standby: [...assigned.standby, ...assigned.warmUp],
  }
}
