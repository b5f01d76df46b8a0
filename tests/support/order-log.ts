/** An embedded log in memory with the order topics, and what a test wants to see of it. */
import { topics } from '../../schemas/topics.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { MemoryStoreProvider } from '../../streams/adapters/memory/memory-store.ts'
import type { Log } from '../../streams/ports/log.ts'
import { keyAt, valueAt } from '../../streams/records/record-batch.ts'
import { ManualClock } from '../../streams/testing/manual-clock.ts'
import { MemoryRegistry } from '../../streams/testing/memory-registry.ts'

export interface OrderLog {
  readonly log: EmbeddedLog
  readonly clock: ManualClock
  readonly registry: MemoryRegistry
}

export async function openOrderLog(
  options: { readonly provider?: MemoryStoreProvider; readonly registry?: MemoryRegistry } = {},
): Promise<OrderLog> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const store = await (options.provider ?? new MemoryStoreProvider()).open('log')
  const log = await openEmbeddedLog({ store, clock, cleaningIntervalMs: null })
  const partitions = 3
  await log.createTopics(
    Object.values(topics).map(({ name, settings }) => ({ name, partitions, ...settings })),
  )
  return { log, clock, registry: options.registry ?? new MemoryRegistry() }
}

export interface SeenRecord {
  readonly partition: number
  readonly key: string | null
  readonly value: Buffer
  readonly timestampMs: number
}

/** Every committed record of a topic, partition by partition. */
export async function recordsOf(log: Log, topic: string): Promise<SeenRecord[]> {
  const [settings] = await log.describeTopics([topic])
  const partitions = Array.from({ length: settings!.partitions }, (_, partition) => ({ topic, partition }))
  const records: SeenRecord[] = []
  let wake = () => {}
  const reader = log.openReader({
    onReady: () => wake(),
    onError: (_, error) => {
      throw error
    },
  })
  for (const range of await log.offsetRanges(partitions)) {
    reader.follow(range, range.start)
    while (reader.position(range) < range.end) {
      const ready = new Promise<void>((resolve) => {
        wake = resolve
      })
      const batch = reader.take(range)
      if (batch === null) await ready
      for (let i = 0; i < (batch?.length ?? 0); i++) {
        records.push({
          partition: range.partition,
          key: keyAt(batch!, i)?.toString() ?? null,
          value: Buffer.from(valueAt(batch!, i)!),
          timestampMs: batch!.timestampsMs[i]!,
        })
      }
    }
  }
  await reader.close()
  return records
}
