/** Sliding windows: one for every set of records that lie within a time of each other. */
import { checkDuration } from './windows.ts'

/**
 * A window holds the times from its start to its end, both included, which lie `differenceMs` apart. There is one that ends
 * at each record, and one that starts right behind each record, if it holds any: so there is one for each distinct
 * content. A window that would start below zero starts at zero. It closes when the watermark has passed its end by more than
 * the grace.
 */
export class SlidingWindows {
  readonly differenceMs: number
  readonly graceMs: number

  /** @throws TOPOLOGY_INVALID */
  constructor(differenceMs: number, graceMs: number) {
    checkDuration('time difference', differenceMs, 1)
    checkDuration('grace', graceMs, 0)
    this.differenceMs = differenceMs
    this.graceMs = graceMs
  }

  /** How long windows stay open after their end, for records out of order. */
  grace(graceMs: number): SlidingWindows {
    return new SlidingWindows(this.differenceMs, graceMs)
  }

  /** The watermark that closes a window. */
  closeMs(endMs: number): number {
    return endMs + this.graceMs + 1
  }

  /** How long after its end the engine itself needs a window: a record that is not late may begin one with its content. */
  get neededMs(): number {
    return 2 * this.differenceMs + this.graceMs + 1
  }
}

/**
 * Windows that slide along with the records: each result is of the records of one `differenceMs`, up to or from a record on.
 * A record is in as many windows as there are records around it: for keys that have few records in that time.
 *
 * @example orders.groupByKey().windowedBy(sliding(hours(1))).emit('on-close').count({ store: 'last-hour' })
 */
export function sliding(differenceMs: number): SlidingWindows {
  return new SlidingWindows(differenceMs, 0)
}
