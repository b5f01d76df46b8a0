/** How often callers may call: each has a bucket of tokens that fills evenly, and each call takes one. */

interface Bucket {
  tokens: number
  filledMs: number
}

/** So many buckets are kept at most. A caller whose bucket had to go begins with a full one. */
const maxBuckets = 10_000

export class RateLimiter {
  private readonly perSecond: number
  private readonly burst: number
  /** By caller, the one that called longest ago first. */
  private readonly buckets = new Map<string, Bucket>()

  /** @param burst calls that may come at once after a rest */
  constructor(perSecond: number, burst: number) {
    this.perSecond = perSecond
    this.burst = Math.max(1, burst)
  }

  /** Takes a token. @returns undefined when there was one, else in how many milliseconds there is */
  take(caller: string, nowMs: number): number | undefined {
    const before = this.buckets.get(caller)
    const bucket = before ?? { tokens: this.burst, filledMs: nowMs }
    const elapsedMs = Math.max(0, nowMs - bucket.filledMs)
    bucket.tokens = Math.min(this.burst, bucket.tokens + (elapsedMs * this.perSecond) / 1000)
    bucket.filledMs = nowMs
    this.buckets.delete(caller)
    this.buckets.set(caller, bucket)
    if (before === undefined && this.buckets.size > maxBuckets) this.forgetOldest()
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * 1000) / this.perSecond)
    bucket.tokens -= 1
    return undefined
  }

  private forgetOldest(): void {
    const oldest = this.buckets.keys().next()
    if (oldest.done !== true) this.buckets.delete(oldest.value)
  }
}
