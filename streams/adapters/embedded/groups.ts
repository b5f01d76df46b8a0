/**
 * Consumer groups of one process: members join and leave, the assignor of the eldest member shares the partitions out.
 *
 *     settled ─ join, rejoin, leave ─► rebalancing (one turn, in which more may come) ─► settled, one generation on
 *
 * Invariants:
 * 1. A member that has an assignment hears `onRebalancing` once before its next `onAssigned`.
 * 2. All members of a generation are assigned in one go, from user data asked for that generation.
 * 3. Every partition goes to at most one member, and only to one that asked for its topic; an assignor that breaks this
 *    ends the membership of all.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type {
  GroupDescription,
  GroupMember,
  GroupOptions,
  MemberAssignment,
  MemberMetadata,
} from '../../ports/log.ts'
import type { Topics } from './topics.ts'

const nothingAssigned: MemberAssignment = { partitions: [], userData: new Uint8Array(0) }

export class GroupCoordinator {
  private readonly topics: Topics
  private readonly clock: Clock
  private readonly groups = new Map<string, Group>()
  private memberCount = 0

  constructor(topics: Topics, clock: Clock) {
    this.topics = topics
    this.clock = clock
  }

  /** @throws TOPIC_UNKNOWN */
  join(options: GroupOptions): GroupMember {
    for (const topic of options.topics) this.topics.get(topic)
    const group = this.groups.get(options.groupId) ?? new Group(this.topics, this.clock)
    this.groups.set(options.groupId, group)
    return group.join(`${options.groupId}-member-${++this.memberCount}`, options)
  }

  describe(groupId: string): GroupDescription {
    return this.groups.get(groupId)?.describe() ?? { isSettled: false, isEmpty: true, members: [] }
  }

  close(): void {
    const error = new StreamsError('CLOSED', 'the log was closed while the group had members')
    for (const group of this.groups.values()) group.dissolve(error)
  }
}

class Member {
  readonly memberId: string
  readonly options: GroupOptions
  /** Whether it works on an assignment and was not told yet that a rebalance has begun. */
  settled = false
  assignment = nothingAssigned
  /** What it said of itself last. */
  userData: Uint8Array = nothingAssigned.userData

  constructor(memberId: string, options: GroupOptions) {
    this.memberId = memberId
    this.options = options
  }
}

class Group {
  private readonly topics: Topics
  private readonly clock: Clock
  /** The eldest first: it leads. */
  private members: Member[] = []
  private generation = 0
  private rebalancing = false

  constructor(topics: Topics, clock: Clock) {
    this.topics = topics
    this.clock = clock
  }

  join(memberId: string, options: GroupOptions): GroupMember {
    const member = new Member(memberId, options)
    const former = this.members.find(({ options: { instanceId } }) => {
      return instanceId !== undefined && instanceId === options.instanceId
    })
    if (former === undefined) {
      this.members.push(member)
      this.beginRebalance()
    } else {
      this.replace(former, member)
    }
    const isIn = (): boolean => this.members.includes(member)
    return {
      memberId,
      get isConfirmed() {
        return isIn()
      },
      rejoin: () => this.rejoin(member),
      leave: async () => this.leave(member),
    }
  }

  describe(): GroupDescription {
    const isEmpty = this.members.length === 0
    const isSettled = !isEmpty && this.members.every(({ settled }) => settled)
    if (!isSettled) return { isSettled, isEmpty, members: [] }
    const members = this.members.map(({ memberId, options: { topics }, userData, assignment }) => {
      return { memberId, topics, userData, assignment }
    })
    return { isSettled, isEmpty, members }
  }

  /** Ends all memberships. */
  dissolve(error: StreamsError): void {
    const { members } = this
    this.members = []
    for (const member of members) member.options.onLost(error)
  }

  /** Nobody else notices, unless a rebalance is under way. */
  private replace(former: Member, member: Member): void {
    this.members = this.members.map((one) => (one === former ? member : one))
    const message = `another process has joined as instance "${member.options.instanceId}"`
    queueMicrotask(() => {
      former.options.onLost(new StreamsError('INSTANCE_FENCED', message))
      if (this.rebalancing || !former.settled) this.beginRebalance()
      else {
        member.userData = former.userData
        this.announce(new Map([[member, former.assignment]]))
      }
    })
  }

  private rejoin(member: Member): void {
    if (this.members.includes(member)) this.beginRebalance()
  }

  private leave(member: Member): void {
    if (!this.members.includes(member)) return
    this.members = this.members.filter((other) => other !== member)
    this.beginRebalance()
  }

  private beginRebalance(): void {
    if (this.rebalancing) return
    this.rebalancing = true
    void this.rebalance()
  }

  private async rebalance(): Promise<void> {
    await Promise.resolve()
    try {
      this.warn()
      await this.clock.yieldTurn()
      this.rebalancing = false
      const leader = this.members[0]
      if (leader === undefined) return
      this.generation++
      this.announce(this.assign(leader))
    } catch (error) {
      this.rebalancing = false
      this.dissolve(rebalanceFailed(error))
    }
  }

  private warn(): void {
    for (const member of this.members) {
      if (!member.settled) continue
      member.settled = false
      member.options.onRebalancing()
    }
  }

  private assign(leader: Member): Map<Member, MemberAssignment> {
    for (const member of this.members) member.userData = member.options.userData()
    const metadata: MemberMetadata[] = this.members.map(({ memberId, options: { topics }, userData }) => ({
      memberId,
      topics,
      userData,
    }))
    const counts = new Map<string, number>()
    for (const { topics } of metadata) {
      for (const topic of topics) counts.set(topic, this.topics.get(topic).settings.partitions)
    }
    const assigned = leader.options.assignor.assign(metadata, counts)
    const taken = new Set<string>()
    const byMember = new Map<Member, MemberAssignment>()
    for (const member of this.members) {
      const assignment = assigned.get(member.memberId) ?? nothingAssigned
      for (const { topic, partition } of assignment.partitions) {
        const count = member.options.topics.includes(topic) ? (counts.get(topic) ?? 0) : 0
        const name = `${topic}-${partition}`
        if (partition < count && !taken.has(name)) taken.add(name)
        else throw badAssignment(leader.options.assignor.name, name, member.memberId)
      }
      byMember.set(member, assignment)
    }
    return byMember
  }

  private announce(assignments: Map<Member, MemberAssignment>): void {
    const { generation } = this
    for (const [member, assignment] of assignments) {
      if (!this.members.includes(member)) continue
      member.settled = true
      member.assignment = assignment
      member.options.onAssigned({ ...assignment, memberId: member.memberId, generation })
    }
  }
}

function rebalanceFailed(error: unknown): StreamsError {
  if (error instanceof StreamsError) return error
  const message = `a rebalance failed in the assignor or in a member: ${messageOf(error)}`
  return new StreamsError('INVARIANT_VIOLATED', message, { cause: error })
}

function badAssignment(assignor: string, partition: string, memberId: string): StreamsError {
  return new StreamsError(
    'INVARIANT_VIOLATED',
    `assignor "${assignor}" gave ${partition} to ${memberId}, which did not ask for it or is not the only one to get it`,
    { details: { assignor, partition, memberId } },
  )
}
