/**
 * Bringing a task's database up to the end of its changelogs.
 *
 * Invariants:
 * 1. Restoring begins only after the task's producer has fenced its predecessor, so the changelogs have ended.
 * 2. The database knows how much of each changelog it holds; only the tail is read. What it holds was committed, so nothing
 *    is ever taken back.
 * 3. `completeAsOfMs` of the position is a time at which the database lacked no deletion: of its last commit, or when its last
 *    restore began. Long after it, deletions may be gone from the changelog that the database has not seen.
 * 4. Each batch of rows is applied with the offset behind it: a restore that is interrupted goes on where it was.
 */
import type { Log } from '../ports/log.ts'
import type { Logger } from '../ports/observability.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { ChangelogReplay, type ReplayTarget } from './changelog-replay.ts'
import { followToEnd } from './follow-to-end.ts'

export interface RestoreTarget extends ReplayTarget {
  readonly log: Log
  readonly logger: Logger
  /** Asked now and then: a task that is to be let go is not restored to the end. */
  readonly isCancelled?: () => boolean
  readonly onProgress?: (progress: RestoreProgress) => void
}

/** How far a restore has come, in changelog offsets, of which compaction may have emptied some. */
export interface RestoreProgress {
  readonly done: number
  readonly total: number
  readonly elapsedMs: number
  /** At the rate so far; null before there is one. */
  readonly remainingMs: number | null
}

export interface RestoreResult {
  readonly records: number
  readonly durationMs: number
}

/** A restore that takes longer tells how far it has come, this often. */
const tellEveryMs = 5000

/**
 * @throws STATE_CORRUPT when the database holds more than the changelog, or less than the changelog still has: it must be
 *   deleted and restored from the beginning.
 */
export async function restoreTask(target: RestoreTarget): Promise<RestoreResult> {
  const { clock, logger, onProgress } = target
  const startedMs = clock.now()
  const replay = new ChangelogReplay(target)
  const from = await replay.positions()
  replay.begin(startedMs)
  let records = 0
  let toldMs = startedMs
  const meter = new ProgressMeter(startedMs)
  const ends = await followToEnd(
    target,
    from,
    (batch: RecordBatch) => {
      records += replay.apply(batch)
    },
    ({ partition, offset, end }) => {
      const begin = from.find(({ topic }) => topic === partition.topic)?.offset ?? offset
      const progress = meter.update(partition.topic, offset - begin, end - begin, clock.now())
      onProgress?.(progress)
      if (clock.now() - toldMs < tellEveryMs) return
      toldMs = clock.now()
      logger.info({ ...progress }, 'restoring state from the changelogs')
    },
    target.isCancelled,
  )
  replay.complete(ends, startedMs)
  const durationMs = clock.now() - startedMs
  if (records > 0) logger.info({ records, durationMs }, 'state restored from the changelogs')
  return { records, durationMs }
}

/** Adds up what the changelogs of a task have left. */
class ProgressMeter {
  private readonly startedMs: number
  private readonly byTopic = new Map<string, { readonly done: number; readonly total: number }>()

  constructor(startedMs: number) {
    this.startedMs = startedMs
  }

  update(topic: string, done: number, total: number, nowMs: number): RestoreProgress {
    this.byTopic.set(topic, { done, total })
    const sum = { done: 0, total: 0 }
    for (const one of this.byTopic.values()) {
      sum.done += one.done
      sum.total += one.total
    }
    const elapsedMs = nowMs - this.startedMs
    const remainingMs = sum.done > 0 ? Math.round((elapsedMs * (sum.total - sum.done)) / sum.done) : null
    return { ...sum, elapsedMs, remainingMs }
  }
}
