/** Records written into a cluster's log as any producer would: each in the partition of its key. */
import {
  ByteWriter,
  type Codec,
  partitionForKey,
  RecordBatchBuilder,
  type Topic,
} from '../../streams/index.ts'
import type { ControlCluster } from './control-harness.ts'

export interface WrittenRecord<K, V> {
  readonly key: K
  /** Null: a tombstone. */
  readonly value: V | null
  readonly timestampMs?: number
}

export async function write<K, V>(
  { log, registry }: Pick<ControlCluster, 'log' | 'registry'>,
  { name: topic, key: keys, value: values }: Topic<K, V>,
  ...records: readonly WrittenRecord<Exclude<K, null>, Exclude<V, null>>[]
): Promise<void> {
  const [settings] = await log.describeTopics([topic])
  const partitions = settings?.partitions ?? 1
  const key = await keys.open({ registry, subject: `${topic}-key` })
  const value = await values.open({ registry, subject: `${topic}-value` })
  const batches = Array.from(
    { length: partitions },
    (_, partition) => new RecordBatchBuilder(topic, partition),
  )
  for (const record of records) {
    const keyBytes = encoded(key, record.key)
    const partition = partitionForKey(keyBytes, 0, keyBytes.length, partitions)
    const valueBytes = record.value === null ? null : encoded(value, record.value)
    batches[partition]!.append(keyBytes, valueBytes, record.timestampMs ?? Date.now())
  }
  await log.append(batches.filter(({ length }) => length > 0).map((batch) => batch.build()))
}

function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new ByteWriter(64)
  codec.encode(value, writer)
  return writer.copy(0, writer.position)
}
