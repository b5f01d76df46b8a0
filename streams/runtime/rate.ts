/** How many a second, lately. It is told of slices of work, so it costs nothing for each record. */

/** Seconds that are counted apart. */
const secondsKept = 5

export class Rate {
  private readonly counts = new Array<number>(secondsKept).fill(0)
  private readonly beganMs: number
  private second: number

  constructor(nowMs: number) {
    this.beganMs = nowMs
    this.second = Math.floor(nowMs / 1000)
  }

  add(count: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    const passed = Math.min(second - this.second, secondsKept)
    for (let i = 1; i <= passed; i++) this.counts[(this.second + i) % secondsKept] = 0
    if (second > this.second) {
      this.second = second
      this.counts[second % secondsKept] = 0
    }
    this.counts[this.second % secondsKept]! += count
  }

  /** Over the last four seconds and the part of this one that has passed, or since it began to count. */
  perSecond(nowMs: number): number {
    const second = Math.floor(nowMs / 1000)
    const first = second - secondsKept + 1
    let count = 0
    for (let one = Math.max(0, first, this.second - secondsKept + 1); one <= this.second; one++)
      count += this.counts[one % secondsKept]!
    const sinceMs = nowMs - Math.max(first * 1000, this.beganMs)
    return sinceMs <= 0 ? 0 : (count * 1000) / Math.max(sinceMs, 1000)
  }
}
