/**
 * The count windows of one key as one row.
 *
 * Bytes, all numbers big-endian: a format byte; `taken` and `lastFrom` as float64; the number of open windows as int32; of
 * each its first record's number, its earliest and its newest time as float64, the length of its aggregate as int32, and the
 * aggregate. Neither size nor advance is in it, so both may be changed: windows that are open run to the new size.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import { endOfSized, readSized, writeSized } from './sized-value.ts'

export interface CountedWindow<A> {
  /** The number of its first record among the key's, from 1. */
  readonly fromRecord: number
  readonly startMs: number
  readonly endMs: number
  readonly aggregate: A
}

export interface CountedWindows<A> {
  /** Records of the key so far. */
  readonly taken: number
  /** The number of the record that the last window began with. */
  readonly lastFrom: number
  readonly windows: readonly CountedWindow<A>[]
}

const format = 1

export function countedWindowsSerde<A>(aggregates: Serde<A>): Serde<CountedWindows<A>> {
  return {
    name: `counted(${aggregates.name})`,
    nullable: false,
    // An aggregate is never null: the window is not there then.
    open: async (context) => countedWindowsCodec((await aggregates.open(context)) as Codec<A>),
  }
}

function countedWindowsCodec<A>(aggregates: Codec<A>): Codec<CountedWindows<A>> {
  const loadSchema = aggregates.loadSchema?.bind(aggregates)
  return {
    encode({ taken, lastFrom, windows }, writer) {
      writer.byte(format)
      writer.float64(taken)
      writer.float64(lastFrom)
      writer.int32(windows.length)
      for (const { fromRecord, startMs, endMs, aggregate } of windows) {
        writer.float64(fromRecord)
        writer.float64(startMs)
        writer.float64(endMs)
        writeSized(aggregates, aggregate, writer)
      }
    },
    decode(bytes, start) {
      if (bytes[start] !== format) throw new Error(`count windows in format ${bytes[start]}, not ${format}`)
      const windows: CountedWindow<A>[] = []
      const count = bytes.readInt32BE(start + 17)
      let at = start + 21
      for (let index = 0; index < count; index++) {
        windows.push({
          fromRecord: bytes.readDoubleBE(at),
          startMs: bytes.readDoubleBE(at + 8),
          endMs: bytes.readDoubleBE(at + 16),
          aggregate: readSized(aggregates, bytes, at + 24),
        })
        at = endOfSized(bytes, at + 24)
      }
      return { taken: bytes.readDoubleBE(start + 1), lastFrom: bytes.readDoubleBE(start + 9), windows }
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}
