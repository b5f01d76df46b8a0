import type { StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log, TopicPartition } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { Signal } from '../../runtime/signal.ts'

/** Nothing comes while the log is away. */
const lookAgainMs = 250

/** The committed batches of a partition between two offsets, as they are asked for; the last one may reach beyond. */
export async function* readRange(
  { log, clock }: { readonly log: Log; readonly clock: Clock },
  partition: TopicPartition,
  from: number,
  to: number,
): AsyncGenerator<RecordBatch, void, undefined> {
  if (from >= to) return
  const signal = new Signal(clock)
  let failure: StreamsError | undefined
  const reader = log.openReader({
    onReady: () => signal.notify(),
    onError: (_partition, error) => {
      failure = error
      signal.notify()
    },
  })
  try {
    reader.follow(partition, from)
    while (reader.position(partition) < to) {
      if (failure !== undefined) throw failure
      const batch = reader.take(partition)
      if (batch === null) await signal.wait(lookAgainMs)
      else if (batch.length > 0) yield batch
    }
  } finally {
    await reader.close()
  }
}
