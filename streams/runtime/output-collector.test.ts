import { describe, expect, it } from 'vitest'
import { partitionForKey } from '../records/murmur2.ts'
import { type Headers, headersAt, keyAt, type RecordBatch, valueAt } from '../records/record-batch.ts'
import { nullable, type Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { MemoryRegistry } from '../testing/index.ts'
import { carriedIn, withoutTime } from '../time/watermark-record.ts'
import type { Partitioner } from '../topology/task-context.ts'
import { OutputCollector } from './output-collector.ts'

const partitionCount = 12
/** The hashes that Kafka's own tests hold these keys to. */
const murmur2 = { '21': -973932308, foobar: -790332482, 'a-little-bit-long-string': -985981536 }

async function collector(
  options: {
    readonly taskPartition?: number
    readonly maxBytes?: number
    readonly value?: Serde<string | null>
    readonly partitioner?: Partitioner<string>
    readonly headers?: Headers
    readonly recordWatermarkMs?: number
    readonly isTimed?: boolean
  } = {},
) {
  const registry = new MemoryRegistry()
  const outputs = new OutputCollector({
    taskPartition: options.taskPartition ?? 3,
    recordMaxBytes: options.maxBytes ?? 1_000,
    headers: () => options.headers ?? [],
    time: { recordWatermarkMs: options.recordWatermarkMs ?? 0 },
  })
  const receive = outputs.receiver<string | null, string | null>({
    topic: 'out',
    partitionCount,
    key: await serdes.string.open({ registry, subject: 'k' }),
    value: await (options.value ?? nullable(serdes.string)).open({ registry, subject: 'v' }),
    partitioner: options.partitioner,
    isTimed: options.isTimed ?? false,
  })
  return { outputs, receive }
}

function records(
  batches: readonly RecordBatch[],
): [number, string | undefined, string | undefined, number][] {
  return batches.flatMap((batch) =>
    Array.from(
      { length: batch.length },
      (_, index): [number, string | undefined, string | undefined, number] => [
        batch.partition,
        keyAt(batch, index)?.toString(),
        valueAt(batch, index)?.toString(),
        batch.timestampsMs[index]!,
      ],
    ),
  )
}

describe('OutputCollector', () => {
  it.each(Object.entries(murmur2))(
    'should give key %s the partition that Kafka gives it',
    async (key, hash) => {
      const { outputs, receive } = await collector()
      receive(key, 'v', 5)
      expect(records(outputs.take())).toEqual([[(hash & 0x7fffffff) % partitionCount, key, 'v', 5]])
    },
  )

  it('should keep records without a key in the partition of the task', async () => {
    const { outputs, receive } = await collector({ taskPartition: partitionCount + 3 })
    receive(null, 'v', 5)
    expect(records(outputs.take())).toEqual([[3, undefined, 'v', 5]])
  })

  it('should ask a partitioner for the partition, and refuse one that there is not', async () => {
    let answer = 7
    const { outputs, receive } = await collector({ partitioner: () => answer })
    receive('a', 'v', 5)
    expect(records(outputs.take())[0]![0]).toBe(7)
    for (answer of [-1, 12, 1.5, Number.NaN]) {
      expect(() => receive('a', 'v', 5)).toThrow(expect.objectContaining({ code: 'OPERATOR_FAILED' }))
    }
    expect(outputs.take()).toEqual([])
  })

  it('should write tombstones', async () => {
    const { outputs, receive } = await collector()
    receive('a', null, 5)
    expect(records(outputs.take())).toEqual([
      [partitionForKey(Buffer.from('a'), 0, 1, 12), 'a', undefined, 5],
    ])
  })

  it('should refuse a record that is too large and keep those around it', async () => {
    const { outputs, receive } = await collector({ maxBytes: 20 })
    receive('a', 'before', 1)
    const bytes = outputs.bytes
    expect(() => receive('a', 'x'.repeat(20), 2)).toThrow(
      expect.objectContaining({ code: 'RECORD_TOO_LARGE' }),
    )
    expect(outputs.bytes).toBe(bytes)
    receive('a', 'after', 3)
    expect(records(outputs.take()).map(([, , value]) => value)).toEqual(['before', 'after'])
  })

  it('should take back what an encoder had written when it failed', async () => {
    const halfway: Serde<string | null> = {
      name: 'halfway',
      nullable: true,
      open: async () => ({
        encode: (value, writer) => {
          writer.utf8(value)
          if (value === 'bad') throw new Error('no more')
        },
        decode: () => '',
      }),
    }
    const { outputs, receive } = await collector({ value: halfway })
    receive('a', 'good', 1)
    expect(() => receive('a', 'bad', 2)).toThrow('no more')
    receive('a', 'fine', 3)
    expect(outputs.records).toBe(2)
    const [batch] = outputs.take()
    expect(records([batch!]).map(([, , value]) => value)).toEqual(['good', 'fine'])
    expect(batch!.bytes.toString()).toBe('agoodafine')
  })

  it('should hand everything over once, with the headers of the record at hand', async () => {
    const headers = [{ key: 'trace', value: Buffer.from('1') }]
    const { outputs, receive } = await collector({ headers })
    receive('a', 'v', 1)
    expect(outputs.bytes).toBe(2)
    expect(outputs.take()[0]!.headers).toEqual([headers])
    expect([outputs.take(), outputs.bytes, outputs.records]).toEqual([[], 0, 0])
  })

  it('should have a record that is behind the time say so, to whom needs to know', async () => {
    const headers = [{ key: 'trace', value: Buffer.from('1') }]
    for (const isTimed of [true, false]) {
      const { outputs, receive } = await collector({ recordWatermarkMs: 100, isTimed, headers })
      receive('a', 'behind', 99)
      receive('a', 'in time', 100)
      const [batch] = outputs.take()
      expect([carriedIn(batch!, 0), carriedIn(batch!, 1)]).toEqual([isTimed ? 100 : undefined, undefined])
      expect(withoutTime(headersAt(batch!, 0))).toEqual(headers)
    }
  })

  it('should hand out what came since the last time, however much that was before', async () => {
    const { outputs, receive } = await collector()
    for (const count of [1, 300, 2, 0, 40]) {
      const sent = Array.from({ length: count }, (_, n): [string, string] => [`key-${n % 7}`, `value-${n}`])
      for (const [key, value] of sent) receive(key, value, count)
      const taken = records(outputs.take()).map(([, key, value]) => [key, value])
      expect(taken.sort()).toEqual([...sent].sort())
      expect([outputs.records, outputs.bytes]).toEqual([0, 0])
    }
  })
})
