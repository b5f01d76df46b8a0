/**
 * The versions of a row: a list in the order of the times from which on they are valid, each until the next one's. A deletion is a
 * version, too. Lists are not changed but replaced, so that what a row was can be compared with what it is.
 *
 * Bytes of a list: for each version a flag byte (1: a value, 0: a deletion), its time as a big-endian float64, and for a value its
 * length as int32 and the value.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import { firstFrom } from './held-records.ts'

export interface Version<V> {
  /** From when on it is valid. */
  readonly timestampMs: number
  /** Null: there is no row. */
  readonly value: V | null
}

export type Versions<V> = readonly Version<V>[]

/** The version that was valid at a time. */
export function versionAt<V>(versions: Versions<V>, timeMs: number): Version<V> | undefined {
  return versions[firstFrom(versions, timeMs + 1) - 1]
}

/** The list with one more version, which replaces one of the same time, and without those that nobody may ask for any more. */
export function withVersion<V>(versions: Versions<V>, version: Version<V>, askedFromMs: number): Versions<V> {
  const at = firstFrom(versions, version.timestampMs)
  const replaced = versions[at]?.timestampMs === version.timestampMs ? 1 : 0
  const all = versions.toSpliced(at, replaced, version)
  const first = firstFrom(all, askedFromMs + 1) - 1
  return first > 0 ? all.slice(first) : all
}

const valueFlag = 1

export function versionsSerde<V>(values: Serde<V>): Serde<Versions<V>> {
  return {
    name: `versions(${values.name})`,
    nullable: false,
    // What is not null of V is what the codec is for.
    open: async (context) => versionsCodec((await values.open(context)) as Codec<V>),
  }
}

function versionsCodec<V>(values: Codec<V>): Codec<Versions<V>> {
  const loadSchema = values.loadSchema?.bind(values)
  return {
    encode(versions, writer) {
      for (const { timestampMs, value } of versions) {
        writer.byte(value === null ? 0 : valueFlag)
        writer.float64(timestampMs)
        if (value === null) continue
        const lengthAt = writer.position
        writer.int32(0)
        const start = writer.position
        values.encode(value, writer)
        writer.buffer.writeInt32BE(writer.position - start, lengthAt)
      }
    },
    decode(bytes, start, end) {
      const versions: Version<V>[] = []
      let at = start
      while (at < end) {
        const hasValue = (bytes[at]! & valueFlag) !== 0
        const timestampMs = bytes.readDoubleBE(at + 1)
        at += 9
        if (!hasValue) {
          versions.push({ timestampMs, value: null })
          continue
        }
        const valueEnd = at + 4 + bytes.readInt32BE(at)
        versions.push({ timestampMs, value: values.decode(bytes, at + 4, valueEnd) })
        at = valueEnd
      }
      return versions
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}
