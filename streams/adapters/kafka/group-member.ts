/**
 * A member of a consumer group over our own requests, with a connection of its own: the coordinator holds a join back
 * until all members have come.
 *
 *     joining ─► settled ─ rebalance in progress, rejoin ─► joining     any ─ leave ─► left     any ─ error that stands ─► lost
 *
 * Invariants:
 * 1. A member that was assigned hears `onRebalancing` once before its next `onAssigned`.
 * 2. Heartbeats go by timer, whatever the assigned partitions are doing (K14, K15).
 * 3. The member id is kept over rebalances and given up only when the coordinator does not know it any more. A process that is
 *    started again under the same instance id takes its predecessor's place, so that a kill costs no session timeout and no
 *    rebalance.
 * 4. Passing failures are tried again for ever: whether the member is still counted is the coordinator's to say. What
 *    stands (no permission, an assignor that breaks its contract) ends the membership with `onLost`, never in silence (K13).
 * 5. A wish to rejoin is fulfilled by the first join that asked for user data after it. The coordinator shares out anew
 *    for the leader always, for others only when what they say of themselves has changed: the generation in it has.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Timer } from '../../ports/clock.ts'
import type { GroupMember, GroupOptions } from '../../ports/log.ts'
import { assignGroup } from './assign-group.ts'
import type { OwnConnection } from './connections.ts'
import { kafkaError } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import type { Call } from './protocol/call.ts'
import { code, describeCode } from './protocol/error-codes.ts'
import {
  decodeAssignment,
  encodeSubscription,
  heartbeat,
  type Joined,
  joinGroup,
  leaveGroup,
  syncGroup,
} from './protocol/group-calls.ts'
import type { Committer } from './protocol/transaction-calls.ts'
import { isPassing, waitAtMost } from './retrying.ts'

const firstPauseMs = 20
const longestPauseMs = 1000
const leaveLimitMs = 3000

type MemberState = 'joining' | 'settled' | 'left' | 'lost'

/** What an answer says of the membership. */
type Standing = 'good' | 'rejoin' | 'again'

export class KafkaGroupMember implements GroupMember {
  memberId = ''
  generation = -1
  private readonly leaders: Leaders
  private readonly options: GroupOptions
  private readonly onEnded: () => void
  private state: MemberState = 'joining'
  private connection: OwnConnection | undefined
  private hasId: () => void = () => {}
  private failedFirst: (error: unknown) => void = () => {}
  private timer: Timer | undefined
  private wakeUp: () => void = () => {}
  private wasAssigned = false
  private wasIn = false
  private confirmedMs = Number.NEGATIVE_INFINITY
  private rejoinWanted = false
  private running: Promise<void> = Promise.resolve()

  constructor(leaders: Leaders, options: GroupOptions, onEnded: () => void) {
    this.leaders = leaders
    this.options = options
    this.onEnded = onEnded
  }

  get groupId(): string {
    return this.options.groupId
  }

  private get instanceId(): string | null {
    return this.options.instanceId ?? null
  }

  /** Who commits this group's offsets; undefined unless it is settled. */
  get committer(): Committer | undefined {
    const { memberId, generation } = this
    return this.state === 'settled' ? { memberId, generation } : undefined
  }

  /** A join may be held back for as long as a rebalance takes. */
  get isConfirmed(): boolean {
    if (this.isOver) return false
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.leaders.settings
    const limitMs =
      this.state === 'settled' ? sessionTimeoutMs : Math.max(sessionTimeoutMs, rebalanceTimeoutMs)
    return this.leaders.clock.now() - this.confirmedMs <= limitMs
  }

