/**
 * The rows of one store in one task, or in a copy of its state, as of this moment.
 *
 * Invariants:
 * 1. All is to be read before the next wait: the task works on then, and may be let go.
 * 2. Committed rows are those of the task's database; live ones are these with what the task has changed since its last commit,
 *    deletions too, which is there until the very turn in which the database gets it. So nothing is seen twice, or not at all, while
 *    a commit is under way.
 * 3. Rows that have outlived their time are not seen: by the time of the task for live ones, by that of the last commit for committed
 *    ones. A copy does not know the time, and shows a row until the changelog takes it back.
 * 4. Nothing is changed by looking: no row is loaded, kept in a cache, or forgotten.
 */

import { taskIdOf } from '../../runtime/task-environment.ts'
import type { UncommittedRows } from '../../state/committable-store.ts'
import { rowTimestamp } from '../../state/row-codec.ts'
import { endOfPrefix, section, type TaskDatabase } from '../../state/task-database.ts'
import { storedKeptFromMs } from '../../state/window-store.ts'
import { behindWindows, startOfKey } from '../../state/windowed-serde.ts'
import type { StoreSpec } from '../../topology/store-spec.ts'
import type { ReadableRows, StoredRowBytes } from './readable-rows.ts'
import type { QueriedStore } from './stores.ts'

export interface ReadMode {
  readonly isolation: 'committed' | 'live'
  /** How many changelog records a copy may lack to answer in the place of the task; undefined: only the task answers. */
  readonly standbyLagMax: number | undefined
}

/** What answers of a topology in this process: see `RunningTopology`. */
export interface Answering {
  readonly drivers: ReadonlyMap<string, { readonly openTask: AnsweringTask | undefined }>
  readonly standbys: ReadonlyMap<
    string,
    { readonly copy: TaskDatabase | undefined; readonly lag: number | null }
  >
}

export interface AnsweringTask {
  readonly committed:
    | {
        readonly database: TaskDatabase
        readonly checkpoint:
          | { readonly stream_time: number | null; readonly watermark: number | null }
          | undefined
      }
    | undefined
  readonly compiled: {
    readonly record: { readonly streamTimeMs: number }
    readonly stores: ReadonlyMap<string, UncommittedRows>
  }
  readonly watermarkMs: number
}

interface TaskTimes {
  readonly streamTimeMs: number
  readonly watermarkMs: number
}

const unknown = Number.NEGATIVE_INFINITY

export class TaskRows implements ReadableRows {
  readonly task: string
  readonly standbyLag: number | undefined
  readonly commitNumber: number
  readonly watermarkMs: number
  private readonly database: TaskDatabase
  private readonly prefix: Buffer
  private readonly uncommitted: UncommittedRows | undefined
  private readonly keptFromMs: number
  private readonly isWindowed: boolean
  /** Rows of this time or before are gone. */
  private readonly expiredToMs: number

  private constructor(
    spec: StoreSpec,
    task: string,
    database: TaskDatabase,
    times: TaskTimes,
    uncommitted: UncommittedRows | undefined,
    standbyLag: number | undefined,
  ) {
    const { windows, ttlMs = Number.POSITIVE_INFINITY } = spec
    this.task = task
    this.standbyLag = standbyLag
    this.commitNumber = standbyLag === undefined ? database.position.commitNumber : 0
    this.watermarkMs = times.watermarkMs
    this.database = database
    this.prefix = database.prefix(spec.name, section.rows)
    this.uncommitted = uncommitted
    this.isWindowed = windows !== undefined
    this.keptFromMs =
      windows === undefined
        ? 0
        : (uncommitted?.keptFromMs ?? storedKeptFromMs(database, spec.name, windows, times.watermarkMs))
    this.expiredToMs = times.streamTimeMs - ttlMs
  }

  /** Undefined when nobody here can answer: the task does not run here, and no copy is near enough. */
  static open(
    running: Answering,
    { subTopology, spec }: Pick<QueriedStore, 'subTopology' | 'spec'>,
    partition: number,
    { isolation, standbyLagMax }: ReadMode,
  ): TaskRows | undefined {
    const id = taskIdOf(subTopology, partition)
    const task = running.drivers.get(id)?.openTask
    const committed = task?.committed
    if (task !== undefined && committed !== undefined) {
      const { database, checkpoint } = committed
      if (isolation === 'live') {
        const { record, stores } = task.compiled
        const times = { streamTimeMs: record.streamTimeMs, watermarkMs: task.watermarkMs }
        return new TaskRows(spec, id, database, times, stores.get(spec.name), undefined)
      }
      const times = {
        streamTimeMs: checkpoint?.stream_time ?? unknown,
        watermarkMs: checkpoint?.watermark ?? unknown,
      }
      return new TaskRows(spec, id, database, times, undefined, undefined)
    }
    const standby = running.standbys.get(id)
    const copy = standby?.copy
    const lag = standby?.lag ?? null
    if (isolation === 'live' || copy === undefined || lag === null) return undefined
    if (standbyLagMax === undefined || lag > standbyLagMax) return undefined
    return new TaskRows(spec, id, copy, { streamTimeMs: unknown, watermarkMs: unknown }, undefined, lag)
  }

  get(key: Buffer): StoredRowBytes | undefined {
    const change = this.uncommitted?.changeOf(key)
    const row = change === undefined ? this.database.store.get(this.full(key)) : change.row
    return row === null || row === undefined || !this.isThere(key, row) ? undefined : { key, row }
  }

  /** In the order of keys, `to` exclusive; undefined: to the last. */
  *range(from: Buffer, to: Buffer | undefined): IterableIterator<StoredRowBytes> {
    const changes = this.uncommitted?.changesBetween(from, to)[Symbol.iterator]()
    let change = changes?.next()
    for (const { key: fullKey, value: row } of this.database.store.range(this.bounds(from, to))) {
      const key = fullKey.subarray(this.prefix.length)
      while (change?.done === false && change.value.key.compare(key) < 0) {
        yield* this.present(change.value.key, change.value.row)
        change = changes?.next()
      }
      if (change?.done === false && change.value.key.equals(key)) {
        yield* this.present(key, change.value.row)
        change = changes?.next()
      } else yield* this.present(key, row)
    }
    for (; change?.done === false; change = changes?.next())
      yield* this.present(change.value.key, change.value.row)
  }

  private *present(key: Buffer, row: Buffer | null): IterableIterator<StoredRowBytes> {
    if (row !== null && this.isThere(key, row)) yield { key, row }
  }

  private isThere(key: Buffer, row: Buffer): boolean {
    if (this.isWindowed && startOfKey(key) < this.keptFromMs) return false
    return rowTimestamp(row) > this.expiredToMs
  }

  private bounds(from: Buffer, to: Buffer | undefined): { readonly from: Buffer; readonly to: Buffer } {
    if (to !== undefined) return { from: this.full(from), to: this.full(to) }
    return {
      from: this.full(from),
      to: this.isWindowed ? this.full(behindWindows) : endOfPrefix(this.prefix),
    }
  }

  private full(key: Buffer): Buffer {
    return Buffer.concat([this.prefix, key])
  }
}
