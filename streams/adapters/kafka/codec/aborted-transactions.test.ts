import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fetched, marker, readAllRuns, withOffsets } from '../../../../tests/kafka/record-bytes.ts'
import { ByteWriter } from '../../../records/byte-writer.ts'
import { RecordBatchBuilder } from '../../../records/record-batch.ts'
import { plainRecords } from '../../../testing/plain-records.ts'
import { encodeRecordBatch } from './encode-batch.ts'

function batch(offset: number, producerId: number, key: Uint8Array, values: readonly string[]): Buffer {
  const builder = new RecordBatchBuilder('t', 0)
  for (const value of values) builder.append(key, Buffer.from(value), 0)
  const writer = new ByteWriter()
  const transactional = producerId >= 0
  encodeRecordBatch([{ batch: builder.build(), from: 0, to: values.length }], writer, {
    producerId,
    producerEpoch: 0,
    baseSequence: 0,
    transactional,
  })
  return withOffsets(writer.copy(0, writer.position), offset)
}

const zeroKey = Buffer.alloc(4)

describe('aborted transactions', () => {
  it('should hide an aborted transaction to its marker, also where a key looks like one', () => {
    const bytes = Buffer.concat([
      batch(0, 5, Buffer.from('k'), ['aborted']),
      batch(1, 5, zeroKey, ['aborted, with the key of a marker']),
      batch(2, 5, Buffer.from('k'), ['still aborted']),
      batch(3, 6, zeroKey, ['of another producer']),
      marker(4, 5, 'abort'),
      batch(5, 5, Buffer.from('k'), ['of the next transaction']),
      marker(6, 5, 'commit'),
      batch(7, -1, zeroKey, ['of none']),
    ])
    const runs = readAllRuns(fetched(bytes, [{ producerId: 5, firstOffset: 0 }]), 0)
    expect(runs.flatMap(plainRecords).map(({ value }) => value)).toEqual([
      'of another producer',
      'of the next transaction',
      'of none',
    ])
    expect(runs.at(-1)!.nextOffset).toBe(8)
  })

  it('should pass over offsets that hold nothing to be seen', () => {
    const bytes = Buffer.concat([batch(0, 5, zeroKey, ['aborted', 'too']), marker(2, 5, 'abort')])
    const runs = readAllRuns(fetched(bytes, [{ producerId: 5, firstOffset: 0 }]), 0)
    expect(runs.map(({ length, nextOffset }) => [length, nextOffset])).toEqual([[0, 3]])
  })

  it('should show exactly what was committed or in no transaction, however they interleave', () => {
    const step = fc.record({
      producer: fc.integer({ min: 0, max: 2 }),
      action: fc.constantFrom('write', 'write', 'write', 'commit', 'abort', 'plain'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const pieces: Buffer[] = []
        const written: { value: string; visible: boolean }[] = []
        const open = new Map<number, { firstOffset: number; values: { value: string; visible: boolean }[] }>()
        const aborted: { producerId: number; firstOffset: number }[] = []
        const end = (producerId: number, type: 'commit' | 'abort'): void => {
          const transaction = open.get(producerId)
          if (transaction === undefined) return
          open.delete(producerId)
          if (type === 'abort') aborted.push({ producerId, firstOffset: transaction.firstOffset })
          for (const value of transaction.values) value.visible = type === 'commit'
          pieces.push(marker(pieces.length, producerId, type))
        }
        for (const { producer, action } of steps) {
          if (action === 'commit' || action === 'abort') {
            end(producer, action)
            continue
          }
          const record = { value: `${pieces.length}`, visible: action === 'plain' }
          if (action === 'write') {
            const transaction = open.get(producer) ?? { firstOffset: pieces.length, values: [] }
            transaction.values.push(record)
            open.set(producer, transaction)
          }
          pieces.push(batch(pieces.length, action === 'plain' ? -1 : producer, zeroKey, [record.value]))
          written.push(record)
        }
        for (const producer of [...open.keys()]) end(producer, 'commit')
        const read = readAllRuns(fetched(Buffer.concat(pieces), aborted), 0).flatMap(plainRecords)
        expect(read.map(({ value }) => value)).toEqual(
          written.filter(({ visible }) => visible).map(({ value }) => value),
        )
      }),
    )
  })
})
