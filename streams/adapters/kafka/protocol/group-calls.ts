/** Requests of a member of a consumer group, and what members and the leader tell each other through the coordinator. */
import type { MemberAssignment, MemberMetadata, TopicPartition } from '../../../ports/log.ts'
import { byTopic, type Call } from './call.ts'
import type { Committer, ErrorAnswer } from './transaction-calls.ts'
import { WireReader, WireWriter } from './wire.ts'

export interface Joined extends ErrorAnswer, Committer {
  readonly leaderId: string
  /** All members, for the leader only. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

/** A member in a generation, and its name over restarts, if it has one. */
export interface NamedMember extends Committer {
  readonly instanceId: string | null
}

export function joinGroup(options: {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly assignor: string
  readonly metadata: Uint8Array
}): Call<Joined> {
  return {
    apiKey: 11,
    version: 5,
    name: 'JoinGroup',
    extraTimeoutMs: options.rebalanceTimeoutMs,
    write(writer) {
      writer.string(options.groupId)
      writer.int32(options.sessionTimeoutMs)
      writer.int32(options.rebalanceTimeoutMs)
      writer.string(options.memberId)
      writer.string(options.instanceId)
      writer.string('consumer')
      writer.int32(1)
      writer.string(options.assignor)
      writer.byteString(options.metadata)
    },
    read(reader) {
      const errorCode = reader.int16()
      const generation = reader.int32()
      reader.nullableString()
      const leaderId = reader.string()
      const memberId = reader.string()
      const members = reader.array(() => {
        const member = reader.string()
        reader.nullableString()
        return { memberId: member, metadata: reader.byteString() }
      })
      return { errorCode, generation, leaderId, memberId, members }
    },
  }
}

export function syncGroup(
  groupId: string,
  member: NamedMember,
  assignments: ReadonlyMap<string, Uint8Array>,
  rebalanceTimeoutMs: number,
): Call<ErrorAnswer & { readonly assignment: Buffer }> {
  return {
    apiKey: 14,
    version: 3,
    name: 'SyncGroup',
    extraTimeoutMs: rebalanceTimeoutMs,
    write(writer) {
      writeMember(writer, groupId, member)
      writer.array([...assignments], ([memberId, assignment]) => {
        writer.string(memberId)
        writer.byteString(assignment)
      })
    },
    read: (reader) => ({ errorCode: reader.int16(), assignment: reader.byteString() }),
  }
}

export function heartbeat(groupId: string, member: NamedMember): Call<ErrorAnswer> {
  return {
    apiKey: 12,
    version: 3,
    name: 'Heartbeat',
    write(writer) {
      writeMember(writer, groupId, member)
    },
    read: (reader) => ({ errorCode: reader.int16() }),
  }
}

export function leaveGroup(groupId: string, memberId: string): Call<ErrorAnswer> {
  return {
    apiKey: 13,
    version: 2,
    name: 'LeaveGroup',
    write(writer) {
      writer.string(groupId)
      writer.string(memberId)
    },
    read: (reader) => ({ errorCode: reader.int16() }),
  }
}

export interface DescribedGroup extends ErrorAnswer {
  readonly state: string
  readonly members: readonly {
    readonly memberId: string
    readonly metadata: Buffer
    readonly assignment: Buffer
  }[]
}

export function describeGroup(groupId: string): Call<DescribedGroup> {
  return {
    apiKey: 15,
    version: 4,
    name: 'DescribeGroups',
    write(writer) {
      writer.array([groupId], (group) => writer.string(group))
      writer.bool(false)
    },
    read(reader) {
      const [group] = reader.array(() => {
        const errorCode = reader.int16()
        reader.string()
        const state = reader.string()
        reader.string()
        reader.string()
        const members = reader.array(() => {
          const memberId = reader.string()
          reader.nullableString()
          reader.string()
          reader.string()
          return { memberId, metadata: reader.byteString(), assignment: reader.byteString() }
        })
        reader.int32()
        return { errorCode, state, members }
      })
      return group ?? { errorCode: 0, state: 'Dead', members: [] }
    },
  }
}

function writeMember(
  writer: WireWriter,
  groupId: string,
  { generation, memberId, instanceId }: NamedMember,
): void {
  writer.string(groupId)
  writer.int32(generation)
  writer.string(memberId)
  writer.string(instanceId)
}

/**
 * What a member says of itself, in the form of all consumers, so that Kafka's tools can show it. `generation` is the last
 * that it was in, which makes each generation's words differ from those before.
 */
export function encodeSubscription({
  topics,
  userData,
  generation,
}: {
  readonly topics: readonly string[]
  readonly userData: Uint8Array
  readonly generation: number
}): Buffer {
  const writer = new WireWriter()
  writer.int16(2)
  writer.array(topics, (topic) => writer.string(topic))
  writer.byteString(userData)
  // It owns nothing: this is the eager protocol.
  writer.int32(0)
  writer.int32(generation)
  return writer.copy(0, writer.position)
}

export function decodeSubscription(memberId: string, bytes: Buffer): MemberMetadata {
  const reader = new WireReader(bytes)
  reader.int16()
  const topics = reader.array(() => reader.string())
  return { memberId, topics, userData: reader.byteString() }
}

export function encodeAssignment({ partitions, userData }: MemberAssignment): Buffer {
  const writer = new WireWriter()
  writer.int16(0)
  writer.array(byTopic(partitions), ([topic, own]) => {
    writer.string(topic)
    writer.array(own, ({ partition }) => writer.int32(partition))
  })
  writer.byteString(userData)
  return writer.copy(0, writer.position)
}

/** An empty one is what the coordinator gives to a member whom the leader did not know of. */
export function decodeAssignment(bytes: Buffer): MemberAssignment {
  if (bytes.length === 0) return { partitions: [], userData: new Uint8Array(0) }
  const reader = new WireReader(bytes)
  reader.int16()
  const partitions: TopicPartition[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      partitions.push({ topic, partition: reader.int32() })
    })
  })
  return { partitions, userData: reader.byteString() }
}
