/** Serdes of plain values. Numbers have the bytes that Kafka's own serializers give them. */
import { messageOf, StreamsError } from '../errors.ts'
import type { AvroJson } from './avro-schema.ts'
import { type Codec, nullable, type Serde } from './serde.ts'
import { decodeUtf8 } from './utf8.ts'

export const serdes = {
  /** UTF-8. Half of a surrogate pair, which UTF-8 cannot hold, is written as U+FFFD. */
  string: plain<string>(
    'string',
    {
      encode(value, writer) {
        if (typeof value !== 'string') throw notA('string', value)
        writer.utf8(value)
      },
      decode(bytes, start, end) {
        try {
          return decodeUtf8(bytes, start, end)
        } catch (cause) {
          throw new StreamsError('RECORD_NOT_DECODABLE', messageOf(cause), { cause })
        }
      },
    },
    'string',
  ),

  /** Bytes as they are. */
  bytes: plain<Uint8Array>(
    'bytes',
    {
      encode(value, writer) {
        if (!(value instanceof Uint8Array)) throw notA('Uint8Array', value)
        writer.bytes(value)
      },
      decode: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
    },
    'bytes',
  ),

  /** One byte, 0 or 1. */
  boolean: plain<boolean>(
    'boolean',
    {
      encode(value, writer) {
        if (typeof value !== 'boolean') throw notA('boolean', value)
        writer.byte(value ? 1 : 0)
      },
      decode(bytes, start, end) {
        expectBytes('boolean', 1, start, end)
        if (bytes[start]! > 1) throw notDecodable(`${bytes[start]} is not a boolean, which is 0 or 1`)
        return bytes[start] === 1
      },
    },
    'boolean',
  ),

  /** Four bytes, big-endian: whole numbers from -2^31 to 2^31 - 1. */
  integer: plain<number>(
    'integer',
    {
      encode(value, writer) {
        if (value !== (value | 0)) throw notA('32-bit integer', value)
        writer.int32(value)
      },
      decode(bytes, start, end) {
        expectBytes('integer', 4, start, end)
        return bytes.readInt32BE(start)
      },
    },
    'int',
  ),

  /** Eight bytes, big-endian: whole numbers that a number holds exactly, up to 2^53 - 1 either way. */
  long: plain<number>(
    'long',
    {
      encode(value, writer) {
        if (!Number.isSafeInteger(value)) throw notA('safe integer', value)
        const high = Math.floor(value / 2 ** 32)
        writer.int32(high)
        writer.int32((value - high * 2 ** 32) | 0)
      },
      decode(bytes, start, end) {
        expectBytes('long', 8, start, end)
        const value = bytes.readInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4)
        if (!Number.isSafeInteger(value)) throw notDecodable(`the long ${value} is beyond the safe integers`)
        return value
      },
    },
    'long',
  ),

  /** Eight bytes, big-endian IEEE 754. */
  double: plain<number>(
    'double',
    {
      encode(value, writer) {
        if (typeof value !== 'number') throw notA('number', value)
        writer.float64(value)
      },
      decode(bytes, start, end) {
        expectBytes('double', 8, start, end)
        return bytes.readDoubleBE(start)
      },
    },
    'double',
  ),

  /** JSON text. The type is the caller's claim: nothing checks that what is read has it. */
  json: <T>(): Serde<T> =>
    plain<T>('json', {
      encode(value, writer) {
        const text = jsonText(value)
        if (text === undefined) throw notA('JSON value', value)
        writer.utf8(text)
      },
      decode(bytes, start, end) {
        try {
          return JSON.parse(decodeUtf8(bytes, start, end)) as Exclude<T, null>
        } catch (cause) {
          throw new StreamsError('RECORD_NOT_DECODABLE', `not JSON: ${messageOf(cause)}`, { cause })
        }
      },
    }),

  nullable,
}

/** A serde that needs no registry: its one codec serves everywhere. */
function plain<T>(name: string, codec: Codec<Exclude<T, null>>, schema?: AvroJson): Serde<T> {
  return { name, nullable: false, ...(schema === undefined ? {} : { schema }), open: async () => codec }
}

function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new StreamsError('RECORD_NOT_ENCODABLE', `not a JSON value: ${messageOf(cause)}`, { cause })
  }
}

function expectBytes(name: string, expected: number, start: number, end: number): void {
  if (end - start === expected) return
  throw notDecodable(`a value of ${name} has ${expected} bytes, not ${end - start}`)
}

function notDecodable(message: string): StreamsError {
  return new StreamsError('RECORD_NOT_DECODABLE', message)
}

function notA(name: string, value: unknown): StreamsError {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
  return new StreamsError('RECORD_NOT_ENCODABLE', `${shown} is not a ${name}`)
}
