/** What the codec's tests share: bytes as a broker would send them. */
import { readFileSync } from 'node:fs'
import type { AbortedTransaction } from '../../streams/adapters/kafka/codec/aborted-transactions.ts'
import { attributeBits, layout, writeInt64 } from '../../streams/adapters/kafka/codec/batch-layout.ts'
import { crc32c } from '../../streams/adapters/kafka/codec/crc32c.ts'
import { FetchedRecords } from '../../streams/adapters/kafka/codec/fetched-records.ts'
import type { RecordBatch } from '../../streams/records/record-batch.ts'

/** The batch as it lies in the log: at its offset, with the checksum of what it holds now. */
export function withOffsets(batch: Buffer, baseOffset: number): Buffer {
  writeInt64(batch, baseOffset, layout.baseOffset)
  batch.writeUInt32BE(crc32c(batch, layout.attributes, batch.length), layout.crc)
  return batch
}

/** The marker that ends a transaction. */
export function marker(offset: number, producerId: number, type: 'commit' | 'abort'): Buffer {
  const key = [0, 0, 0, type === 'abort' ? 0 : 1]
  const value = [0, 0, 0, 0, 0, 0]
  const record = [0, 0, 0, key.length << 1, ...key, value.length << 1, ...value, 0]
  const batch = Buffer.alloc(layout.records + 1 + record.length)
  batch.writeInt32BE(batch.length - 12, layout.batchLength)
  batch[layout.magic] = 2
  batch.writeInt16BE(attributeBits.control | attributeBits.transactional, layout.attributes)
  writeInt64(batch, producerId, layout.producerId)
  batch.writeInt32BE(1, layout.recordCount)
  batch[layout.records] = record.length << 1
  batch.set(record, layout.records + 1)
  return withOffsets(batch, offset)
}

export function fetched(bytes: Buffer, aborted: readonly AbortedTransaction[] = []): FetchedRecords {
  return new FetchedRecords({ topic: 't', partition: 0, bytes, start: 0, end: bytes.length, aborted })
}

export function readAllRuns(records: FetchedRecords, from: number): RecordBatch[] {
  const runs: RecordBatch[] = []
  for (let position = from; ; ) {
    const run = records.next(position)
    if (run === null) return runs
    runs.push(run)
    position = run.nextOffset
  }
}

export const javaCodecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** A partition as Apache Kafka's Java producer (4.1) filled it with `javaRecords`, compressed with a codec. */
export function javaBatches(codec: (typeof javaCodecs)[number]): Buffer {
  return readFileSync(new URL(`../golden/kafka-batches/java-${codec}.bin`, import.meta.url))
}

export const javaRecords = Array.from({ length: 300 }, (_, i) => ({
  key: `user-${i % 17}`,
  value: JSON.stringify({
    order_id: `${31198570044 + i}`,
    status: ['CREATED', 'PAID', 'SHIPPED'][i % 3],
    note: 'x'.repeat(i % 40),
  }),
}))
