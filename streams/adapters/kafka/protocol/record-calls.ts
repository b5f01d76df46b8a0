/** Requests about records: written, fetched, deleted, and where partitions begin and end. */
import type { TopicPartition } from '../../../ports/log.ts'
import type { AbortedTransaction } from '../codec/aborted-transactions.ts'
import { byTopic, type Call, type PartitionAnswer, readTopics } from './call.ts'
import type { WireReader } from './wire.ts'

const noReplica = -1
const noLeaderEpoch = -1
const readCommitted = 1
const acksFromAll = -1

export interface ProducedPartition extends TopicPartition {
  /** One record batch. */
  readonly bytes: Uint8Array
}

/** Each answer is the offset of the batch's first record. */
export function produce(
  transactionalId: string | null,
  partitions: readonly ProducedPartition[],
  timeoutMs: number,
): Call<PartitionAnswer<number>[]> {
  return {
    apiKey: 0,
    version: 8,
    name: 'Produce',
    extraTimeoutMs: timeoutMs,
    sizeHintBytes: partitions.reduce((sum, { topic }) => sum + topic.length + 32, 256),
    throttleTime: 'last',
    write(writer) {
      writer.string(transactionalId)
      writer.int16(acksFromAll)
      writer.int32(timeoutMs)
      writer.array(byTopic(partitions), ([topic, own]) => {
        writer.string(topic)
        writer.array(own, ({ partition, bytes }) => {
          writer.int32(partition)
          writer.attached(bytes)
        })
      })
    },
    read: (reader) => readTopics(reader, (topic) => readProduced(reader, topic)),
  }
}

function readProduced(reader: WireReader, topic: string): PartitionAnswer<number> {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const value = reader.int64()
  reader.int64()
  reader.int64()
  const recordMessages = reader.array(() => {
    reader.int32()
    return reader.nullableString()
  })
  const errorMessage = reader.nullableString() ?? recordMessages[0] ?? null
  return { topic, partition, errorCode, errorMessage, value }
}

export interface FetchPosition extends TopicPartition {
  readonly offset: number
  readonly maxBytes: number
}

export interface FetchedPartition {
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Where in the answer's bytes the record batches lie. */
  readonly start: number
  readonly end: number
}

export interface FetchAnswer {
  readonly bytes: Buffer
  readonly errorCode: number
  readonly partitions: readonly PartitionAnswer<FetchedPartition>[]
}

/** Committed records from the positions on; waits up to `maxWaitMs` until there are some. */
export function fetch(
  positions: readonly FetchPosition[],
  options: { readonly maxWaitMs: number; readonly maxBytes: number },
): Call<FetchAnswer> {
  return {
    apiKey: 1,
    version: 11,
    name: 'Fetch',
    extraTimeoutMs: options.maxWaitMs,
    write(writer) {
      writer.int32(noReplica)
      writer.int32(options.maxWaitMs)
      writer.int32(1)
      writer.int32(options.maxBytes)
      writer.int8(readCommitted)
      // No fetch session: every request names all partitions it wants.
      writer.int32(0)
      writer.int32(-1)
      writer.array(byTopic(positions), ([topic, own]) => {
        writer.string(topic)
        writer.array(own, ({ partition, offset, maxBytes }) => {
          writer.int32(partition)
          writer.int32(noLeaderEpoch)
          writer.int64(offset)
          writer.int64(-1)
          writer.int32(maxBytes)
        })
      })
      writer.int32(0)
      writer.string('')
    },
    read(reader) {
      const errorCode = reader.int16()
      reader.int32()
      const partitions = readTopics(reader, (topic) => readFetched(reader, topic))
      return { bytes: reader.bytes, errorCode, partitions }
    },
  }
}

function readFetched(reader: WireReader, topic: string): PartitionAnswer<FetchedPartition> {
  const partition = reader.int32()
  const errorCode = reader.int16()
  reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = reader.int64()
  const aborted = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }))
  reader.int32()
  const length = Math.max(0, reader.int32())
  const start = reader.advance(length)
  const value = { lastStableOffset, logStartOffset, aborted, start, end: start + length }
  return { topic, partition, errorCode, value }
}

const timestampOf = { start: -2, end: -1 } as const

/** The first offset that is there, or the last stable one. */
export function listOffsets(
  which: 'start' | 'end',
  partitions: readonly TopicPartition[],
): Call<PartitionAnswer<number>[]> {
  return {
    apiKey: 2,
    version: 5,
    name: 'ListOffsets',
    write(writer) {
      writer.int32(noReplica)
      writer.int8(readCommitted)
      writer.array(byTopic(partitions), ([topic, own]) => {
        writer.string(topic)
        writer.array(own, ({ partition }) => {
          writer.int32(partition)
          writer.int32(noLeaderEpoch)
          writer.int64(timestampOf[which])
        })
      })
    },
    read: (reader) =>
      readTopics(reader, (topic) => {
        const partition = reader.int32()
        const errorCode = reader.int16()
        reader.int64()
        const value = reader.int64()
        reader.int32()
        return { topic, partition, errorCode, value }
      }),
  }
}

/** Deletes what lies before each offset. Each answer is the first offset that is left. */
export function deleteRecords(
  before: readonly (TopicPartition & { readonly offset: number })[],
  timeoutMs: number,
): Call<PartitionAnswer<number>[]> {
  return {
    apiKey: 21,
    version: 1,
    name: 'DeleteRecords',
    extraTimeoutMs: timeoutMs,
    write(writer) {
      writer.array(byTopic(before), ([topic, own]) => {
        writer.string(topic)
        writer.array(own, ({ partition, offset }) => {
          writer.int32(partition)
          writer.int64(offset)
        })
      })
      writer.int32(timeoutMs)
    },
    read: (reader) =>
      readTopics(reader, (topic) => {
        const partition = reader.int32()
        const value = reader.int64()
        return { topic, partition, errorCode: reader.int16(), value }
      }),
  }
}
