/**
 * How time travels through a repartition topic.
 *
 * 1. A task writes watermark records to all partitions, after everything that belongs before them: no key, no value, one
 *    header. They are not user records: no operator sees them, nothing counts them.
 * 2. A record that is older than the watermark of the input that it came by carries that watermark in a header. All others are
 *    newer, so they are late nowhere and carry nothing.
 */
import type { Headers, RecordBatch } from '../records/record-batch.ts'

/** The time of a task that writes to a repartition topic. */
export interface UpstreamWatermark {
  /** The task's id. */
  readonly task: string
  readonly watermarkMs: number
  /** It has nothing to read: others tell the time. */
  readonly isIdle: boolean
  /** Nothing comes of it any more. */
  readonly hasEnded: boolean
}

const idleFlag = 1
const endedFlag = 2

const watermarkKey = 'orderstreams.watermark'
const carriedKey = 'orderstreams.behind'

export function watermarkHeaders({ task, watermarkMs, isIdle, hasEnded }: UpstreamWatermark): Headers {
  const value = Buffer.alloc(9 + Buffer.byteLength(task))
  value.writeDoubleBE(watermarkMs, 0)
  value.writeUInt8((isIdle ? idleFlag : 0) | (hasEnded ? endedFlag : 0), 8)
  value.write(task, 9)
  return [{ key: watermarkKey, value }]
}

/** The watermark that a record is, undefined for a user's record. */
export function watermarkIn(batch: RecordBatch, index: number): UpstreamWatermark | undefined {
  const value = headerOf(batch, index, watermarkKey)
  if (value === undefined || value.length < 9) return undefined
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  const flags = bytes.readUInt8(8)
  return {
    watermarkMs: bytes.readDoubleBE(0),
    isIdle: (flags & idleFlag) !== 0,
    hasEnded: (flags & endedFlag) !== 0,
    task: bytes.toString('utf8', 9),
  }
}

export function carriedHeaders(watermarkMs: number): Headers {
  const value = Buffer.alloc(8)
  value.writeDoubleBE(watermarkMs, 0)
  return [{ key: carriedKey, value }]
}

/** The watermark that a record brought along. */
export function carriedIn(batch: RecordBatch, index: number): number | undefined {
  const value = headerOf(batch, index, carriedKey)
  if (value === undefined || value.length !== 8) return undefined
  return Buffer.from(value.buffer, value.byteOffset, 8).readDoubleBE(0)
}

/** What user code sees of a record's headers. */
export function withoutTime(headers: Headers): Headers {
  return headers.some(({ key }) => key === carriedKey)
    ? headers.filter(({ key }) => key !== carriedKey)
    : headers
}

function headerOf(batch: RecordBatch, index: number, key: string): Uint8Array | undefined {
  const headers = batch.headers?.[index]
  if (headers === undefined) return undefined
  return headers.find((header) => header.key === key)?.value ?? undefined
}
