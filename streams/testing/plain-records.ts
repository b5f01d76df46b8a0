/** Records as plain objects with text for bytes, for tests that say what they sent and expect. */
import {
  type Headers,
  headersAt,
  keyAt,
  type RecordBatch,
  RecordBatchBuilder,
  valueAt,
} from '../records/record-batch.ts'

export interface PlainRecord {
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly timestampMs?: number
  readonly headers?: Headers
}

export interface ReadRecord extends Required<PlainRecord> {
  readonly offset: number
}

export function batchOf(topic: string, partition: number, records: readonly PlainRecord[]): RecordBatch {
  const builder = new RecordBatchBuilder(topic, partition)
  for (const { key, value, timestampMs = 1_700_000_000_000, headers } of records) {
    builder.append(bytesOf(key), bytesOf(value), timestampMs, headers)
  }
  return builder.build()
}

/** Records with the given values and the key `k`. */
export function valuesBatch(topic: string, partition: number, ...values: string[]): RecordBatch {
  return batchOf(
    topic,
    partition,
    values.map((value) => ({ key: 'k', value })),
  )
}

export function plainRecords(batch: RecordBatch): ReadRecord[] {
  return Array.from({ length: batch.length }, (_, i) => ({
    offset: batch.offsets[i]!,
    key: keyAt(batch, i)?.toString() ?? null,
    value: valueAt(batch, i)?.toString() ?? null,
    timestampMs: batch.timestampsMs[i]!,
    headers: headersAt(batch, i),
  }))
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text)
}
