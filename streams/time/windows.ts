/** Windows of a fixed size, aligned to multiples of their advance: which a record is in, and when they close. */
import { StreamsError } from '../errors.ts'

/** Milliseconds in so many seconds. */
export const seconds = (count: number): number => count * 1000
/** Milliseconds in so many minutes. */
export const minutes = (count: number): number => count * 60_000
/** Milliseconds in so many hours. */
export const hours = (count: number): number => count * 3_600_000
/** Milliseconds in so many days. */
export const days = (count: number): number => count * 86_400_000

/**
 * A window holds the times `start <= time < end`, where the start is a multiple of the advance and not negative. It closes
 * when the watermark has reached its end and the grace is over: what belongs to it and comes later is late.
 */
export class TimeWindows {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number

  /** @throws TOPOLOGY_INVALID */
  constructor(sizeMs: number, advanceMs: number, graceMs: number) {
    checkDuration('size', sizeMs, 1)
    checkDuration('advance', advanceMs, 1)
    checkDuration('grace', graceMs, 0)
    if (advanceMs > sizeMs) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `windows of ${sizeMs} ms advance by ${advanceMs} ms and leave gaps; the advance is at most the size`,
      )
    }
    this.sizeMs = sizeMs
    this.advanceMs = advanceMs
    this.graceMs = graceMs
  }

  /**
   * How long windows stay open after their end, for records out of order. Where that is known of the source, `disorderMs` of
   * `stream` does the same for all that is behind it.
   */
  grace(graceMs: number): TimeWindows {
    return new TimeWindows(this.sizeMs, this.advanceMs, graceMs)
  }

  /** Where the first window begins that a time is in; the others follow, an advance apart, up to the time itself. */
  firstStartMs(timestampMs: number): number {
    const latestEndMs = timestampMs - this.sizeMs
    return latestEndMs < 0 ? 0 : (Math.floor(latestEndMs / this.advanceMs) + 1) * this.advanceMs
  }

  /** Where the first window begins that is not closed at a watermark. */
  firstOpenMs(watermarkMs: number): number {
    const closedMs = watermarkMs - this.sizeMs - this.graceMs
    return closedMs < 0 ? 0 : (Math.floor(closedMs / this.advanceMs) + 1) * this.advanceMs
  }

  /** The watermark that closes a window. */
  closeMs(startMs: number): number {
    return startMs + this.sizeMs + this.graceMs
  }
}

/**
 * Windows one after the other: each time is in one.
 *
 * @example orders.groupByKey().windowedBy(tumbling(minutes(1)).grace(seconds(10))).count({ store: 'per-minute' })
 */
export function tumbling(sizeMs: number): TimeWindows {
  return new TimeWindows(sizeMs, sizeMs, 0)
}

/**
 * Windows that overlap: each time is in as many as the advance goes into the size.
 *
 * @example orders.groupByKey().windowedBy(hopping(hours(1), minutes(5))).count({ store: 'last-hour' })
 */
export function hopping(sizeMs: number, advanceMs: number): TimeWindows {
  return new TimeWindows(sizeMs, advanceMs, 0)
}

/** @throws TOPOLOGY_INVALID */
export function checkDuration(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new StreamsError(
    'TOPOLOGY_INVALID',
    `the ${what} of windows is ${value}; give whole milliseconds, ${least} or more`,
  )
}
