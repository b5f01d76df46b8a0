/** Sessions: windows that last as long as records follow each other within a gap. */
import { checkDuration } from './windows.ts'

/**
 * Records of a key that lie at most the gap apart are one session, from its first to its last record, both included. A
 * record between two sessions makes them one. A session closes when the watermark has passed its last record by more than
 * the gap and the grace.
 */
export class SessionWindows {
  readonly gapMs: number
  readonly graceMs: number

  /** @throws TOPOLOGY_INVALID */
  constructor(gapMs: number, graceMs: number) {
    checkDuration('gap', gapMs, 1)
    checkDuration('grace', graceMs, 0)
    this.gapMs = gapMs
    this.graceMs = graceMs
  }

  /** How long sessions stay open after the gap, for records out of order. */
  grace(graceMs: number): SessionWindows {
    return new SessionWindows(this.gapMs, graceMs)
  }

  /** The watermark that closes a session. */
  closeMs(endMs: number): number {
    return endMs + this.gapMs + this.graceMs + 1
  }

  /** How long after its end the engine itself needs a session: when it has closed, no record joins it. */
  get neededMs(): number {
    return this.gapMs + this.graceMs
  }
}

/**
 * Sessions of records that lie at most `gapMs` apart. Aggregates need a `merge`, for sessions that turn out to be one.
 *
 * @example orders.groupByKey().windowedBy(session(minutes(30))).count({ store: 'shopping-sessions' })
 */
export function session(gapMs: number): SessionWindows {
  return new SessionWindows(gapMs, 0)
}
