/**
 * A log for benchmarks: it hands out the same prepared batches over and over and throws away what is written, so that
 * what is measured is the task and nothing else.
 */
import {
  type Log,
  type LogReader,
  type PartitionOffset,
  type RecordBatch,
  StreamsError,
  type TopicOutcome,
  type TopicPartition,
  type TopicSettings,
  type TransactionalProducer,
} from '../streams/index.ts'

export class EndlessLog implements Log {
  /** Records handed out so far. */
  taken = 0
  private readonly topics = new Map<string, TopicSettings>()
  private readonly inputTopic: string
  private readonly batches: readonly RecordBatch[]
  private readonly roundMs: number
  private readonly writtenRecords = new Map<string, number>()

  /** @param roundMs so much later are the records each time that the batches come again */
  constructor(inputTopic: string, batches: readonly RecordBatch[], roundMs = 0) {
    this.inputTopic = inputTopic
    this.batches = batches
    this.roundMs = roundMs
  }

  /** Records that were written to a topic, to be thrown away. */
  written(topic: string): number {
    return this.writtenRecords.get(topic) ?? 0
  }

  async createTopics(topics: readonly TopicSettings[]): Promise<TopicOutcome[]> {
    for (const topic of topics) this.topics.set(topic.name, topic)
    return topics.map(() => 'created')
  }

  async describeTopics(): Promise<TopicSettings[]> {
    return [...this.topics.values()]
  }

  async offsetRanges(partitions: readonly TopicPartition[]) {
    return partitions.map((partition) => ({ ...partition, start: 0, end: 0 }))
  }

  async deleteRecords(): Promise<void> {}

  openReader(): LogReader {
    let position = 0
    return {
      follow: () => {},
      unfollow: () => {},
      take: ({ topic }) => {
        if (topic !== this.inputTopic) return null
        const taken = position / this.batches[0]!.length
        const batch = this.batches[taken % this.batches.length]!
        const shifted = at(batch, position, this.roundMs * Math.floor(taken / this.batches.length))
        position += batch.length
        this.taken += batch.length
        return shifted
      },
      isSilent: false,
      position: () => position,
      end: () => Number.MAX_SAFE_INTEGER,
      close: async () => {},
    }
  }

  async append(batches: readonly RecordBatch[]): Promise<number[]> {
    for (const { topic, length } of batches)
      this.writtenRecords.set(topic, (this.writtenRecords.get(topic) ?? 0) + length)
    return batches.map(() => 0)
  }

  async openTransactionalProducer(): Promise<TransactionalProducer> {
    return {
      send: (batches) => this.append(batches),
      sendOffsets: async () => {},
      commit: async () => {},
      abort: async () => {},
      close: async () => {},
    }
  }

  async describeGroup(): Promise<never> {
    throw new StreamsError('INVARIANT_VIOLATED', 'a benchmark has no groups')
  }

  async joinGroup(): Promise<never> {
    throw new StreamsError('INVARIANT_VIOLATED', 'a benchmark has no groups')
  }

  async committedOffsets(_groupId: string, partitions: readonly TopicPartition[]) {
    return partitions.map(() => null)
  }

  async commitOffsets(_groupId: string, _offsets: readonly PartitionOffset[]): Promise<void> {}

  async close(): Promise<void> {}
}

/** The batch as if it lay at another place of the partition. */
function at(batch: RecordBatch, baseOffset: number, laterMs: number): RecordBatch {
  const offsets = new Float64Array(batch.length)
  for (let i = 0; i < batch.length; i++) offsets[i] = baseOffset + i
  const timestampsMs = laterMs === 0 ? batch.timestampsMs : batch.timestampsMs.map((ms) => ms + laterMs)
  return { ...batch, offsets, timestampsMs, nextOffset: baseOffset + batch.length }
}
