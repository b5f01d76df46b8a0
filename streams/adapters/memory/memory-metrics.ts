import { StreamsError } from '../../errors.ts'
import type { Counter, Gauge, Histogram, Labels, Metrics } from '../../ports/observability.ts'

interface Identity {
  readonly name: string
  readonly help: string
  readonly labels: Labels
}

export interface NumberReading extends Identity {
  readonly kind: 'counter' | 'gauge'
  readonly value: number
}

export interface HistogramReading extends Identity {
  readonly kind: 'histogram'
  readonly count: number
  readonly sum: number
  readonly max: number
  readonly median: number
  readonly p99: number
}

export type Reading = NumberReading | HistogramReading

/** Meters kept in memory, for live progress and for tests. */
export class MemoryMetrics implements Metrics {
  private readonly meters = new Map<string, Meter>()

  counter(name: string, help: string, labels: Labels): Counter {
    return this.meter(name, labels, NumberMeter, () => new NumberMeter('counter', { name, help, labels }))
  }

  gauge(name: string, help: string, labels: Labels): Gauge {
    return this.meter(name, labels, NumberMeter, () => new NumberMeter('gauge', { name, help, labels }))
  }

  histogram(name: string, help: string, labels: Labels): MemoryHistogram {
    return this.meter(name, labels, MemoryHistogram, () => new MemoryHistogram({ name, help, labels }))
  }

  /** Every meter as it stands, in the order in which they were first asked for. */
  snapshot(): Reading[] {
    return [...this.meters.values()].map((meter) => meter.reading())
  }

  /** The sum of the counters or gauges of this name whose labels include the given ones; 0 when there are none. */
  total(name: string, labels: Labels = {}): number {
    let total = 0
    for (const reading of this.snapshot()) {
      if (reading.name !== name || reading.kind === 'histogram') continue
      if (Object.entries(labels).every(([label, value]) => reading.labels[label] === value)) {
        total += reading.value
      }
    }
    return total
  }

  private meter<M extends Meter>(
    name: string,
    labels: Labels,
    type: new (...args: never[]) => M,
    create: () => M,
  ): M {
    const key = `${name}${JSON.stringify(Object.entries(labels).sort())}`
    const existing = this.meters.get(key)
    const created = create()
    if (existing === undefined) {
      this.meters.set(key, created)
      return created
    }
    if (existing instanceof type && existing.kind === created.kind) return existing
    throw new StreamsError(
      'INVARIANT_VIOLATED',
      `meter "${name}" is a ${existing.kind} already and cannot be a ${created.kind} too: name one of them otherwise`,
    )
  }
}

interface Meter {
  readonly kind: Reading['kind']
  reading(): Reading
}

class NumberMeter implements Counter, Gauge, Meter {
  readonly kind: 'counter' | 'gauge'
  private readonly identity: Identity
  private value = 0

  constructor(kind: 'counter' | 'gauge', identity: Identity) {
    this.kind = kind
    this.identity = identity
  }

  add(amount: number): void {
    this.value += amount
  }

  set(value: number): void {
    this.value = value
  }

  reading(): NumberReading {
    return { kind: this.kind, ...this.identity, value: this.value }
  }
}

const bucketsPerDoubling = 4
/** Bucket 0 takes everything up to 2^-20, a millionth; the last everything from 2^40 on. */
const smallestExponent = -20
const bucketCount = (40 - smallestExponent) * bucketsPerDoubling + 1

/** Counts values in buckets whose bounds grow by a fifth, so a quantile is at most that much too high. */
export class MemoryHistogram implements Histogram, Meter {
  readonly kind = 'histogram'
  private readonly identity: Identity
  private readonly buckets = new Float64Array(bucketCount)
  private count = 0
  private sum = 0
  private max = 0

  constructor(identity: Identity) {
    this.identity = identity
  }

  observe(value: number): void {
    this.buckets[bucketOf(value)]! += 1
    this.count += 1
    this.sum += value
    if (value > this.max) this.max = value
  }

  /** The value that a share of the observations, from 0 to 1, does not exceed; 0 before the first. */
  quantile(share: number): number {
    let left = Math.ceil(share * this.count)
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      left -= this.buckets[bucket]!
      if (left <= 0 && this.count > 0) return Math.min(this.max, upperBoundOf(bucket))
    }
    return this.max
  }

  reading(): HistogramReading {
    return {
      kind: this.kind,
      ...this.identity,
      count: this.count,
      sum: this.sum,
      max: this.max,
      median: this.quantile(0.5),
      p99: this.quantile(0.99),
    }
  }
}

function bucketOf(value: number): number {
  if (!(value > 0)) return 0
  const bucket = Math.ceil((Math.log2(value) - smallestExponent) * bucketsPerDoubling)
  return Math.min(bucketCount - 1, Math.max(0, bucket))
}

function upperBoundOf(bucket: number): number {
  return bucket === bucketCount - 1
    ? Number.POSITIVE_INFINITY
    : 2 ** (bucket / bucketsPerDoubling + smallestExponent)
}
