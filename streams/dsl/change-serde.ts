/**
 * Changes of a table's rows on their way through a repartition topic: the new row, the old one, or both.
 * Bytes: a flag byte (1: new present, 2: old present), the new value's length as int32 when both are there, the values.
 */
import type { Codec, Serde } from '../serde/serde.ts'

export interface Change<V> {
  readonly newValue: V | null
  readonly oldValue: V | null
}

const hasNew = 1
const hasOld = 2

export function changeSerde<V>(values: Serde<V>): Serde<Change<V>> {
  return {
    name: `change(${values.name})`,
    nullable: false,
    open: async (context) => changeCodec(await values.open(context)),
  }
}

function changeCodec<V>(values: Codec<Exclude<V, null>>): Codec<Change<V>> {
  return {
    encode(change, writer) {
      const newValue = present(change.newValue)
      const oldValue = present(change.oldValue)
      writer.byte((newValue === undefined ? 0 : hasNew) | (oldValue === undefined ? 0 : hasOld))
      if (newValue !== undefined) {
        const lengthAt = writer.position
        if (oldValue !== undefined) writer.int32(0)
        const start = writer.position
        values.encode(newValue, writer)
        if (oldValue !== undefined) writer.buffer.writeInt32BE(writer.position - start, lengthAt)
      }
      if (oldValue !== undefined) values.encode(oldValue, writer)
    },
    decode(bytes, start, end) {
      const flags = bytes[start]!
      let from = start + 1
      let newEnd = end
      if (flags === (hasNew | hasOld)) {
        newEnd = from + 4 + bytes.readInt32BE(from)
        from += 4
      }
      const newValue = (flags & hasNew) === 0 ? null : values.decode(bytes, from, newEnd)
      const oldValue =
        (flags & hasOld) === 0 ? null : values.decode(bytes, (flags & hasNew) === 0 ? from : newEnd, end)
      return { newValue, oldValue }
    },
    ...(values.loadSchema === undefined
      ? {}
      : { loadSchema: (id: number) => values.loadSchema?.(id) ?? Promise.resolve() }),
  }
}

function present<V>(value: V | null): Exclude<V, null> | undefined {
  return value === null ? undefined : (value as Exclude<V, null>)
}