  /** Resolves when the coordinator has given it an id. The first assignment comes later. */
  join(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.hasId = resolve
      this.failedFirst = reject
      this.running = this.run()
    })
  }

  rejoin(): void {
    if (this.isOver) return
    this.rejoinWanted = true
    if (this.state === 'settled') this.wake()
  }

  /** Takes a few seconds at most, however long the coordinator does not answer. */
  async leave(): Promise<void> {
    if (this.isOver) return
    this.state = 'left'
    this.wake()
    // A join that the coordinator holds back would hold back the farewell too.
    this.connection?.close()
    this.onEnded()
    await waitAtMost(this.leaders.clock, leaveLimitMs, this.sayFarewell())
  }

  private async sayFarewell(): Promise<void> {
    await this.running
    if (this.memberId === '') return
    const { groupId, memberId } = this
    const farewell = this.leaders.callCoordinator(
      { kind: 'group', key: groupId },
      'leaving',
      leaveGroup(groupId, memberId),
      ({ errorCode }) => (errorCode === code.unknownMemberId ? code.none : errorCode),
      { budgetMs: leaveLimitMs },
    )
    await farewell.catch((error: unknown) => {
      // The coordinator then misses its heartbeats and comes to the same end.
      this.leaders.settings.logger.debug({ groupId, memberId, error }, 'a member could not take its leave')
    })
  }

  private async run(): Promise<void> {
    let pauseMs = 0
    while (this.state === 'joining' || this.state === 'settled') {
      try {
        const standing = this.state === 'joining' ? await this.joinOnce() : await this.beat()
        if (standing === 'good') {
          pauseMs = 0
          continue
        }
      } catch (error) {
        if (this.isOver) break
        if (!isPassing(error)) return this.lose(error)
        this.connection?.close()
        this.connection = undefined
        this.leaders.forgetCoordinator('group', this.groupId)
      }
      // The first time at once: a rebalance waits for its members.
      if (pauseMs > 0) await this.sleep(pauseMs)
      pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2))
    }
  }

  /** Joins, has the group assigned if it leads, and takes its own share. */
  private async joinOnce(): Promise<Standing> {
    const { groupId, topics, assignor } = this.options
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.leaders.settings
    this.rejoinWanted = false
    const joined = await this.call(
      joinGroup({
        groupId,
        memberId: this.memberId,
        instanceId: this.instanceId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        assignor: assignor.name,
        metadata: encodeSubscription({
          topics,
          userData: this.options.userData(),
          generation: this.generation,
        }),
      }),
      rebalanceTimeoutMs,
    )
    if (joined.errorCode === code.memberIdRequired) {
      this.isIn(joined.memberId)
      return 'good'
    }
    const standing = this.judge('joining', joined.errorCode)
    if (standing !== 'good') return standing
    this.isIn(joined.memberId)
    this.generation = joined.generation
    return this.sync(joined)
  }

  private isIn(memberId: string): void {
    this.memberId = memberId
    this.wasIn = true
    this.confirm()
    this.hasId()
  }

  private async sync(joined: Joined): Promise<Standing> {
    const { groupId, assignor } = this.options
    const { rebalanceTimeoutMs } = this.leaders.settings
    const leads = joined.leaderId === joined.memberId
    const shares = leads
      ? await assignGroup(this.leaders, assignor, joined.members)
      : new Map<string, Buffer>()
    const answer = await this.call(
      syncGroup(groupId, { ...joined, instanceId: this.instanceId }, shares, rebalanceTimeoutMs),
      rebalanceTimeoutMs,
    )
    const standing = this.judge('sharing out', answer.errorCode)
    if (standing !== 'good' || this.isOver) return standing
    const { partitions, userData } = decodeAssignment(answer.assignment)
    this.state = 'settled'
    this.wasAssigned = true
    this.confirm()
    const { memberId, generation } = joined
    this.options.onAssigned({ partitions, userData, memberId, generation })
    return 'good'
  }

  private async beat(): Promise<Standing> {
    if (!this.rejoinWanted) await this.sleep(this.leaders.settings.heartbeatIntervalMs)
    if (this.isOver) return 'good'
    if (this.rejoinWanted) {
      this.unsettle()
      return 'rejoin'
    }
    const { memberId, generation, instanceId } = this
    const { errorCode } = await this.call(heartbeat(this.groupId, { memberId, generation, instanceId }))
    if (this.isOver) return 'good'
    const standing = this.judge('the heartbeat', errorCode)
    if (standing === 'good') this.confirm()
    return standing
  }

  private confirm(): void {
    this.confirmedMs = this.leaders.clock.now()
  }

  /** @throws what stands */
  private judge(what: string, errorCode: number): Standing {
    if (errorCode === code.none) return 'good'
    const { reaction, becomes } = describeCode(errorCode)
    if (becomes === 'MEMBER_UNKNOWN') {
      if (errorCode === code.unknownMemberId) {
        this.memberId = ''
        this.confirmedMs = Number.NEGATIVE_INFINITY
      }
      this.unsettle()
      return 'rejoin'
    }
    if (reaction === 'fail') throw kafkaError(`${what} in group "${this.groupId}"`, errorCode)
    if (reaction === 'coordinator') {
      this.leaders.forgetCoordinator('group', this.groupId)
      this.connection?.close()
      this.connection = undefined
    }
    return 'again'
  }

  private unsettle(): void {
    this.state = 'joining'
    if (!this.wasAssigned) return
    this.wasAssigned = false
    this.options.onRebalancing()
  }

  /**
   * @param heldBackMs how long the coordinator may hold the answer back. Over a connection that is dead in silence, another
   *   try must come before the session ends.
   */
  private async call<T>(call: Call<T>, heldBackMs = 0): Promise<T> {
    const { connections, clock, settings } = this.leaders
    this.connection ??= await connections.openOwn(await this.leaders.coordinator('group', this.groupId))
    const { connection } = this
    if (this.isOver) connection.close()
    const limit = clock.setTimer(heldBackMs + settings.sessionTimeoutMs / 3, () => connection.close())
    try {
      return await connection.call(call)
    } finally {
      limit.cancel()
    }
  }

  private get isOver(): boolean {
    return this.state === 'left' || this.state === 'lost'
  }

  private lose(error: unknown): void {
    this.state = 'lost'
    this.connection?.close()
    this.onEnded()
    const lost =
      error instanceof StreamsError
        ? error
        : new StreamsError('INVARIANT_VIOLATED', `a rebalance failed in a member: ${messageOf(error)}`, {
            cause: error,
          })
    // Whoever still waits in `join` gets the error there.
    if (this.wasIn) this.options.onLost(lost)
    else this.failedFirst(lost)
  }

  private wake(): void {
    this.timer?.cancel()
    this.wakeUp()
  }

  private sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.isOver) return resolve()
      this.wakeUp = resolve
      this.timer = this.leaders.clock.setTimer(delayMs, resolve)
    })
  }
}
