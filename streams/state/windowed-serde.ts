/**
 * Keys of windows as bytes: the start as a big-endian float64, then the key. So windows lie in the order of time, and closing
 * or forgetting them are ranges from the front.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import type { Windowed } from '../topology/store-spec.ts'

const startBytes = 8

/** No key of a window begins with this byte: a start is not negative. */
export const behindWindows = Buffer.from([0xff])

export function windowedSerde<K>(keys: Serde<K>, sizeMs: number): Serde<Windowed<K>> {
  return {
    name: `windowed(${keys.name})`,
    nullable: false,
    open: async (context) => {
      const codec = await keys.open(context)
      return windowedCodec(codec as Codec<K>, sizeMs)
    },
  }
}

function windowedCodec<K>(keys: Codec<K>, sizeMs: number): Codec<Windowed<K>> {
  const loadSchema = keys.loadSchema?.bind(keys)
  return {
    encode({ key, startMs }, writer) {
      writer.float64(startMs)
      keys.encode(key, writer)
    },
    decode(bytes, start, end) {
      const startMs = bytes.readDoubleBE(start)
      return { key: keys.decode(bytes, start + startBytes, end), startMs, endMs: startMs + sizeMs }
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

/** The same for windows of any size: start and end as float64, then the key. */
export function sessionSerde<K>(keys: Serde<K>): Serde<Windowed<K>> {
  return {
    name: `session(${keys.name})`,
    nullable: false,
    open: async (context) => sessionCodec((await keys.open(context)) as Codec<K>),
  }
}

function sessionCodec<K>(keys: Codec<K>): Codec<Windowed<K>> {
  const loadSchema = keys.loadSchema?.bind(keys)
  return {
    encode({ key, startMs, endMs }, writer) {
      writer.float64(startMs)
      writer.float64(endMs)
      keys.encode(key, writer)
    },
    decode(bytes, start, end) {
      const [startMs, endMs] = [bytes.readDoubleBE(start), bytes.readDoubleBE(start + startBytes)]
      return { key: keys.decode(bytes, start + 2 * startBytes, end), startMs, endMs }
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

/** What the encoded keys of a window begin with. */
export function startKey(startMs: number): Buffer {
  const key = Buffer.alloc(startBytes)
  key.writeDoubleBE(startMs)
  return key
}

export function startOfKey(key: Buffer): number {
  return key.readDoubleBE(0)
}
