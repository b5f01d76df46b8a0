/** The offsets that groups committed, kept in the store only. */
import { StreamsError } from '../../errors.ts'
import type { PartitionOffset, TopicPartition } from '../../ports/log.ts'
import type { Store, StoreBatch } from '../../ports/store.ts'
import { encodeOffset, groupOffsetKey, readOffset } from './log-keys.ts'
import type { Topics } from './topics.ts'

export class GroupOffsets {
  private readonly store: Store
  private readonly topics: Topics

  constructor(store: Store, topics: Topics) {
    this.store = store
    this.topics = topics
  }

  /** @throws TOPIC_UNKNOWN, CONFIGURATION_INVALID */
  check(offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of offsets) {
      this.topics.partition({ topic, partition })
      if (Number.isSafeInteger(offset) && offset >= 0) continue
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `offset ${offset} of ${topic}-${partition} cannot be committed`,
      )
    }
  }

  write(groupId: string, offsets: readonly PartitionOffset[], batch: StoreBatch): void {
    for (const { topic, partition, offset } of offsets) {
      batch.put(groupOffsetKey(groupId, this.topics.get(topic).id, partition), encodeOffset(offset))
    }
  }

  read(groupId: string, { topic, partition }: TopicPartition): number | null {
    const { id } = this.topics.partition({ topic, partition }).topic
    const value = this.store.get(groupOffsetKey(groupId, id, partition))
    return value === undefined ? null : readOffset(value, 0)
  }
}
