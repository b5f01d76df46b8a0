/**
 * The time of one input partition of a task: its watermark, and by what its records are late.
 *
 * Invariants:
 * 1. A watermark never goes back.
 * 2. By what a record is late depends on the records of its own partition before it and nothing else, so that replays
 *    agree whatever the other inputs, the instances and the sizes of batches are.
 */
import type { SourceTiming } from '../topology/source.ts'
import { decideIdle } from './idle.ts'
import type { UpstreamWatermark } from './watermark-record.ts'

/** Nothing is known of the time. */
export const noTime = Number.NEGATIVE_INFINITY

export interface InputTime {
  /** No record older than this is expected; -Infinity while nothing is known. */
  readonly watermarkMs: number
  /** The other inputs tell the time. */
  readonly isIdle: boolean
  /** Nothing comes any more, so that nobody need wait for time to pass. A record that comes after all takes it back. */
  readonly hasEnded: boolean
  /** What was heard last of each task that writes here. */
  readonly upstream: Iterable<UpstreamWatermark>
  /** Whether its records come in one order in every replay; else several tasks write here, and interleave as they run. */
  readonly hasOneOrder: boolean
  /**
   * A record is about to be processed. Answers the watermark by which it is late or not.
   * @param carriedMs the watermark that the record brought along, if it is behind that
   */
  observe(timestampMs: number, carriedMs: number | undefined): number
  /** Looks at the clock, with the time since when nothing has been left to read. */
  look(nowMs: number, atEndSinceMs: number | undefined): void
  /** A task that writes here told its time. */
  hear(upstream: UpstreamWatermark): void
  /** Whoever runs the application says that nothing comes any more. */
  end(): void
  /** While it is held it is neither idle nor ended, whatever is left to read: others must not become late by it. */
  hold(isHeld: boolean): void
}

/** The time of a partition of a source: by its own records. */
export class SourceTime implements InputTime {
  readonly upstream = []
  readonly hasOneOrder = true
  watermarkMs: number
  isIdle = false
  hasEnded = false
  private readonly timing: SourceTiming
  private readonly disorderMs: number
  private isHeld = false

  constructor(timing: SourceTiming, watermarkMs = noTime) {
    this.timing = timing
    this.disorderMs = timing.disorderMs
    this.watermarkMs = watermarkMs
  }

  observe(timestampMs: number): number {
    this.isIdle = false
    this.hasEnded = false
    const watermarkMs = timestampMs - this.disorderMs
    if (watermarkMs > this.watermarkMs) this.watermarkMs = watermarkMs
    return this.watermarkMs
  }

  look(nowMs: number, atEndSinceMs: number | undefined): void {
    if (atEndSinceMs === undefined || this.isHeld) {
      this.isIdle = false
      return
    }
    const decision = decideIdle({ ...this.timing, nowMs, atEndSinceMs })
    this.isIdle = decision.kind === 'idle'
    if (decision.kind === 'advance') this.watermarkMs = Math.max(this.watermarkMs, decision.watermarkMs)
  }

  hear(): void {}

  end(): void {
    this.hasEnded = !this.isHeld
  }

  hold(isHeld: boolean): void {
    this.isHeld = isHeld
    if (!isHeld) return
    this.isIdle = false
    this.hasEnded = false
  }
}

/**
 * The time of a partition that the tasks of other sub-topologies write: the earliest of those that are not idle; the latest of
 * all, once all are.
 */
export class UpstreamTime implements InputTime {
  watermarkMs = noTime
  isIdle = false
  hasEnded = false
  private readonly expected: ReadonlySet<string>
  private readonly heard = new Map<string, UpstreamWatermark>()
  private isHeld = false

  /** @param expected the tasks that write here: none of them is overtaken, and no other waited for */
  constructor(expected: ReadonlySet<string>, heard: Iterable<UpstreamWatermark> = [], watermarkMs = noTime) {
    this.expected = expected
    for (const one of heard) this.hear(one)
    this.watermarkMs = Math.max(this.watermarkMs, watermarkMs)
  }

  get upstream(): Iterable<UpstreamWatermark> {
    return this.heard.values()
  }

  get hasOneOrder(): boolean {
    return this.expected.size <= 1
  }

  hear(said: UpstreamWatermark): void {
    const { task } = said
    if (!this.expected.has(task)) return
    const before = this.heard.get(task)?.watermarkMs ?? noTime
    this.heard.set(task, { ...said, watermarkMs: Math.max(before, said.watermarkMs) })
    this.conclude()
  }

  /** What was not behind its own time upstream brings none along, and is not late. */
  observe(timestampMs: number, carriedMs: number | undefined): number {
    if (this.hasEnded) this.beginAnew()
    return carriedMs ?? timestampMs
  }

  /** Whoever writes here says when it is idle. */
  look(): void {}

  /** Whoever writes here says when it has ended. */
  end(): void {}

  hold(isHeld: boolean): void {
    if (isHeld === this.isHeld) return
    this.isHeld = isHeld
    this.conclude()
  }

  private conclude(): void {
    if (this.heard.size < this.expected.size) return
    const all = [...this.heard.values()]
    const active = all.filter(({ isIdle }) => !isIdle)
    const reached =
      active.length === 0
        ? Math.max(...all.map(({ watermarkMs }) => watermarkMs))
        : Math.min(...active.map(({ watermarkMs }) => watermarkMs))
    this.watermarkMs = Math.max(this.watermarkMs, reached)
    this.isIdle = active.length === 0 && !this.isHeld
    this.hasEnded = all.every(({ hasEnded }) => hasEnded) && !this.isHeld
  }

  /** All had ended, and there is something after all: the application has been given more. */
  private beginAnew(): void {
    this.hasEnded = false
    for (const [task, one] of this.heard) this.heard.set(task, { ...one, hasEnded: false })
  }
}
