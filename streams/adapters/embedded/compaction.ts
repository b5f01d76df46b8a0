/**
 * Compaction of one partition: of each key only the newest record stays, at its offset.
 *
 * Each round first notes the newest offset of as many keys as fit its bound, walking up from where the round before
 * stopped, then walks the whole partition up to there and rewrites what holds superseded records.
 *
 * Invariants:
 * 1. A step reads some rows and replaces them in one batch, without giving up its turn in between. A crash between two
 *    steps leaves a partition that is cleaned in part, which is as right as one that is not.
 * 2. A record is dropped only when a newer one of its key is stored, or when it is a tombstone that has stood for the
 *    delete retention since older records of its key were dropped, which the walk does first.
 * 3. Rows that became small are joined; a row goes on covering the offsets of what was dropped.
 */
import type { Clock } from '../../ports/clock.ts'
import type { StoreBatch } from '../../ports/store.ts'
import { type RecordBatch, RecordBatchBuilder } from '../../records/record-batch.ts'
import type { CleaningOptions } from './cleaning-options.ts'
import { NewestOffsets } from './newest-offsets.ts'
import type { Partition } from './partition.ts'
import { encodeRow, summarizeRow } from './record-rows.ts'
import type { StoredRow } from './row-cache.ts'
import type { WriteQueue } from './write-queue.ts'

/** Rows with less in them are joined with their neighbours. */
const joinBytes = 64 * 1024
const maxSpan = 0x7fff_ffff

export interface CompactionContext {
  readonly queue: WriteQueue
  readonly clock: Clock
  readonly options: CleaningOptions
  /** Whether to break off: the log is closing. */
  stopped(): boolean
}

/** Compacts up to where the partition ends now; answers how many records went. */
export async function compact(partition: Partition, context: CompactionContext): Promise<number> {
  const target = partition.end
  let removed = 0
  do {
    const round = new Round(partition, context)
    await round.collect(target)
    removed += await round.rewrite()
  } while (!context.stopped() && partition.progress.cleanedTo < target)
  return removed
}

class Round {
  private readonly partition: Partition
  private readonly context: CompactionContext
  private readonly newest = new NewestOffsets()
  /** What this round cleans ends here. */
  private cleanTo: number
  private removed = 0
  private kept = 0

  constructor(partition: Partition, context: CompactionContext) {
    this.partition = partition
    this.context = context
    this.cleanTo = Math.max(partition.progress.cleanedTo, partition.start)
  }

  async collect(target: number): Promise<void> {
    const { stepBytes, maxKeysPerRound } = this.context.options
    while (this.cleanTo < target && this.newest.size < maxKeysPerRound && !this.context.stopped()) {
      const rows = this.partition.readStored(this.cleanTo, stepBytes)
      for (const row of rows) {
        if (this.newest.size >= maxKeysPerRound) break
        const batch = this.partition.batchOf(row)
        for (let i = 0; i < batch.length; i++) {
          this.newest.set(batch.bytes, batch.keyStarts[i]!, batch.keyEnds[i]!, batch.offsets[i]!)
        }
        this.cleanTo = row.nextOffset
      }
      if (rows.length === 0) this.cleanTo = target
      await this.context.clock.yieldTurn()
    }
  }

  /** Answers how many records went. */
  async rewrite(): Promise<number> {
    const { context, partition } = this
    let position = partition.start
    while (position < this.cleanTo && !context.stopped()) {
      const rows = partition.readStored(position, context.options.stepBytes)
      const due = rows.filter((row) => row.nextOffset <= this.cleanTo)
      this.rewriteRows(due)
      position = due.length === 0 ? this.cleanTo : due.at(-1)!.nextOffset
      await context.clock.yieldTurn()
    }
    if (!context.stopped()) {
      const cleaning = { cleanedTo: this.cleanTo, records: this.kept }
      context.queue.writeUnsynced((batch) => partition.writeState(batch, { cleaning }))
      partition.changeState({ cleaning })
    }
    return this.removed
  }

