/**
 * The time of one input partition of a task: its watermark, and by what its records are late.
 *
 * Invariants:
 * 1. A watermark never goes back.
 * 2. By what a record is late depends on the records of its own partition before it and nothing else, so that replays
 *    agree whatever the other inputs, the instances and the sizes of batches are.
 */
import { decideIdle, type SourceTiming } from './idle.ts'
import type { UpstreamWatermark } from './watermark-record.ts'

/** Nothing is known of the time. */
export const noTime = Number.NEGATIVE_INFINITY

export interface InputTime {
  /** No record older than this is expected; -Infinity while nothing is known. */
  readonly watermarkMs: number
  /** The other inputs tell the time. */
  readonly isIdle: boolean
  /**
   * A record is about to be processed. Answers the watermark by which it is late or not.
   * @param carriedMs the watermark that the record brought along, if it is older than that
   */
  observe(timestampMs: number, carriedMs: number | undefined): number
  /** Looks at the clock, with the time since when nothing has been left to read. */
  look(nowMs: number, atEndSinceMs: number | undefined): void
  /** Nothing comes any more. */
  end(): void
}

export class SourceTime implements InputTime {
  watermarkMs: number
  isIdle = false
  private readonly timing: SourceTiming

  constructor(timing: SourceTiming, watermarkMs = noTime) {
    this.timing = timing
    this.watermarkMs = watermarkMs
  }

  observe(timestampMs: number): number {
    this.isIdle = false
    const watermarkMs = timestampMs - this.timing.disorderMs
    if (watermarkMs > this.watermarkMs) this.watermarkMs = watermarkMs
    return this.watermarkMs
  }

  look(nowMs: number, atEndSinceMs: number | undefined): void {
    const decision = decideIdle({ ...this.timing, nowMs, atEndSinceMs })
    this.isIdle = decision.kind === 'idle'
    if (decision.kind === 'advance') this.watermarkMs = Math.max(this.watermarkMs, decision.watermarkMs)
  }

  end(): void {
    this.watermarkMs = Number.POSITIVE_INFINITY
  }
}

/** The time of a partition that the tasks of other sub-topologies write: the earliest of theirs. */
export class UpstreamTime implements InputTime {
  watermarkMs = noTime
  isIdle = false
  private readonly expected: number
  private readonly heard = new Map<string, UpstreamWatermark>()

  /** @param expected how many tasks write here: none is waited for in vain, and none overtaken */
  constructor(expected: number, heard: Iterable<UpstreamWatermark> = []) {
    this.expected = expected
    for (const one of heard) this.hear(one)
  }

  /** What was heard last of each task. */
  get tasks(): Iterable<UpstreamWatermark> {
    return this.heard.values()
  }

  hear({ task, watermarkMs, isIdle }: UpstreamWatermark): void {
    const before = this.heard.get(task)?.watermarkMs ?? noTime
    this.heard.set(task, { task, watermarkMs: Math.max(before, watermarkMs), isIdle })
    if (this.heard.size < this.expected) return
    const active = [...this.heard.values()].filter((one) => !one.isIdle)
    this.isIdle = active.length === 0
    if (!this.isIdle) {
      this.watermarkMs = Math.max(this.watermarkMs, Math.min(...active.map((one) => one.watermarkMs)))
    }
  }

  /** What was not behind its own time upstream brings none along, and is not late. */
  observe(timestampMs: number, carriedMs: number | undefined): number {
    return carriedMs ?? timestampMs
  }

  /** Whoever writes here says when it is idle. */
  look(): void {}

  end(): void {
    this.watermarkMs = Number.POSITIVE_INFINITY
  }
}
