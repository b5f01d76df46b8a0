/**
 * What a foreign-key join stores and sends. Keys of either table lie behind the length of the other's bytes, under a subject of their
 * own where schemas are registered.
 */
import type { ByteWriter } from '../records/byte-writer.ts'
import type { Codec, Serde, SerdeContext } from '../serde/serde.ts'

/** A row, with the partition that it lies in, wherever its key alone would lead to. */
export interface Address<K> {
  readonly key: K
  readonly partition: number
}

/** That a row refers to another, or does so no longer. */
export interface Subscription<K> extends Address<K> {
  readonly isActive: boolean
}

/** The row that another refers to; null: there is none. */
export interface Response<KR, VR> {
  readonly foreignKey: KR
  readonly row: VR | null
}

/** A row that refers to another. Without a key of its own: where the rows that refer to a foreign key begin, or end. */
export type Reference<KR, K> =
  | { readonly foreignKey: KR; readonly key: K }
  | { readonly foreignKey: KR; readonly bound: 'begin' | 'end' }

export function subscriptionSerde<K>(keys: Serde<K>): Serde<Subscription<K>> {
  return {
    name: `subscription(${keys.name})`,
    nullable: false,
    open: async (context) => {
      const codec = await opened(keys, context)
      return {
        encode({ key, partition, isActive }, writer) {
          writer.byte(isActive ? 1 : 0)
          writer.int32(partition)
          codec.encode(key, writer)
        },
        decode: (bytes, start, end) => ({
          isActive: bytes[start] === 1,
          partition: bytes.readInt32BE(start + 1),
          key: codec.decode(bytes, start + 5, end),
        }),
        ...loading(codec),
      }
    },
  }
}

export function addressSerde<K>(keys: Serde<K>): Serde<Address<K>> {
  return {
    name: `address(${keys.name})`,
    nullable: false,
    open: async (context) => {
      const codec = await opened(keys, context)
      return {
        encode({ key, partition }, writer) {
          writer.int32(partition)
          codec.encode(key, writer)
        },
        decode: (bytes, start, end) => ({
          partition: bytes.readInt32BE(start),
          key: codec.decode(bytes, start + 4, end),
        }),
        ...loading(codec),
      }
    },
  }
}

export function responseSerde<KR, VR>(keys: Serde<KR>, values: Serde<VR>): Serde<Response<KR, VR>> {
  return {
    name: `response(${keys.name}, ${values.name})`,
    nullable: false,
    open: async (context) => {
      const [key, value] = [await opened(keys, part(context, 'foreign-key')), await opened(values, context)]
      return {
        encode({ foreignKey, row }, writer) {
          writeSized(key, foreignKey, writer)
          writer.byte(row === null ? 0 : 1)
          if (row !== null) value.encode(row, writer)
        },
        decode(bytes, start, end) {
          const keyEnd = start + 4 + bytes.readInt32BE(start)
          const foreignKey = key.decode(bytes, start + 4, keyEnd)
          return { foreignKey, row: bytes[keyEnd] === 0 ? null : value.decode(bytes, keyEnd + 1, end) }
        },
        ...loading(key, value),
      }
    },
  }
}

const beginMark = 0
const keyMark = 1
const endMark = 2

export function referenceSerde<KR, K>(foreignKeys: Serde<KR>, keys: Serde<K>): Serde<Reference<KR, K>> {
  return {
    name: `reference(${foreignKeys.name}, ${keys.name})`,
    nullable: false,
    open: async (context) => {
      const foreign = await opened(foreignKeys, part(context, 'foreign-key'))
      const own = await opened(keys, context)
      return {
        encode(reference, writer) {
          writeSized(foreign, reference.foreignKey, writer)
          if ('bound' in reference) {
            writer.byte(reference.bound === 'begin' ? beginMark : endMark)
          } else {
            writer.byte(keyMark)
            own.encode(reference.key, writer)
          }
        },
        decode(bytes, start, end) {
          const foreignEnd = start + 4 + bytes.readInt32BE(start)
          const foreignKey = foreign.decode(bytes, start + 4, foreignEnd)
          return { foreignKey, key: own.decode(bytes, foreignEnd + 1, end) }
        },
        ...loading(foreign, own),
      }
    },
  }
}

/** Keys and rows are not null. */
async function opened<T>(serde: Serde<T>, context: SerdeContext): Promise<Codec<T>> {
  return (await serde.open(context)) as Codec<T>
}

function part(context: SerdeContext, name: string): SerdeContext {
  return { ...context, subject: `${context.subject}-${name}` }
}

function writeSized<T>(codec: Codec<T>, value: T, writer: ByteWriter): void {
  const lengthAt = writer.position
  writer.int32(0)
  const start = writer.position
  codec.encode(value, writer)
  writer.buffer.writeInt32BE(writer.position - start, lengthAt)
}

function loading(
  ...codecs: readonly Pick<Codec<unknown>, 'loadSchema'>[]
): Pick<Codec<unknown>, 'loadSchema'> {
  const loads = codecs.filter(({ loadSchema }) => loadSchema !== undefined)
  if (loads.length === 0) return {}
  return {
    loadSchema: async (id) => {
      for (const codec of loads) await codec.loadSchema?.(id)
    },
  }
}
