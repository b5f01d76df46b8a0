/**
 * The windows of one key as one row: for windows whose bounds follow from the records, and which are found by looking at
 * their neighbours.
 *
 * Bytes of a row, all numbers big-endian: a format byte; `closedToMs` and `dueMs` as float64; the number of windows as int32;
 * of each window its start, its end and its newest record as float64, the length of its aggregate as int32, and the aggregate.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import { endOfSized, readSized, writeSized } from './sized-value.ts'

export interface ListedWindow<A> {
  readonly startMs: number
  readonly endMs: number
  /** The time of its newest record. */
  readonly newestMs: number
  readonly aggregate: A
}

/** A live object: operators change it in place, and then update the row. */
export interface WindowList<A> {
  /** By end, then start. */
  readonly windows: ListedWindow<A>[]
  /** Windows that close at this watermark or before were passed on. */
  closedToMs: number
  /** The key lies under this time among those that are due; Infinity when it does not. */
  dueMs: number
}

export function emptyWindowList<A>(): WindowList<A> {
  return { windows: [], closedToMs: Number.NEGATIVE_INFINITY, dueMs: Number.POSITIVE_INFINITY }
}

/** Puts one window in the place of another, or of none. Most are near the end, so that is where the search begins. */
export function replaceWindow<A>(
  { windows }: WindowList<A>,
  before: ListedWindow<A> | undefined,
  after: ListedWindow<A> | undefined,
): void {
  const at = before === undefined ? -1 : windows.lastIndexOf(before)
  if (at >= 0 && after !== undefined && after.startMs === before?.startMs && after.endMs === before.endMs) {
    windows[at] = after
    return
  }
  if (at >= 0) windows.splice(at, 1)
  if (after === undefined) return
  let place = windows.length
  while (place > 0 && comesAfter(windows[place - 1]!, after)) place--
  windows.splice(place, 0, after)
}

function comesAfter(left: ListedWindow<unknown>, right: ListedWindow<unknown>): boolean {
  return left.endMs > right.endMs || (left.endMs === right.endMs && left.startMs > right.startMs)
}

const format = 1

export function windowListSerde<A>(aggregates: Serde<A>): Serde<WindowList<A>> {
  return {
    name: `windows(${aggregates.name})`,
    nullable: false,
    // An aggregate is never null: the window is not there then.
    open: async (context) => windowListCodec((await aggregates.open(context)) as Codec<A>),
  }
}

function windowListCodec<A>(aggregates: Codec<A>): Codec<WindowList<A>> {
  const loadSchema = aggregates.loadSchema?.bind(aggregates)
  return {
    encode({ windows, closedToMs, dueMs }, writer) {
      writer.byte(format)
      writer.float64(closedToMs)
      writer.float64(dueMs)
      writer.int32(windows.length)
      for (const { startMs, endMs, newestMs, aggregate } of windows) {
        writer.float64(startMs)
        writer.float64(endMs)
        writer.float64(newestMs)
        writeSized(aggregates, aggregate, writer)
      }
    },
    decode(bytes, start) {
      if (bytes[start] !== format) throw new Error(`windows in format ${bytes[start]}, not ${format}`)
      const list: WindowList<A> = {
        windows: [],
        closedToMs: bytes.readDoubleBE(start + 1),
        dueMs: bytes.readDoubleBE(start + 9),
      }
      const count = bytes.readInt32BE(start + 17)
      let at = start + 21
      for (let index = 0; index < count; index++) {
        list.windows.push({
          startMs: bytes.readDoubleBE(at),
          endMs: bytes.readDoubleBE(at + 8),
          newestMs: bytes.readDoubleBE(at + 16),
          aggregate: readSized(aggregates, bytes, at + 24),
        })
        at = endOfSized(bytes, at + 24)
      }
      return list
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}
