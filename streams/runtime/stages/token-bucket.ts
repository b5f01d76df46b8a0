/** Lets through so many a second, by a clock that it is told. Over any time it is never ahead by more than a tenth of a second's. */
export class TokenBucket {
  private readonly perSecond: number
  private readonly capacity: number
  private tokens = 0
  private lookedMs: number

  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond
    this.capacity = Math.max(1, perSecond / 10)
    this.lookedMs = nowMs
  }

  /** How many may pass now. */
  available(nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.lookedMs)
    this.lookedMs = Math.max(this.lookedMs, nowMs)
    this.tokens = Math.min(this.capacity, this.tokens + (elapsedMs * this.perSecond) / 1000)
    // Rounding must not keep the last hundredth of a token away for ever.
    return Math.floor(this.tokens + 1e-9)
  }

  take(count: number): void {
    this.tokens -= count
  }

  /** How long until one may pass, as of the last look. */
  get waitMs(): number {
    return this.tokens >= 1 ? 0 : Math.ceil(((1 - this.tokens) * 1000) / this.perSecond)
  }
}
