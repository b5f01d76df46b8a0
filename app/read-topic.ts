/** Reading what a topic holds now, from its first record to its last. */
import {
  type Codec,
  type Log,
  type RecordBatch,
  SchemaNotLoaded,
  type TopicPartition,
} from '../streams/index.ts'

export async function partitionsOf(log: Log, topic: string): Promise<TopicPartition[]> {
  const [settings] = await log.describeTopics([topic])
  return Array.from({ length: settings?.partitions ?? 0 }, (_, partition) => ({ topic, partition }))
}

/** The offsets at which a topic's partitions end, summed up: it moves with every record. */
export async function endOf(log: Log, topic: string): Promise<number> {
  const ranges = await log.offsetRanges(await partitionsOf(log, topic))
  return ranges.reduce((sum, { end }) => sum + end, 0)
}

/**
 * The committed batches of a partition up to where it ends now. The first may begin before `from`, and the last may reach
 * beyond the end that there was.
 */
export async function* readPartition(
  log: Log,
  partition: TopicPartition,
  from = 0,
): AsyncGenerator<RecordBatch> {
  const [range] = await log.offsetRanges([partition])
  if (range === undefined) return
  let wake = () => {}
  let failure: unknown
  const reader = log.openReader({
    onReady: () => wake(),
    onError: (_partition, error) => {
      failure = error
      wake()
    },
  })
  try {
    const start = Math.max(from, range.start)
    if (start < range.end) reader.follow(partition, start)
    while (start < range.end && reader.position(partition) < range.end) {
      // Made before `take`, so that no call of `onReady` in between is lost.
      const ready = new Promise<void>((resolve) => {
        wake = resolve
      })
      const batch = reader.take(partition)
      if (failure !== undefined) throw failure
      if (batch === null) await ready
      else if (batch.length > 0) yield batch
    }
  } finally {
    await reader.close()
  }
}

/** All batches of a topic, partition by partition; none when it does not exist. */
export async function* readTopic(log: Log, topic: string): AsyncGenerator<RecordBatch> {
  const exists = (await log.describeTopics()).some(({ name }) => name === topic)
  if (!exists) return
  for (const partition of await partitionsOf(log, topic)) yield* readPartition(log, partition)
}

/** A value of a batch, whatever schema it was written with: one that is not known yet is fetched. */
export async function decodeValue<V>(codec: Codec<V>, batch: RecordBatch, index: number): Promise<V> {
  const decode = () => codec.decode(batch.bytes, batch.valueStarts[index]!, batch.valueEnds[index]!)
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof SchemaNotLoaded)) throw error
    await codec.loadSchema?.(error.schemaId)
    return decode()
  }
}
