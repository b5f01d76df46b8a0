/** How far an input file has been read, as the log remembers it: the newest record with the file's key. */
import type { OrderInputProgress } from '../schemas/generated/records.ts'
import {
  type Clock,
  type Codec,
  followToEnd,
  keyAt,
  type Log,
  partitionForKey,
  type RecordBatch,
  RecordBatchBuilder,
  SchemaNotLoaded,
  type SchemaRegistry,
  type Topic,
  type TopicPartition,
  valueAt,
} from '../streams/index.ts'

export interface InputPosition {
  readonly lines: number
  /** Of unpacked text. */
  readonly bytes: number
  readonly done: boolean
  /** The time of the last line that had one; 0 when none had. Kept as the record's timestamp. */
  readonly timeMs: number
}

const beginning: InputPosition = { lines: 0, bytes: 0, done: false, timeMs: 0 }

export class InputPositions {
  private readonly ports: { readonly log: Log; readonly clock: Clock }
  private readonly partition: TopicPartition
  private readonly key: Buffer
  private readonly file: string
  private readonly codec: Codec<OrderInputProgress>

  private constructor(
    ports: { readonly log: Log; readonly clock: Clock },
    partition: TopicPartition,
    key: Buffer,
    file: string,
    codec: Codec<OrderInputProgress>,
  ) {
    this.ports = ports
    this.partition = partition
    this.key = key
    this.file = file
    this.codec = codec
  }

  static async open(options: {
    readonly log: Log
    readonly clock: Clock
    readonly registry: SchemaRegistry
    readonly topic: Topic<string, OrderInputProgress>
    readonly key: string
    readonly file: string
  }): Promise<InputPositions> {
    const { log, clock, registry, topic } = options
    const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
    const [settings] = await log.describeTopics([topic.name])
    const key = Buffer.from(options.key)
    const partition = partitionForKey(key, 0, key.length, settings!.partitions)
    return new InputPositions({ log, clock }, { topic: topic.name, partition }, key, options.file, codec)
  }

  /** The record that says so, to be appended with what was read. */
  encode(position: InputPosition): RecordBatch {
    const { lines, bytes, done, timeMs } = position
    const builder = new RecordBatchBuilder(this.partition.topic, this.partition.partition)
    builder.writer.bytes(this.key)
    const keyEnd = builder.writer.position
    this.codec.encode({ file: this.file, lines, bytes, done }, builder.writer)
    builder.add(timeMs, 0, keyEnd, keyEnd, builder.writer.position)
    return builder.build()
  }

  /** @throws LOG_UNAVAILABLE, TOPIC_UNKNOWN, REGISTRY_UNAVAILABLE */
  async latest(): Promise<InputPosition> {
    const [range] = await this.ports.log.offsetRanges([this.partition])
    let latest = beginning
    await followToEnd(this.ports, [{ ...this.partition, offset: range!.start }], async (batch) => {
      for (let i = 0; i < batch.length; i++) {
        if (valueAt(batch, i) === null || keyAt(batch, i)?.equals(this.key) !== true) continue
        const { lines, bytes, done } = await this.decode(batch, i)
        latest = { lines, bytes, done, timeMs: batch.timestampsMs[i]! }
      }
    })
    return latest
  }

  private async decode(batch: RecordBatch, index: number): Promise<OrderInputProgress> {
    const decode = () => this.codec.decode(batch.bytes, batch.valueStarts[index]!, batch.valueEnds[index]!)
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof SchemaNotLoaded)) throw error
      await this.codec.loadSchema?.(error.schemaId)
      return decode()
    }
  }
}
