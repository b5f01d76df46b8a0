/** Requests of a transactional producer, and group offsets. */
import type { PartitionOffset, TopicPartition } from '../../../ports/log.ts'
import { byTopic, type Call, type PartitionAnswer, readTopics } from './call.ts'
import type { WireReader, WireWriter } from './wire.ts'

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export const noIdentity: ProducerIdentity = { producerId: -1, producerEpoch: -1 }

export interface ErrorAnswer {
  readonly errorCode: number
}

/**
 * A producer id and epoch. With `current`, the epoch after it, and an error when another has taken over since; without,
 * whoever holds the transactional id is fenced.
 */
export function initProducerId(
  transactionalId: string | null,
  timeoutMs: number,
  current: ProducerIdentity = noIdentity,
): Call<ErrorAnswer & ProducerIdentity> {
  return {
    apiKey: 22,
    version: 3,
    name: 'InitProducerId',
    flexible: true,
    write(writer) {
      writer.compactString(transactionalId)
      writer.int32(timeoutMs)
      writer.int64(current.producerId)
      writer.int16(current.producerEpoch)
      writer.noTags()
    },
    read: (reader) => ({
      errorCode: reader.int16(),
      producerId: reader.int64(),
      producerEpoch: reader.int16(),
    }),
  }
}

export interface Transaction extends ProducerIdentity {
  readonly transactionalId: string
}

function writeTransaction(writer: WireWriter, transaction: Transaction): void {
  writer.string(transaction.transactionalId)
  writer.int64(transaction.producerId)
  writer.int16(transaction.producerEpoch)
}

export function addPartitionsToTransaction(
  transaction: Transaction,
  partitions: readonly TopicPartition[],
): Call<PartitionAnswer<undefined>[]> {
  return {
    apiKey: 24,
    version: 1,
    name: 'AddPartitionsToTxn',
    write(writer) {
      writeTransaction(writer, transaction)
      writer.array(byTopic(partitions), ([topic, own]) => {
        writer.string(topic)
        writer.array(own, ({ partition }) => writer.int32(partition))
      })
    },
    read: readErrors,
  }
}

export function addOffsetsToTransaction(transaction: Transaction, groupId: string): Call<ErrorAnswer> {
  return {
    apiKey: 25,
    version: 1,
    name: 'AddOffsetsToTxn',
    write(writer) {
      writeTransaction(writer, transaction)
      writer.string(groupId)
    },
    read: (reader) => ({ errorCode: reader.int16() }),
  }
}

export function commitOffsetsInTransaction(
  transaction: Transaction,
  groupId: string,
  offsets: readonly PartitionOffset[],
): Call<PartitionAnswer<undefined>[]> {
  return {
    apiKey: 28,
    version: 2,
    name: 'TxnOffsetCommit',
    write(writer) {
      writer.string(transaction.transactionalId)
      writer.string(groupId)
      writer.int64(transaction.producerId)
      writer.int16(transaction.producerEpoch)
      writeOffsets(writer, offsets)
    },
    read: readErrors,
  }
}

export function endTransaction(transaction: Transaction, result: 'commit' | 'abort'): Call<ErrorAnswer> {
  return {
    apiKey: 26,
    version: 1,
    name: 'EndTxn',
    write(writer) {
      writeTransaction(writer, transaction)
      writer.bool(result === 'commit')
    },
    read: (reader) => ({ errorCode: reader.int16() }),
  }
}

/** Who commits: a member of the group in its generation, or somebody outside, which a group with members refuses. */
export interface Committer {
  readonly memberId: string
  readonly generation: number
}

export const noMember: Committer = { memberId: '', generation: -1 }

export function commitOffsets(
  groupId: string,
  committer: Committer,
  offsets: readonly PartitionOffset[],
): Call<PartitionAnswer<undefined>[]> {
  return {
    apiKey: 8,
    version: 7,
    name: 'OffsetCommit',
    write(writer) {
      writer.string(groupId)
      writer.int32(committer.generation)
      writer.string(committer.memberId)
      writer.string(null)
      writeOffsets(writer, offsets)
    },
    read: readErrors,
  }
}

/** What the group committed, -1 for nothing; an error while a transaction that commits such an offset is pending. */
export function fetchOffsets(
  groupId: string,
  partitions: readonly TopicPartition[],
): Call<{ readonly errorCode: number; readonly partitions: readonly PartitionAnswer<number>[] }> {
  return {
    apiKey: 9,
    version: 7,
    name: 'OffsetFetch',
    flexible: true,
    write(writer) {
      writer.compactString(groupId)
      writer.compactArray(byTopic(partitions), ([topic, own]) => {
        writer.compactString(topic)
        writer.compactArray(own, ({ partition }) => writer.int32(partition))
        writer.noTags()
      })
      writer.bool(true)
      writer.noTags()
    },
    read(reader) {
      const answers = reader.compactArray(() => {
        const topic = reader.compactString()
        const own = reader.compactArray(() => readFetchedOffset(reader, topic))
        reader.skipTags()
        return own
      })
      return { partitions: answers.flat(), errorCode: reader.int16() }
    },
  }
}

function readFetchedOffset(reader: WireReader, topic: string): PartitionAnswer<number> {
  const partition = reader.int32()
  const value = reader.int64()
  reader.int32()
  reader.compactString()
  const errorCode = reader.int16()
  reader.skipTags()
  return { topic, partition, errorCode, value }
}

function writeOffsets(writer: WireWriter, offsets: readonly PartitionOffset[]): void {
  writer.array(byTopic(offsets), ([topic, own]) => {
    writer.string(topic)
    writer.array(own, ({ partition, offset }) => {
      writer.int32(partition)
      writer.int64(offset)
      writer.int32(-1)
      writer.string(null)
    })
  })
}

function readErrors(reader: WireReader): PartitionAnswer<undefined>[] {
  return readTopics(reader, (topic) => ({
    topic,
    partition: reader.int32(),
    errorCode: reader.int16(),
    value: undefined,
  }))
}
