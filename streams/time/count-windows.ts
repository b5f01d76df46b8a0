/** Windows of so many records of a key, whatever their times. */
import { StreamsError } from '../errors.ts'

/**
 * A window holds `size` records of a key in the order in which they are processed; a new one begins every `advance` records,
 * with the key's first.
 */
export class CountWindows {
  readonly size: number
  readonly advance: number

  /** @throws TOPOLOGY_INVALID */
  constructor(size: number, advance: number) {
    checkCount('size', size)
    checkCount('advance', advance)
    if (advance > size) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `windows of ${size} records advance by ${advance} and leave gaps; the advance is at most the size`,
      )
    }
    this.size = size
    this.advance = advance
  }

  /** How many records after one window the next begins: 1 for the last `size` records at each record. */
  every(advance: number): CountWindows {
    return new CountWindows(this.size, advance)
  }
}

/**
 * Every `size` records of a key, one window after the other; with `every` windows that overlap.
 *
 * @example
 * orders.groupByKey().windowedBy(countWindow(100)).aggregate(totals, { store: 'milestones' })
 * orders.groupByKey().windowedBy(countWindow(10).every(1)).aggregate(totals, { store: 'last-ten' })
 */
export function countWindow(size: number): CountWindows {
  return new CountWindows(size, size)
}

function checkCount(what: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 1) return
  throw new StreamsError(
    'TOPOLOGY_INVALID',
    `the ${what} of count windows is ${count}; give a whole number, 1 or more`,
  )
}