  private rewriteRows(rows: readonly StoredRow[]): void {
    const joined: JoinedRows[] = []
    let open: JoinedRows | undefined
    for (const row of rows) {
      const batch = this.partition.batchOf(row)
      if (open !== undefined && row.nextOffset - open.first.offset > maxSpan) open = undefined
      if (open === undefined) {
        open = new JoinedRows(row, batch)
        joined.push(open)
      }
      this.addSurvivors(row, batch, open)
      if (open.bytes >= joinBytes) open = undefined
    }
    const changed = joined.filter((one) => one.changed)
    if (changed.length === 0) return
    this.context.queue.writeUnsynced((batch) => {
      for (const one of changed) one.write(this.partition, batch)
      // The last row may be gone, and with it what says where the partition ends.
      this.partition.writeState(batch, {})
    })
    this.partition.forgetCached()
  }

  private addSurvivors(row: StoredRow, batch: RecordBatch, target: JoinedRows): void {
    const now = this.context.clock.now()
    const tombstonesUntilMs = summarizeRow(row.bytes).tombstonesUntilMs
    const tombstonesDue = tombstonesUntilMs > 0 && tombstonesUntilMs <= now
    const untilMs = tombstonesUntilMs > 0 ? tombstonesUntilMs : now + this.context.options.deleteRetentionMs
    const before = target.length
    for (let i = 0; i < batch.length; i++) {
      const tombstone = batch.valueStarts[i]! < 0
      const offset = batch.offsets[i]!
      const newer = this.newest.get(batch.bytes, batch.keyStarts[i]!, batch.keyEnds[i]!) > offset
      if (newer || offset < this.partition.start || (tombstone && tombstonesDue)) continue
      target.add(batch, i)
      if (tombstone) target.keepTombstones(untilMs, tombstonesUntilMs === 0)
    }
    const survivors = target.length - before
    this.kept += survivors
    this.removed += batch.length - survivors
    target.rows.push(row)
    if (survivors < batch.length) target.changed = true
    else if (target.rows.length > 1) target.changed = true
  }
}

/** What stays of some neighbouring rows. */
class JoinedRows {
  readonly first: StoredRow
  readonly rows: StoredRow[] = []
  changed = false
  private readonly records: RecordBatchBuilder
  private readonly offsets: number[] = []
  private tombstonesUntilMs = 0

  constructor(first: StoredRow, batch: RecordBatch) {
    this.first = first
    this.records = new RecordBatchBuilder(batch.topic, batch.partition, first.bytes.length)
  }

  get length(): number {
    return this.offsets.length
  }

  get bytes(): number {
    return this.records.byteLength
  }

  add(batch: RecordBatch, index: number): void {
    const { records } = this
    const keyStart = this.copy(batch.bytes, batch.keyStarts[index]!, batch.keyEnds[index]!)
    const keyEnd = records.writer.position
    const valueStart = this.copy(batch.bytes, batch.valueStarts[index]!, batch.valueEnds[index]!)
    records.add(
      batch.timestampsMs[index]!,
      keyStart,
      keyEnd,
      valueStart,
      records.writer.position,
      batch.headers?.[index],
    )
    this.offsets.push(batch.offsets[index]!)
  }

  keepTombstones(untilMs: number, isNew: boolean): void {
    this.tombstonesUntilMs = Math.max(this.tombstonesUntilMs, untilMs)
    if (isNew) this.changed = true
  }

  write(partition: Partition, batch: StoreBatch): void {
    for (const row of this.rows) batch.delete(partition.rowKey(row.offset))
    if (this.length === 0) return
    const nextOffset = this.rows.at(-1)!.nextOffset
    const records = { ...this.records.build(), offsets: Float64Array.from(this.offsets), nextOffset }
    const bytes = encodeRow(records, 0, records.length, {
      offsets: { first: this.first.offset, next: nextOffset },
      tombstonesUntilMs: this.tombstonesUntilMs,
    })
    batch.put(partition.rowKey(this.first.offset), bytes)
  }

  private copy(source: Buffer, start: number, end: number): number {
    if (start < 0) return -1
    const { writer } = this.records
    const at = writer.position
    writer.ensure(end - start)
    source.copy(writer.buffer, at, start, end)
    writer.position = at + end - start
    return at
  }
}
