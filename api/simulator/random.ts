/** Random numbers from a seed: the same seed gives the same numbers on every machine. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

export class Random {
  private readonly generator: ReturnType<typeof xoroshiro128plus>

  constructor(seed: number) {
    this.generator = xoroshiro128plus(seed)
  }

  /** Both bounds inclusive. */
  integer(from: number, to: number): number {
    return uniformInt(this.generator, from, to)
  }

  /** True with this probability, from 0 to 1. */
  chance(probability: number): boolean {
    return uniformFloat64(this.generator) < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)]!
  }

  /** A time until something that happens every `meanMs` on average; at least 1, in whole milliseconds. */
  delayMs(meanMs: number): number {
    return Math.max(1, Math.round(-Math.log(1 - uniformFloat64(this.generator)) * meanMs))
  }

  /** From 0 to `count - 1`; the lower, the more often, as with customers and products of a shop. */
  popular(count: number): number {
    return Math.floor(uniformFloat64(this.generator) ** 2 * count)
  }
}
