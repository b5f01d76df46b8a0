/** How the tasks of a topology are spread over its instances. */
import type { Assignor, MemberAssignment, MemberMetadata, TopicPartition } from '../ports/log.ts'
import type { SubTopology } from '../topology/topology.ts'

/**
 * Gives every task, with all its input partitions, to one member: round-robin over the members in the order of their ids,
 * sub-topology by sub-topology, so that each stage is spread evenly.
 */
export function taskAssignor(subTopologies: readonly SubTopology[]): Assignor {
  return {
    name: 'tasks-round-robin',
    assign: (members, partitionCounts) => {
      const ordered = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
      const assigned = new Map<string, TopicPartition[]>(ordered.map(({ memberId }) => [memberId, []]))
      let turn = 0
      for (const task of tasks(subTopologies, partitionCounts)) {
        const member = ordered[turn++ % ordered.length]
        if (member !== undefined) assigned.get(member.memberId)?.push(...task)
      }
      return new Map(ordered.map((member) => [member.memberId, assignmentOf(member, assigned)]))
    },
  }
}

function assignmentOf(
  { memberId }: MemberMetadata,
  assigned: ReadonlyMap<string, TopicPartition[]>,
): MemberAssignment {
  return { partitions: assigned.get(memberId) ?? [], userData: new Uint8Array(0) }
}

/** The input partitions of each task. */
function* tasks(
  subTopologies: readonly SubTopology[],
  partitionCounts: ReadonlyMap<string, number>,
): IterableIterator<TopicPartition[]> {
  for (const { sources } of subTopologies) {
    const topics = sources.map(({ topic }) => ({
      topic: topic.name,
      count: partitionCounts.get(topic.name) ?? 0,
    }))
    const taskCount = Math.max(...topics.map(({ count }) => count))
    for (let partition = 0; partition < taskCount; partition++) {
      yield topics.filter(({ count }) => partition < count).map(({ topic }) => ({ topic, partition }))
    }
  }
}
