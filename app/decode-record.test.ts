import { describe, expect, it } from 'vitest'
import { topics } from '../schemas/topics.ts'
import { type AvroSchema, avro, ByteWriter, type Codec } from '../streams/index.ts'
import { MemoryRegistry } from '../streams/testing/index.ts'
import type { Config } from './config-schema.ts'
import { check, settingNames } from './config-schema.ts'
import { RecordDecoder } from './decode-record.ts'
import { orderTopologies, topologyNames } from './order-topologies.ts'

const config = Object.fromEntries(settingNames.map((name) => [name, check(name, undefined)?.value])) as Config
const registry = new MemoryRegistry()
const decoder = new RecordDecoder(registry, orderTopologies(topologyNames, config))

function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new ByteWriter(64)
  codec.encode(value, writer)
  return writer.copy(0, writer.position)
}

describe('RecordDecoder', () => {
  it('should read Avro with the schema that wrote it, whatever the program knows', async () => {
    const schema: AvroSchema<{ old_field: string; raw: Uint8Array }> = {
      type: 'record',
      name: 'Gone',
      fields: [
        { name: 'old_field', type: 'string' },
        { name: 'raw', type: 'bytes' },
      ],
    }
    const codec = await avro(schema).open({ registry, subject: 'gone-value' })
    const bytes = encoded(codec, { old_field: 'x', raw: Buffer.from([0xff]) })
    for (const topic of ['gone', topics.orderParsed.name]) {
      expect(await decoder.decode(topic, 'value', bytes)).toEqual({ old_field: 'x', raw: 'base64:/w==' })
    }
  })

  it('should show raw events as text, and what is no text as Base64', async () => {
    expect(await decoder.decode('order-raw', 'value', Buffer.from('{"a":1}'))).toBe('{"a":1}')
    expect(await decoder.decode('order-raw', 'value', Buffer.from([0xff, 0]))).toBe('base64:/wA=')
    expect(await decoder.decode('order-raw', 'key', null)).toBeNull()
  })

  it('should skip the timestamp of a changelog row', async () => {
    const row = Buffer.alloc(16)
    row.writeDoubleBE(1000, 0)
    row.writeBigInt64BE(42n, 8)
    expect(await decoder.decode('cleanse-repeat-count-changelog', 'value', row)).toBe(42)
    expect(await decoder.decode('cleanse-repeat-count-changelog', 'key', Buffer.from('repeats'))).toBe(
      'repeats',
    )
  })

  it('should show what cannot be decoded, and why', async () => {
    const unknownSchema = Buffer.from([0, 0, 0, 9, 9, 1])
    expect(await decoder.decode('order-parsed', 'value', unknownSchema)).toMatchObject({
      undecodable: expect.stringMatching(/schema that the registry has/),
    })
    expect(await decoder.decode('elsewhere', 'value', unknownSchema)).toBe('\0\0\0\t\t\x01')
    const truncated = Buffer.from([0, 0, 0, 0, 1])
    expect(await decoder.decode('order-parsed', 'value', truncated)).toMatchObject({
      undecodable: expect.stringMatching(/does not fit/),
    })
    expect(await decoder.decode('cleanse-repeat-count-changelog', 'value', Buffer.alloc(9))).toMatchObject({
      undecodable: expect.stringMatching(/8 bytes/),
    })
  })
})
