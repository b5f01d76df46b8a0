/** Sorts raw order events into batches, one a partition. */
import {
  type Headers,
  noHeaders,
  partitionForKey,
  type RecordBatch,
  RecordBatchBuilder,
} from '../streams/index.ts'

export class OrderBatches {
  private readonly topic: string
  private readonly partitionCount: number
  private readonly headers: Headers
  private builders = new Map<number, RecordBatchBuilder>()
  /** Events added since the batches were last taken. */
  length = 0
  byteLength = 0

  /** @param headers of each record */
  constructor(topic: string, partitionCount: number, headers: Headers = noHeaders) {
    this.headers = headers
    this.topic = topic
    this.partitionCount = partitionCount
  }

  /** An event without a key is placed by its content, so that the same input always fills the same partitions. */
  add(event: Uint8Array, key: string | null, timestampMs: number): void {
    const keyBytes = key === null ? null : Buffer.from(key)
    const placedBy = keyBytes ?? event
    const partition = partitionForKey(placedBy, 0, placedBy.length, this.partitionCount)
    let builder = this.builders.get(partition)
    if (builder === undefined) {
      builder = new RecordBatchBuilder(this.topic, partition, 64 * 1024)
      this.builders.set(partition, builder)
    }
    builder.append(keyBytes, event, timestampMs, this.headers)
    this.length++
    this.byteLength += event.length
  }

  /** The batches so far; goes on empty. */
  take(): RecordBatch[] {
    const batches = Array.from(this.builders.values(), (builder) => builder.build())
    this.builders = new Map()
    this.length = 0
    this.byteLength = 0
    return batches
  }
}
