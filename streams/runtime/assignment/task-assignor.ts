/**
 * The leader's part: from what the members say and how many partitions there are, to who runs which task.
 *
 * Members whose topology has another shape than the one that is running get nothing but the reason. What is running wins:
 * the shape of which most tasks run, then of most members.
 */
import type { Assignor, MemberAssignment, TopicPartition } from '../../ports/log.ts'
import { taskIdOf } from '../task-environment.ts'
import { decideAssignment } from './decide-assignment.ts'
import {
  type AssignmentData,
  decodeMemberData,
  emptyAssignment,
  encodeAssignmentData,
  type MemberData,
} from './member-data.ts'
import type { Candidate, Placement, PlacementSettings, TaskToPlace } from './placement.ts'
import { differenceOf, type TopologyShape, textOfShape } from './topology-shape.ts'

interface KnownMember {
  readonly memberId: string
  readonly data: MemberData
}

interface TaskWithInputs extends TaskToPlace {
  readonly inputs: readonly TopicPartition[]
}

export function taskAssignor(settings: PlacementSettings): Assignor {
  return {
    name: 'order-streams-tasks',
    assign: (members, partitionCounts) => {
      const known: KnownMember[] = []
      const answers = new Map<string, MemberAssignment>()
      for (const member of members) {
        const data = decodeMemberData(member.userData)
        if (data === undefined) answers.set(member.memberId, refused(notUnderstood))
        else known.push({ memberId: member.memberId, data })
      }
      const shape = prevailingShape(known)
      if (shape === undefined) return answers
      const accepted: KnownMember[] = []
      for (const member of known) {
        const difference = differenceOf(member.data.topology, shape)
        if (difference === undefined) accepted.push(member)
        else answers.set(member.memberId, refused(difference))
      }
      const tasks = tasksOf(shape, partitionCounts)
      const placements = decideAssignment(tasks, accepted.map(candidateOf), settings)
      const taskById = new Map(tasks.map((task) => [task.id, task]))
      for (const { memberId } of accepted) {
        answers.set(memberId, assignmentOf(placements.get(memberId), taskById))
      }
      return answers
    },
  }
}

const notUnderstood = 'another release of the engine leads the group and does not understand this one'

function refused(refusal: string): MemberAssignment {
  const data: AssignmentData = { ...emptyAssignment, refusal }
  return { partitions: [], userData: encodeAssignmentData(data) }
}

function prevailingShape(members: readonly KnownMember[]): TopologyShape | undefined {
  const weights = new Map<string, { readonly shape: TopologyShape; running: number; members: number }>()
  for (const { data } of members) {
    const text = textOfShape(data.topology)
    const weight = weights.get(text) ?? { shape: data.topology, running: 0, members: 0 }
    weight.running += data.running.length
    weight.members++
    weights.set(text, weight)
  }
  const [prevailing] = [...weights].sort(
    ([textA, a], [textB, b]) => b.running - a.running || b.members - a.members || (textA < textB ? -1 : 1),
  )
  return prevailing?.[1].shape
}

/** The tasks of a topology, in its order, with their input partitions. */
function tasksOf(shape: TopologyShape, partitionCounts: ReadonlyMap<string, number>): TaskWithInputs[] {
  return shape.flatMap(({ name, topics, stores }) => {
    const counts = topics.map((topic) => ({ topic, count: partitionCounts.get(topic) ?? 0 }))
    const length = Math.max(0, ...counts.map(({ count }) => count))
    return Array.from({ length }, (_, partition) => ({
      id: taskIdOf({ name }, partition),
      subTopology: name,
      partition,
      isStateful: stores.length > 0,
      inputs: counts.filter(({ count }) => partition < count).map(({ topic }) => ({ topic, partition })),
    }))
  })
}

function candidateOf({ memberId, data }: KnownMember): Candidate {
  return {
    memberId,
    instanceId: data.instanceId,
    zone: data.zone,
    running: new Set(data.running),
    lags: new Map(Object.entries(data.lags)),
  }
}

function assignmentOf(
  placement: Placement | undefined,
  taskById: ReadonlyMap<string, TaskWithInputs>,
): MemberAssignment {
  const { active = [], standby = [], warmUp = [] } = placement ?? {}
  const partitions = active.flatMap((id) => taskById.get(id)?.inputs ?? [])
  return { partitions, userData: encodeAssignmentData({ standby, warmUp, refusal: null }) }
}
