/** A task as whoever looks into it sees it: plain data as of one moment, taken between two slices of its work. */
import type { TopicPartition } from '../ports/log.ts'
import type { StoreSize } from '../ports/store.ts'

export interface TaskView {
  readonly inputs: readonly InputView[]
  /** No older record is expected; null while nothing is known. */
  readonly watermarkMs: number | null
  /** Highest timestamp of a record that it has processed; null before the first. */
  readonly streamTimeMs: number | null
  /** Records that are known to wait. */
  readonly lag: number
  /** Records processed since the task was opened here. */
  readonly recordsIn: number
  /** Records processed a second, over the last few. */
  readonly recordsPerSecond: number
  /** 0 before the first. */
  readonly commitNumber: number
  /** When the last commit was made; null before the first here. */
  readonly committedMs: number | null
  readonly timerCount: number
  /** Estimates. */
  readonly stateDiskBytes: number
  readonly stateMemoryBytes: number
  /** Of these, live rows. */
  readonly stateCacheBytes: number
  /** How the database stands; null without one. */
  readonly database: StoreSize | null
}

export interface InputView extends TopicPartition {
  /** Offset of the next record to be processed. */
  readonly position: number
  /** Where the last commit stands. */
  readonly committed: number
  /** As last heard of; null before the first fetch. */
  readonly end: number | null
  readonly watermarkMs: number | null
  /** It has nothing to read, and by the policy of its source does not hold the time back. */
  readonly isIdle: boolean
  /** Nothing comes any more: it waits for nobody. */
  readonly hasEnded: boolean
  /** Stage commands hold it. */
  readonly isHeld: boolean
  /** For a repartition topic: what the tasks that write to it said of their time last. */
  readonly upstream: readonly UpstreamView[]
  /** Since when it has had nothing to read; null while it has, or may have. */
  readonly atEndSinceMs: number | null
}

export interface UpstreamView {
  readonly task: string
  readonly watermarkMs: number | null
  readonly isIdle: boolean
}

/** A time that is known; null for the infinities that stand for none. */
export function knownMs(timeMs: number): number | null {
  return Number.isFinite(timeMs) ? timeMs : null
}
