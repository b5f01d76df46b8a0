/** Reading partitions from given offsets to where they end now: restoring state, global tables, the checkpoints. */
import { StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionOffset, TopicPartition } from '../ports/log.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { Signal } from './signal.ts'

/** Nothing comes while the log is away; whoever waits may have to stop meanwhile. */
const lookAgainMs = 250

export interface Progress {
  readonly partition: TopicPartition
  readonly offset: number
  readonly end: number
}

/**
 * Hands every batch between `from` and the partitions' ends as of the call to `onBatch`, and answers the offsets reached.
 * A partition is done at its end or when the reader has nothing left before it: the last offsets may hold no records.
 *
 * @throws OFFSET_OUT_OF_RANGE, TOPIC_UNKNOWN, LOG_UNAVAILABLE; CLOSED when it was cancelled
 */
export async function followToEnd(
  ports: { readonly log: Log; readonly clock: Clock },
  from: readonly PartitionOffset[],
  onBatch: (batch: RecordBatch) => unknown,
  onProgress: (progress: Progress) => void = () => {},
  isCancelled: () => boolean = () => false,
): Promise<PartitionOffset[]> {
  const ranges = await ports.log.offsetRanges(from)
  const signal = new Signal(ports.clock)
  let failure: StreamsError | undefined
  const reader = ports.log.openReader({
    onReady: () => signal.notify(),
    onError: (_partition, error) => {
      failure = error
      signal.notify()
    },
  })
  try {
    const waiting = new Set(from.filter(({ offset }, index) => offset < ranges[index]!.end))
    for (const partition of waiting) reader.follow(partition, partition.offset)
    while (waiting.size > 0) {
      if (failure !== undefined) throw failure
      if (isCancelled()) throw new StreamsError('CLOSED', 'reading to the end was broken off')
      let taken = false
      for (const partition of waiting) {
        const { end } = ranges[from.indexOf(partition)]!
        const batch = reader.take(partition)
        if (batch !== null) {
          taken = true
          if (batch.length > 0) {
            const applied = onBatch(batch)
            if (applied instanceof Promise) await applied
          }
        }
        const offset = reader.position(partition)
        onProgress({ partition, offset, end })
        if (offset >= end) waiting.delete(partition)
      }
      if (taken) await ports.clock.yieldTurn()
      else if (waiting.size > 0) await signal.wait(lookAgainMs)
    }
    return from.map((partition, index) => ({
      topic: partition.topic,
      partition: partition.partition,
      offset: Math.max(partition.offset, ranges[index]!.end),
    }))
  } finally {
    await reader.close()
  }
}
