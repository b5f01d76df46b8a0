import type { RecordBatch } from '../../records/record-batch.ts'

/** The records of a batch from an offset on, in the same memory. */
export function sliceFrom(batch: RecordBatch, offset: number): RecordBatch {
  let low = 0
  let high = batch.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (batch.offsets[middle]! < offset) low = middle + 1
    else high = middle
  }
  if (low === 0) return batch
  return {
    topic: batch.topic,
    partition: batch.partition,
    length: batch.length - low,
    bytes: batch.bytes,
    offsets: batch.offsets.subarray(low),
    timestampsMs: batch.timestampsMs.subarray(low),
    keyStarts: batch.keyStarts.subarray(low),
    keyEnds: batch.keyEnds.subarray(low),
    valueStarts: batch.valueStarts.subarray(low),
    valueEnds: batch.valueEnds.subarray(low),
    headers: batch.headers?.slice(low),
    nextOffset: batch.nextOffset,
  }
}

/** A batch of no records that moves a reader past offsets which hold none. */
export function emptyBatch(topic: string, partition: number, nextOffset: number): RecordBatch {
  const none = new Int32Array(0)
  const noNumbers = new Float64Array(0)
  return {
    topic,
    partition,
    length: 0,
    bytes: Buffer.alloc(0),
    offsets: noNumbers,
    timestampsMs: noNumbers,
    keyStarts: none,
    keyEnds: none,
    valueStarts: none,
    valueEnds: none,
    headers: undefined,
    nextOffset,
  }
}
