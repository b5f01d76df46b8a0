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

/** Batches of one partition that follow each other, as one. */
export function joinBatches(batches: readonly RecordBatch[]): RecordBatch {
  const [first, second] = batches
  if (second === undefined) return first!
  const length = batches.reduce((sum, batch) => sum + batch.length, 0)
  const joined = {
    topic: first!.topic,
    partition: first!.partition,
    length,
    bytes: Buffer.concat(batches.map((batch) => batch.bytes)),
    offsets: new Float64Array(length),
    timestampsMs: new Float64Array(length),
    keyStarts: new Int32Array(length),
    keyEnds: new Int32Array(length),
    valueStarts: new Int32Array(length),
    valueEnds: new Int32Array(length),
    headers: batches.some((batch) => batch.headers !== undefined)
      ? batches.flatMap((batch) => batch.headers ?? new Array<undefined>(batch.length).fill(undefined))
      : undefined,
    nextOffset: batches.at(-1)!.nextOffset,
  }
  let at = 0
  let byteShift = 0
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i++, at++) {
      joined.offsets[at] = batch.offsets[i]!
      joined.timestampsMs[at] = batch.timestampsMs[i]!
      joined.keyStarts[at] = batch.keyStarts[i]! < 0 ? -1 : batch.keyStarts[i]! + byteShift
      joined.keyEnds[at] = batch.keyEnds[i]! + byteShift
      joined.valueStarts[at] = batch.valueStarts[i]! < 0 ? -1 : batch.valueStarts[i]! + byteShift
      joined.valueEnds[at] = batch.valueEnds[i]! + byteShift
    }
    byteShift += batch.bytes.length
  }
  return joined
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
