/** What the log contract's tests share: unique names, readers and members that keep what they got, waiting with a deadline. */
import { randomUUID } from 'node:crypto'
import type { StreamsError } from '../../streams/errors.ts'
import type {
  GroupMember,
  Log,
  LogReader,
  MemberAssignment,
  TopicPartition,
  TopicSettings,
} from '../../streams/ports/log.ts'
import { plainRecords, type ReadRecord } from '../../streams/testing/plain-records.ts'
import { waitFor } from '../support/waiting.ts'

export { batchOf, valuesBatch } from '../../streams/testing/plain-records.ts'
export { waitFor }

export interface LogUnderTest {
  readonly log: Log
  /**
   * Goes on as after a crash of the process: nothing that is open is ended in an orderly way. What was opened before
   * must not be used any more.
   */
  reopen(): Promise<Log>
  /** Has a compacted topic of one partition compacted up to its end. May append a record to it. */
  compact(topic: string): Promise<void>
  close(): Promise<void>
}

const runId = randomUUID().slice(0, 8)
let nameCount = 0

/** A name that no other test and no other run uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${runId}-${++nameCount}`
}

/** A new topic's name, once it exists. */
export async function newTopic(log: Log, settings: Partial<TopicSettings> = {}): Promise<string> {
  const name = uniqueName('topic')
  await log.createTopics([{ name, partitions: 1, cleanup: 'delete', timestampType: 'create', ...settings }])
  return name
}

/** A reader that keeps what it took and what it was told. */
export class TestReader {
  readonly reader: LogReader
  readonly errors: { readonly partition: TopicPartition; readonly error: StreamsError }[] = []
  readyCount = 0

  constructor(log: Log, maxBufferedBytes?: number) {
    this.reader = log.openReader({
      onReady: () => {
        this.readyCount++
      },
      onError: (partition, error) => {
        this.errors.push({ partition, error })
      },
      ...(maxBufferedBytes === undefined ? {} : { maxBufferedBytes }),
    })
  }

  /** The next records of a partition, at least `count` of them. */
  async next(partition: TopicPartition, count: number): Promise<ReadRecord[]> {
    const records: ReadRecord[] = []
    await waitFor(`${count} records of ${partition.topic}-${partition.partition}`, () => {
      for (;;) {
        const batch = records.length < count ? this.reader.take(partition) : null
        if (batch === null) break
        records.push(...plainRecords(batch))
      }
      if (this.errors.length > 0) throw this.errors[0]!.error
      return records.length >= count
    })
    return records
  }

  /** The records up to an offset, which a reader must be able to see. */
  async upTo(partition: TopicPartition, end: number): Promise<ReadRecord[]> {
    const records: ReadRecord[] = []
    await waitFor(`offset ${end} of ${partition.topic}-${partition.partition}`, () => {
      while (this.reader.position(partition) < end) {
        const batch = this.reader.take(partition)
        if (batch === null) break
        records.push(...plainRecords(batch))
      }
      if (this.errors.length > 0) throw this.errors[0]!.error
      return this.reader.position(partition) >= end
    })
    return records
  }

  async error(): Promise<{ readonly partition: TopicPartition; readonly error: StreamsError }> {
    return waitFor('an error of the reader', () => this.errors[0])
  }
}

/** All that a reader who begins at the start can see now. */
export async function readAll(log: Log, topic: string, partition = 0): Promise<ReadRecord[]> {
  const test = new TestReader(log)
  const [range] = await log.offsetRanges([{ topic, partition }])
  test.reader.follow({ topic, partition }, range!.start)
  const records = await test.upTo({ topic, partition }, range!.end)
  await test.reader.close()
  return records
}

export async function endOf(log: Log, topic: string, partition = 0): Promise<number> {
  const [range] = await log.offsetRanges([{ topic, partition }])
  return range!.end
}

export interface Assigned extends MemberAssignment {
  readonly memberId: string
  readonly generation: number
}

/** A member of a group that keeps what it was told, in order. */
export class TestMember {
  readonly events: ('rebalancing' | Assigned)[] = []
  readonly lost: StreamsError[] = []
  userData = 'none'
  instanceId: string | undefined
  private member: GroupMember | undefined

  named(instanceId: string): this {
    this.instanceId = instanceId
    return this
  }

  async join(log: Log, groupId: string, topics: readonly string[], userData = 'none'): Promise<this> {
    this.userData = userData
    this.member = await log.joinGroup({
      groupId,
      topics,
      ...(this.instanceId === undefined ? {} : { instanceId: this.instanceId }),
      assignor: roundRobin,
      userData: () => Buffer.from(this.userData),
      onRebalancing: () => this.events.push('rebalancing'),
      onAssigned: (assignment) => this.events.push(assignment),
      onLost: (error) => this.lost.push(error),
    })
    return this
  }

  get memberId(): string {
    return this.member!.memberId
  }

  get isConfirmed(): boolean {
    return this.member!.isConfirmed
  }

  /** What it works on now: nothing while a rebalance is under way. */
  get assigned(): Assigned | undefined {
    const last = this.events.at(-1)
    return last === 'rebalancing' ? undefined : last
  }

  get generations(): number[] {
    return this.events.flatMap((event) => (event === 'rebalancing' ? [] : [event.generation]))
  }

  rejoin(): void {
    this.member!.rejoin()
  }

  async leave(): Promise<void> {
    await this.member!.leave()
  }
}

/** Resolves once the members, and no others, share one generation; answers their partitions as `topic-partition`. */
export async function settled(members: readonly TestMember[], newerThan = 0): Promise<string[][]> {
  return waitFor(`${members.length} members in one generation`, () => {
    const all = members.map((member) => member.assigned)
    const generation = all[0]?.generation
    if (generation === undefined || generation <= newerThan) return false
    if (all.some((one) => one?.generation !== generation)) return false
    const names = all.map((one) =>
      one!.partitions.map(({ topic, partition }) => `${topic}-${partition}`).sort(),
    )
    const memberCount = Buffer.from(all[0]!.userData).toString().split(',').length
    return memberCount === members.length && names
  })
}

/** Deals partitions out in turn; tells every member what all said of themselves, in the order of what they said. */
const roundRobin = {
  name: 'contract-round-robin',
  assign(
    members: readonly { memberId: string; topics: readonly string[]; userData: Uint8Array }[],
    partitionCounts: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, MemberAssignment> {
    const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    const userData = Buffer.from(
      members
        .map((member) => Buffer.from(member.userData).toString())
        .sort()
        .join(','),
    )
    const partitions = new Map<string, TopicPartition[]>(sorted.map(({ memberId }) => [memberId, []]))
    let turn = 0
    for (const [topic, count] of [...partitionCounts].sort()) {
      const takers = sorted.filter((member) => member.topics.includes(topic))
      for (let partition = 0; partition < count && takers.length > 0; partition++) {
        partitions.get(takers[turn++ % takers.length]!.memberId)!.push({ topic, partition })
      }
    }
    return new Map([...partitions].map(([memberId, own]) => [memberId, { partitions: own, userData }]))
  },
}
