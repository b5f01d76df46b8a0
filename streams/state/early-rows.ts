/**
 * What is known of each open window whose results are passed on before it closes: when that is due, and what was passed on.
 *
 * Bytes of a row, all numbers big-endian: a format byte; `dueMs` as float64; what was passed on (0 for nothing, 1 for
 * something that nobody asks for, 2 and the value as an int32 length and bytes); the number of windows that it replaces as int32; of each
 * its start, its end and its newest record as float64, and what was passed on of it.
 */
import type { ByteWriter } from '../records/byte-writer.ts'
import type { Codec, Serde } from '../serde/serde.ts'
import { endOfSized, readSized, writeSized } from './sized-value.ts'

/** What was passed on of a window. The value is null where nobody behind looks at what was. */
export interface Passed<A> {
  readonly value: A | null
}

/** A window that is not there any more, and has to be taken back. */
export interface ReplacedWindow<A> extends Passed<A> {
  readonly startMs: number
  readonly endMs: number
  readonly newestMs: number
}

export interface EarlyRow<A> {
  /** When it is passed on next; Infinity when it is as it was passed on. */
  readonly dueMs: number
  /** Undefined: nothing yet. */
  readonly passed: Passed<A> | undefined
  /** Windows that became this one, and are taken back when it is passed on. */
  readonly replaces: readonly ReplacedWindow<A>[]
}

export const untouched: EarlyRow<never> = { dueMs: Number.POSITIVE_INFINITY, passed: undefined, replaces: [] }

const format = 1
const nothing = 0
const unasked = 1
const kept = 2

export function earlyRowSerde<A>(aggregates: Serde<A>): Serde<EarlyRow<A>> {
  return {
    name: `early(${aggregates.name})`,
    nullable: false,
    // An aggregate is never null: the window is not there then.
    open: async (context) => earlyRowCodec((await aggregates.open(context)) as Codec<A>),
  }
}

function earlyRowCodec<A>(aggregates: Codec<A>): Codec<EarlyRow<A>> {
  const loadSchema = aggregates.loadSchema?.bind(aggregates)
  return {
    encode({ dueMs, passed, replaces }, writer) {
      writer.byte(format)
      writer.float64(dueMs)
      writePassed(aggregates, passed, writer)
      writer.int32(replaces.length)
      for (const replaced of replaces) {
        writer.float64(replaced.startMs)
        writer.float64(replaced.endMs)
        writer.float64(replaced.newestMs)
        writePassed(aggregates, replaced, writer)
      }
    },
    decode(bytes, start) {
      if (bytes[start] !== format) throw new Error(`early results in format ${bytes[start]}, not ${format}`)
      const passedAt = start + 9
      let at = endOfPassed(bytes, passedAt)
      const count = bytes.readInt32BE(at)
      at += 4
      const replaces: ReplacedWindow<A>[] = []
      for (let index = 0; index < count; index++) {
        replaces.push({
          startMs: bytes.readDoubleBE(at),
          endMs: bytes.readDoubleBE(at + 8),
          newestMs: bytes.readDoubleBE(at + 16),
          value: readPassed(aggregates, bytes, at + 24)?.value ?? null,
        })
        at = endOfPassed(bytes, at + 24)
      }
      return {
        dueMs: bytes.readDoubleBE(start + 1),
        passed: readPassed(aggregates, bytes, passedAt),
        replaces,
      }
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

function writePassed<A>(aggregates: Codec<A>, passed: Passed<A> | undefined, writer: ByteWriter): void {
  if (passed === undefined || passed.value === null) {
    writer.byte(passed === undefined ? nothing : unasked)
    return
  }
  writer.byte(kept)
  writeSized(aggregates, passed.value, writer)
}

function readPassed<A>(aggregates: Codec<A>, bytes: Buffer, at: number): Passed<A> | undefined {
  if (bytes[at] === nothing) return undefined
  return { value: bytes[at] === kept ? readSized(aggregates, bytes, at + 1) : null }
}

function endOfPassed(bytes: Buffer, at: number): number {
  return bytes[at] === kept ? endOfSized(bytes, at + 1) : at + 1
}
