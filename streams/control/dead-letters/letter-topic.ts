/**
 * Topics that letters are read from: dead letters of a topology, and the rejections that an application declares.
 *
 * A letter that cannot be read itself is one, too, and says so: it is listed and can be discarded.
 */
import { messageOf, recoveryOf } from '../../errors.ts'
import type { SchemaRegistry } from '../../ports/registry.ts'
import { keyAt, type RecordBatch, valueAt } from '../../records/record-batch.ts'
import { contentOmittedHeader } from '../../runtime/dead-letters.ts'
import { deadLetterTopic } from '../../runtime/internal-topics.ts'
import type { DeadLetter } from '../../schemas/generated/records.ts'
import type { Codec } from '../../serde/serde.ts'
import type { Topic } from '../../serde/topic.ts'
import type { FullLetter, Letter, RecordPlace } from './letter.ts'
import { decodeLoading } from './reading.ts'

/** A topic of letters that is open for reading. */
export interface OpenLetterTopic {
  readonly topology: string
  readonly topic: string
  readonly isRejection: boolean
  /** @throws REGISTRY_UNAVAILABLE */
  letterAt(batch: RecordBatch, index: number): Promise<FullLetter>
}

/** What an application says of one of its rejections. */
export interface Rejection {
  /** Stable codes, for programs. */
  readonly codes: readonly string[]
  /** For people. */
  readonly message: string
  /** Where the record lies that was rejected. */
  readonly record: RecordPlace
  /** Of that record. */
  readonly recordTimeMs: number
  /** When it was rejected. */
  readonly rejectedTimeMs: number
}

/** A topic of an application's rejections. */
export interface RejectionTopic {
  /** Name of the topology that rejects. */
  readonly topology: string
  readonly topic: string
  open(registry: SchemaRegistry): Promise<OpenLetterTopic>
}

/**
 * Declares where the rejections of a topology are, and how they are read: they are then listed, discarded and replayed as dead
 * letters are. A replay sends the record that was rejected through its topology again.
 *
 * @example
 * rejectionTopic('cleanse', topics.orderRejected, (rejected) => ({
 *   codes: rejected.reasons.map(({ code }) => code), message: …, record: rejected, … }))
 */
export function rejectionTopic<K, V>(
  topology: string,
  topic: Topic<K, V>,
  describe: (value: Exclude<V, null>) => Rejection,
): RejectionTopic {
  return {
    topology,
    topic: topic.name,
    open: async (registry) => {
      const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
      return openLetters({ topology, topic: topic.name, isRejection: true }, codec, (value, place) => {
        const { codes, message, record, recordTimeMs, rejectedTimeMs } = describe(value)
        return {
          letter: {
            place,
            topology,
            subTopology: '',
            operator: '',
            codes,
            message,
            record: { topic: record.topic, partition: record.partition, offset: record.offset },
            recordTimeMs,
            failedTimeMs: rejectedTimeMs,
            attempt: 1,
            isRejection: true,
            notReplayable: undefined,
          },
          content: undefined,
        }
      })
    },
  }
}

export async function openDeadLetters(topology: string, registry: SchemaRegistry): Promise<OpenLetterTopic> {
  const topic = deadLetterTopic(topology)
  const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
  return openLetters({ topology, topic: topic.name, isRejection: false }, codec, fromDeadLetter)
}

function openLetters<V>(
  about: Omit<OpenLetterTopic, 'letterAt'>,
  codec: Codec<V>,
  read: (value: V, place: RecordPlace) => Omit<FullLetter, 'key'>,
): OpenLetterTopic {
  return {
    ...about,
    letterAt: async (batch, index) => {
      const { topic, partition } = batch
      const place = { topic, partition, offset: batch.offsets[index]! }
      const own = keyAt(batch, index)
      const key = own === null ? null : Buffer.from(own)
      try {
        const value = valueAt(batch, index)
        if (value === null) throw new TypeError('it has no value')
        return { ...read(await decodeLoading(codec, value), place), key }
      } catch (error) {
        if (recoveryOf(error) === 'retry') throw error
        const letter = unreadable(about, place, batch.timestampsMs[index]!, error)
        return { letter, key, content: undefined }
      }
    },
  }
}

function fromDeadLetter(dead: DeadLetter, place: RecordPlace): Omit<FullLetter, 'key'> {
  const { topic, partition, offset, headers, timestamp } = dead
  const isOmitted = headers.some(({ key }) => key === contentOmittedHeader)
  const bytes = (data: Uint8Array | null) => (data === null ? null : Buffer.from(data))
  return {
    letter: {
      place,
      topology: dead.topology,
      subTopology: dead.sub_topology,
      operator: dead.operator,
      codes: [dead.code],
      message: dead.message,
      record: { topic, partition, offset },
      recordTimeMs: timestamp,
      failedTimeMs: dead.failed_time,
      attempt: dead.attempt,
      isRejection: false,
      notReplayable:
        offset < 0
          ? `it is a change of the store behind ${topic}, not a record: send what changed the row once more`
          : undefined,
    },
    content: isOmitted
      ? undefined
      : { key: bytes(dead.key), value: bytes(dead.value), headers, timestampMs: timestamp },
  }
}

function unreadable(
  { topology, isRejection }: Omit<OpenLetterTopic, 'letterAt'>,
  place: RecordPlace,
  timestampMs: number,
  error: unknown,
): Letter {
  const why = `what lies there cannot be read: ${messageOf(error)}`
  return {
    place,
    topology,
    subTopology: '',
    operator: '',
    codes: ['RECORD_NOT_DECODABLE'],
    message: why,
    record: place,
    recordTimeMs: timestampMs,
    failedTimeMs: timestampMs,
    attempt: 1,
    isRejection,
    notReplayable: why,
  }
}
