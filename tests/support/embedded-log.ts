/** For tests of the embedded log: one in memory, and reading from it without waiting. */

import {
  type EmbeddedLog,
  type EmbeddedLogOptions,
  openEmbeddedLog,
} from '../../streams/adapters/embedded/embedded-log.ts'
import { type MemoryStoreOptions, MemoryStoreProvider } from '../../streams/adapters/memory/memory-store.ts'
import type { TopicSettings } from '../../streams/ports/log.ts'
import type { Store } from '../../streams/ports/store.ts'
import { ManualClock } from '../../streams/testing/manual-clock.ts'
import { plainRecords, type ReadRecord } from '../../streams/testing/plain-records.ts'

export interface LogInMemory {
  readonly log: EmbeddedLog
  readonly store: Store
  readonly clock: ManualClock
}

export async function openOn(
  provider: MemoryStoreProvider,
  options: Partial<EmbeddedLogOptions> = {},
  clock = new ManualClock(1_750_000_000_000),
): Promise<LogInMemory> {
  const store = await provider.open('log')
  return { store, clock, log: await openEmbeddedLog({ store, clock, cleaningIntervalMs: null, ...options }) }
}

export function openNew(
  store: MemoryStoreOptions = {},
  options: Partial<EmbeddedLogOptions> = {},
): Promise<LogInMemory> {
  return openOn(new MemoryStoreProvider(store), options)
}

/** Creates the topic `topic`, of one partition unless told otherwise. */
export async function newTopic(log: EmbeddedLog, settings: Partial<TopicSettings> = {}): Promise<string> {
  const name = settings.name ?? 'topic'
  await log.createTopics([{ name, partitions: 1, cleanup: 'delete', timestampType: 'create', ...settings }])
  return name
}

/** All that can be read of a partition from an offset, or else from its start. */
export async function readAll(
  log: EmbeddedLog,
  topic: string,
  partition = 0,
  from?: number,
): Promise<ReadRecord[]> {
  const [range] = await log.offsetRanges([{ topic, partition }])
  const reader = log.openReader({
    onReady: () => {},
    onError: (_, error) => {
      throw error
    },
  })
  reader.follow({ topic, partition }, from ?? range!.start)
  const records: ReadRecord[] = []
  for (let batch = reader.take({ topic, partition }); batch !== null; ) {
    records.push(...plainRecords(batch))
    batch = reader.take({ topic, partition })
  }
  await reader.close()
  return records
}

export function valuesOf(records: readonly ReadRecord[]): (string | null)[] {
  return records.map((record) => record.value)
}
