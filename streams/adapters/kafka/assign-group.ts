/** The leader's part of a rebalance: gathers what the members said, has the assignor share out, and checks its answer. */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Assignor, MemberAssignment, MemberMetadata } from '../../ports/log.ts'
import type { Leaders } from './leaders.ts'
import { code } from './protocol/error-codes.ts'
import { decodeSubscription, encodeAssignment } from './protocol/group-calls.ts'

const nothingAssigned: MemberAssignment = { partitions: [], userData: new Uint8Array(0) }

/** @throws LOG_UNAVAILABLE; INVARIANT_VIOLATED when the assignor breaks its contract */
export async function assignGroup(
  leaders: Leaders,
  assignor: Assignor,
  members: readonly { readonly memberId: string; readonly metadata: Buffer }[],
): Promise<ReadonlyMap<string, Buffer>> {
  const metadata = members.map((member) => decodeSubscription(member.memberId, member.metadata))
  const layouts = await leaders.refresh(metadata.flatMap(({ topics }) => topics))
  const counts = new Map(
    layouts
      .filter(({ errorCode }) => errorCode !== code.unknownTopicOrPartition)
      .map(({ name, leaders: { length } }) => [name, length]),
  )
  const assigned = callAssignor(assignor, metadata, counts)
  checkAssignment(assignor, metadata, counts, assigned)
  return new Map(
    metadata.map(({ memberId }) => [memberId, encodeAssignment(assigned.get(memberId) ?? nothingAssigned)]),
  )
}

function callAssignor(
  assignor: Assignor,
  members: readonly MemberMetadata[],
  counts: ReadonlyMap<string, number>,
): ReadonlyMap<string, MemberAssignment> {
  try {
    return assignor.assign(members, counts)
  } catch (error) {
    const message = `a rebalance failed in assignor "${assignor.name}": ${messageOf(error)}`
    throw new StreamsError('INVARIANT_VIOLATED', message, { cause: error })
  }
}

function checkAssignment(
  assignor: Assignor,
  members: readonly MemberMetadata[],
  counts: ReadonlyMap<string, number>,
  assigned: ReadonlyMap<string, MemberAssignment>,
): void {
  const taken = new Set<string>()
  for (const { memberId, topics } of members) {
    for (const { topic, partition } of assigned.get(memberId)?.partitions ?? []) {
      const name = `${topic}-${partition}`
      const exists = topics.includes(topic) && partition >= 0 && partition < (counts.get(topic) ?? 0)
      if (exists && !taken.has(name)) taken.add(name)
      else {
        throw new StreamsError(
          'INVARIANT_VIOLATED',
          `assignor "${assignor.name}" gave ${name} to ${memberId}, which did not ask for it or is not the only one to get it`,
          { details: { assignor: assignor.name, partition: name, memberId } },
        )
      }
    }
  }
}
