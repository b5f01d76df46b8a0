/**
 * Records that wait in a store, or are kept there for others to meet: lists in the order of their times, those of equal time in
 * the order in which they came.
 *
 * Bytes of a list: for each record a flag byte (1: it waits, 2: it came behind the time), its time as a big-endian float64, the
 * watermark by which it came if that is ahead of its time, the length of its value as int32, the value.
 */
import type { ByteWriter } from '../records/byte-writer.ts'
import type { Codec, Serde } from '../serde/serde.ts'

export interface HeldRecord<V> {
  readonly timestampMs: number
  readonly value: V
  /** By what watermark it came, or its own time if that is later. */
  readonly judgedByMs: number
  /** It has still to be handed over when its time has come. */
  waits: boolean
}

export type HeldRecords<V> = HeldRecord<V>[]

const waitsFlag = 1
const behindFlag = 2

export function heldRecordsSerde<V>(values: Serde<V>): Serde<HeldRecords<NonNullable<V>>> {
  return {
    name: `held(${values.name})`,
    nullable: false,
    // What is held is never null.
    open: async (context) => heldRecordsCodec((await values.open(context)) as Codec<NonNullable<V>>),
  }
}

function heldRecordsCodec<V>(values: Codec<V>): Codec<HeldRecords<V>> {
  const loadSchema = values.loadSchema?.bind(values)
  return {
    encode(records, writer) {
      for (const record of records) writeRecord(values, record, writer)
    },
    decode(bytes, start, end) {
      const records: HeldRecords<V> = []
      let at = start
      while (at < end) {
        const flags = bytes[at]!
        const timestampMs = bytes.readDoubleBE(at + 1)
        at += 9
        let judgedByMs = timestampMs
        if ((flags & behindFlag) !== 0) {
          judgedByMs = bytes.readDoubleBE(at)
          at += 8
        }
        const valueEnd = at + 4 + bytes.readInt32BE(at)
        const value = values.decode(bytes, at + 4, valueEnd)
        records.push({ timestampMs, value, judgedByMs, waits: (flags & waitsFlag) !== 0 })
        at = valueEnd
      }
      return records
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

function writeRecord<V>(values: Codec<V>, record: HeldRecord<V>, writer: ByteWriter): void {
  const { timestampMs, judgedByMs } = record
  const isBehind = judgedByMs > timestampMs
  writer.byte((record.waits ? waitsFlag : 0) | (isBehind ? behindFlag : 0))
  writer.float64(timestampMs)
  if (isBehind) writer.float64(judgedByMs)
  const lengthAt = writer.position
  writer.int32(0)
  const start = writer.position
  values.encode(record.value, writer)
  writer.buffer.writeInt32BE(writer.position - start, lengthAt)
}

/** The index of the first record that is not older than a time. */
export function firstFrom(records: readonly { readonly timestampMs: number }[], timeMs: number): number {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (records[middle]!.timestampMs < timeMs) low = middle + 1
    else high = middle
  }
  return low
}

/** Puts a record behind all that are not newer. */
export function insertByTime<R extends { readonly timestampMs: number }>(records: R[], record: R): void {
  const last = records.at(-1)
  if (last === undefined || last.timestampMs <= record.timestampMs) records.push(record)
  else records.splice(firstFrom(records, record.timestampMs + 1), 0, record)
}

/** Keys of a store of which ranges are asked for: null is in front of all keys. */
export function keysOrFront<K>(keys: Serde<K>): Serde<K | null> {
  return {
    name: keys.name,
    nullable: false,
    open: async (context) => {
      const codec = (await keys.open(context)) as Codec<K>
      const loadSchema = codec.loadSchema?.bind(codec)
      const front: Codec<K | null> = {
        encode: (key, writer) => {
          if (key !== null) codec.encode(key, writer)
        },
        decode: (bytes, start, end) => codec.decode(bytes, start, end),
        ...(loadSchema === undefined ? {} : { loadSchema }),
      }
      // A codec for more than is asked for.
      return front as Codec<Exclude<K | null, null>>
    },
  }
}
