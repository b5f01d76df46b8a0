/**
 * Drops what the log need not keep: records below a partition's start, records past their retention, superseded records
 * of compacted topics. Works in steps of bounded size and gives up its turn between them.
 *
 * Invariants:
 * 1. The start of a partition moves, durably, before rows below it are deleted.
 * 2. One run at a time; a run that is asked for meanwhile starts afterwards. Records may be deleted during a run: every
 *    step reads anew what it changes, and gives up its turn only after its write.
 * 3. No write here is synced: what a power failure undoes is done again, or was only of use to this process.
 */
import { StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PartitionOffset } from '../../ports/log.ts'
import { type CleaningOptions, defaultCleaningOptions } from './cleaning-options.ts'
import { compact } from './compaction.ts'
import type { Partition } from './partition.ts'
import { summarizeRow } from './record-rows.ts'
import type { Topics } from './topics.ts'
import type { WriteQueue } from './write-queue.ts'

export interface CleaningReport {
  readonly compactedPartitions: number
  readonly removedRecords: number
}

export interface CleanerContext {
  readonly topics: Topics
  readonly queue: WriteQueue
  readonly clock: Clock
  readonly options: Partial<CleaningOptions>
}

export class Cleaner {
  private readonly topics: Topics
  private readonly queue: WriteQueue
  private readonly clock: Clock
  private readonly options: CleaningOptions
  private lastRun: Promise<unknown> = Promise.resolve()
  private stopped = false

  constructor({ topics, queue, clock, options }: CleanerContext) {
    this.topics = topics
    this.queue = queue
    this.clock = clock
    this.options = { ...defaultCleaningOptions, ...options }
  }

  clean(force: boolean): Promise<CleaningReport> {
    return this.afterLastRun(() => this.run(force))
  }

  async deleteRecords(before: readonly PartitionOffset[]): Promise<void> {
    const starts = new Map<Partition, number>()
    for (const { topic, partition, offset } of before) {
      const found = this.topics.partition({ topic, partition })
      if (offset > found.end) throw beyondEnd(found, offset)
      const start = starts.get(found) ?? found.start
      if (offset > start) starts.set(found, offset)
    }
    this.moveStarts(starts)
    for (const partition of starts.keys()) await this.dropRowsBelowStart(partition)
  }

  /** Breaks off what runs, at its next step. */
  async close(): Promise<void> {
    this.stopped = true
    await this.lastRun
  }

  private afterLastRun<T>(run: () => Promise<T>): Promise<T> {
    const result = this.lastRun.then(run)
    this.lastRun = result.catch(() => {})
    return result
  }

  private async run(force: boolean): Promise<CleaningReport> {
    let compactedPartitions = 0
    let removedRecords = 0
    const context = {
      queue: this.queue,
      clock: this.clock,
      options: this.options,
      stopped: () => this.stopped,
    }
    for (const { settings, partitions } of this.topics.all()) {
      for (const partition of partitions) {
        if (this.stopped) break
        if (settings.cleanup !== 'compact' && settings.retentionMs !== undefined) {
          removedRecords += await this.dropOld(partition, settings.retentionMs)
        }
        await this.dropRowsBelowStart(partition)
        if (settings.cleanup === 'delete' || !(force || this.isDirty(partition))) continue
        removedRecords += await compact(partition, context)
        compactedPartitions++
      }
    }
    return { compactedPartitions, removedRecords }
  }

  private isDirty({ end, progress }: Partition): boolean {
    const dirty = end - progress.cleanedTo
    const { minDirtyRatio, minDirtyRecords } = this.options
    return dirty >= minDirtyRecords && dirty >= minDirtyRatio * (dirty + progress.records)
  }

  /** Moves the start past the rows whose newest record is too old; answers how many records those had. */
  private async dropOld(partition: Partition, retentionMs: number): Promise<number> {
    const keepFromMs = this.clock.now() - retentionMs
    let start = partition.start
    let removed = 0
    for (let old = true; old && !this.stopped; ) {
      const rows = partition.readStored(start, this.options.stepBytes)
      for (const row of rows) {
        old = summarizeRow(row.bytes).maxTimestampMs < keepFromMs
        if (!old) break
        start = row.nextOffset
        removed += row.count
      }
      if (rows.length === 0) break
      await this.clock.yieldTurn()
    }
    if (start > partition.start) this.moveStarts(new Map([[partition, start]]))
    return removed
  }

  private moveStarts(starts: ReadonlyMap<Partition, number>): void {
    if (starts.size === 0) return
    this.queue.writeUnsynced((batch) => {
      for (const [partition, start] of starts) partition.writeState(batch, { start })
    })
    for (const [partition, start] of starts) partition.changeState({ start })
  }

  private async dropRowsBelowStart(partition: Partition): Promise<void> {
    while (!this.stopped) {
      const rows = partition.rowsBelowStart(this.options.stepBytes)
      if (rows.length === 0) return
      this.queue.writeUnsynced((batch) => {
        for (const row of rows) batch.delete(partition.rowKey(row.offset))
      })
      partition.forgetRowsBefore(rows.at(-1)!.nextOffset)
      await this.clock.yieldTurn()
    }
  }
}

function beyondEnd({ topic, number, end }: Partition, offset: number): StreamsError {
  return new StreamsError(
    'OFFSET_OUT_OF_RANGE',
    `records of ${topic.name}-${number} cannot be deleted up to ${offset}: it ends at ${end}`,
    { details: { topic: topic.name, partition: number, offset, end } },
  )
}
