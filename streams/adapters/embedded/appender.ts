/**
 * From sent batches to ranges of offsets: checks them, encodes them, reserves their places.
 * All batches of a call are checked and encoded before the first offset is taken, so a call that throws changes nothing.
 */
import { StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import type { OffsetRange, Partition } from './partition.ts'
import { encodeRow, recordBytes } from './record-rows.ts'
import type { Topics } from './topics.ts'

/** A row is read whole, so it is kept well below what a reader buffers. */
const rowBytesTarget = 256 * 1024

export class Appender {
  private readonly topics: Topics
  private readonly clock: Clock
  private readonly maxRecordBytes: number

  constructor(topics: Topics, clock: Clock, maxRecordBytes: number) {
    this.topics = topics
    this.clock = clock
    this.maxRecordBytes = maxRecordBytes
  }

  /** Adds a range for each batch that has records to `ranges`; answers the first offset of each batch. */
  reserve(batches: readonly RecordBatch[], ranges: OffsetRange[]): number[] {
    const encoded = batches.map((batch) => {
      const partition = this.topics.partition(batch)
      return { partition, rows: this.encode(batch, partition) }
    })
    return encoded.map(({ partition, rows }) => {
      if (rows.length === 0) return partition.next
      const range = partition.reserve(rows)
      ranges.push(range)
      return range.offset
    })
  }

  private encode(batch: RecordBatch, partition: Partition): Buffer[] {
    const { timestampType, cleanup } = partition.topic.settings
    const keyed = cleanup !== 'delete'
    const options = timestampType === 'append' ? { appendTimeMs: this.clock.now() } : {}
    const rows: Buffer[] = []
    let from = 0
    let bytes = 0
    for (let i = 0; i < batch.length; i++) {
      const size = recordBytes(batch, i)
      if (size > this.maxRecordBytes) throw this.tooLarge(batch, i, size)
      if (keyed && batch.keyStarts[i]! < 0) throw withoutKey(batch, i)
      if (bytes > 0 && bytes + size > rowBytesTarget) {
        rows.push(encodeRow(batch, from, i, options))
        from = i
        bytes = 0
      }
      bytes += size
    }
    if (from < batch.length) rows.push(encodeRow(batch, from, batch.length, options))
    return rows
  }

  private tooLarge(batch: RecordBatch, index: number, bytes: number): StreamsError {
    const { topic, partition } = batch
    return new StreamsError(
      'RECORD_TOO_LARGE',
      `record ${index} of the batch for ${topic}-${partition} has ${bytes} bytes, the log takes ${this.maxRecordBytes}: ` +
        "make it smaller or raise the log's maxRecordBytes",
      { details: { topic, partition, index, bytes, maxRecordBytes: this.maxRecordBytes } },
    )
  }
}

function withoutKey(batch: RecordBatch, index: number): StreamsError {
  const { topic, partition } = batch
  return new StreamsError(
    'RECORD_NULL_NOT_ALLOWED',
    `record ${index} of the batch for ${topic}-${partition} has no key, but the topic is compacted by key`,
    { details: { topic, partition, index } },
  )
}
