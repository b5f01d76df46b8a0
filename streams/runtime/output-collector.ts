/** What a task writes between two commits: records for any topics, encoded as they come. */
import { StreamsError } from '../errors.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { partitionForKey } from '../records/murmur2.ts'
import { type Headers, type RecordBatch, RecordBatchBuilder } from '../records/record-batch.ts'
import type { Codec } from '../serde/serde.ts'
import { carriedHeaders } from '../time/watermark-record.ts'
import type { EventTime, Partitioner, Receiver } from '../topology/task-context.ts'

export interface OutputTarget<K, V> {
  readonly topic: string
  readonly partitionCount: number
  readonly key: Codec<Exclude<K, null>>
  readonly value: Codec<Exclude<V, null>>
  readonly partitioner: Partitioner<NonNullable<K>> | undefined
  /** Whether whoever reads it needs to know the time of what is written. */
  readonly isTimed: boolean
}

/** What records are written with. */
export interface OutputContext {
  readonly taskPartition: number
  readonly recordMaxBytes: number
  /** Headers of the record being processed. */
  readonly headers: () => Headers
  readonly time: Pick<EventTime, 'recordWatermarkMs'>
}

export class OutputCollector {
  /** Bytes collected since the last `take`. */
  bytes = 0
  /** Records collected since the last `take`. */
  records = 0
  private builders = new Map<string, RecordBatchBuilder[]>()
  /** The most that a partition of each topic had at the last `take`: there is likely to be as much again. */
  private readonly expected = new Map<string, { readonly bytes: number; readonly records: number }>()
  private readonly keyWriter = new ByteWriter(256)
  private readonly context: OutputContext

  constructor(context: OutputContext) {
    this.context = context
  }

  /** A receiver that writes to a topic. Records without a key stay in the task's own partition. */
  receiver<K, V>(target: OutputTarget<K, V>): Receiver<K, V> {
    const ownPartition = this.context.taskPartition % target.partitionCount
    return (key, value, timestampMs) => {
      const { keyWriter } = this
      keyWriter.clear()
      let partition = ownPartition
      const hasKey = key !== null && key !== undefined
      if (hasKey) {
        // Neither null nor undefined: the type that the codec and the partitioner are for.
        target.key.encode(key as Exclude<K, null>, keyWriter)
        partition =
          target.partitioner === undefined
            ? partitionForKey(keyWriter.buffer, 0, keyWriter.position, target.partitionCount)
            : checkedPartition(target.partitioner(key, target.partitionCount), target)
      }
      this.write(target, partition, hasKey, value, timestampMs)
    }
  }

  /** A builder for records that are written as bytes. Count them with `count`. */
  builder(topic: string, partition: number): RecordBatchBuilder {
    let partitions = this.builders.get(topic)
    if (partitions === undefined) {
      partitions = []
      this.builders.set(topic, partitions)
    }
    let builder = partitions[partition]
    if (builder === undefined) {
      const expected = this.expected.get(topic)
      builder = new RecordBatchBuilder(topic, partition, expected?.bytes, expected?.records)
      partitions[partition] = builder
    }
    return builder
  }

  /** Everything collected, which is then no longer here. */
  take(): RecordBatch[] {
    const batches: RecordBatch[] = []
    for (const [topic, partitions] of this.builders) {
      let bytes = 0
      let records = 0
      for (const builder of partitions) {
        if (builder === undefined || builder.length === 0) continue
        batches.push(builder.build())
        bytes = Math.max(bytes, builder.byteLength)
        records = Math.max(records, builder.length)
      }
      this.expected.set(topic, { bytes: withSlack(bytes), records: withSlack(records) })
    }
    this.builders = new Map()
    this.bytes = 0
    this.records = 0
    return batches
  }

  private write<K, V>(
    target: OutputTarget<K, V>,
    partition: number,
    hasKey: boolean,
    value: V,
    timestampMs: number,
  ): void {
    const builder = this.builder(target.topic, partition)
    const { writer } = builder
    const { keyWriter } = this
    const start = writer.position
    try {
      if (hasKey) writer.bytesOf(keyWriter.buffer, 0, keyWriter.position)
      const keyEnd = writer.position
      const isNull = value === null || value === undefined
      if (!isNull) target.value.encode(value as Exclude<V, null>, writer)
      if (writer.position - start > this.context.recordMaxBytes)
        throw tooLarge(target.topic, writer.position - start)
      builder.add(
        timestampMs,
        hasKey ? start : -1,
        keyEnd,
        isNull ? -1 : keyEnd,
        writer.position,
        this.headersFor(target.isTimed, timestampMs),
      )
    } catch (error) {
      writer.position = start
      throw error
    }
    this.bytes += writer.position - start
    this.records++
  }

  /** A record that is behind the time says so, for it may be late to whoever reads it. */
  private headersFor(isTimed: boolean, timestampMs: number): Headers {
    const { headers, time } = this.context
    if (!isTimed || timestampMs >= time.recordWatermarkMs) return headers()
    return [...headers(), ...carriedHeaders(time.recordWatermarkMs)]
  }
}

/** A little more than last time must not make all of it grow. */
function withSlack(size: number): number {
  return size + (size >> 3) + 16
}

function tooLarge(topic: string, bytes: number): StreamsError {
  return new StreamsError(
    'RECORD_TOO_LARGE',
    `a record of ${bytes} bytes for topic ${topic} exceeds recordMaxBytes`,
    {
      details: { topic, bytes },
    },
  )
}

function checkedPartition<K, V>(partition: number, target: OutputTarget<K, V>): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < target.partitionCount) return partition
  throw new StreamsError(
    'OPERATOR_FAILED',
    `the partitioner of topic ${target.topic} answered ${partition}; it has partitions 0 to ${target.partitionCount - 1}`,
  )
}
