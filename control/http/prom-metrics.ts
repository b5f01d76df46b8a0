/**
 * What the engine counts, as Prometheus reads it.
 *
 * Times that the engine has in milliseconds are in seconds here, as Prometheus wants them: `streams_commit_duration_ms` is
 * `streams_commit_duration_seconds`. Gauges are not taken: what changes all the time is read when somebody asks
 * (topology-metrics.ts), rather than written down by tasks.
 */
import { Counter as PromCounter, Histogram as PromHistogram, type Registry } from 'prom-client'
import type { Counter, Gauge, Histogram, Labels, Metrics } from '../../streams/index.ts'

/** All that meters are labelled with; none of them grows with the data. */
export const labelNames = ['topology', 'task', 'operator', 'reason', 'code', 'service', 'method'] as const

/** From a commit that a test sees to one that waits for the log. */
const durationBucketsSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

export class PromMetrics implements Metrics {
  private readonly registry: Registry
  private readonly counters = new Map<string, PromCounter<string>>()
  private readonly histograms = new Map<string, PromHistogram<string>>()
  private readonly counterSeries = new Map<string, CounterSeries>()
  private readonly histogramSeries = new Map<string, HistogramSeries>()

  constructor(registry: Registry) {
    this.registry = registry
  }

  counter(name: string, help: string, labels: Labels): Counter {
    const registers = [this.registry]
    const metric = entryOf(this.counters, name, () => new PromCounter({ name, help, labelNames, registers }))
    return entryOf(this.counterSeries, keyOf(name, labels), () => new CounterSeries(metric, labels))
  }

  gauge(): Gauge {
    return { set: () => {} }
  }

  /** @param name ends in `_ms`: it is for durations */
  histogram(name: string, help: string, labels: Labels): Histogram {
    const registers = [this.registry]
    const promName = name.replace(/_ms$/, '_seconds')
    const buckets = durationBucketsSeconds
    const metric = entryOf(
      this.histograms,
      promName,
      () => new PromHistogram({ name: promName, help, labelNames, buckets, registers }),
    )
    return entryOf(this.histogramSeries, keyOf(name, labels), () => new HistogramSeries(metric, labels))
  }

  /** Takes out what is labelled with a task that is none of these. One that comes back counts from 0. */
  retainTasks(isHere: (topology: string, task: string) => boolean): void {
    for (const all of [this.counterSeries, this.histogramSeries]) {
      for (const [key, series] of all) {
        const { topology, task } = series.labels
        if (topology === undefined || task === undefined || isHere(topology, task)) continue
        series.remove()
        all.delete(key)
      }
    }
  }
}

/** Under one set of labels. Once it is taken out it counts nothing: a task that ends brings nothing back. */
class CounterSeries implements Counter {
  readonly labels: Labels
  private readonly metric: PromCounter<string>
  private child: { inc(amount: number): void } | undefined

  constructor(metric: PromCounter<string>, labels: Labels) {
    this.metric = metric
    this.labels = labels
    this.child = metric.labels({ ...labels })
    // What is nothing yet is there nevertheless, so that rates are right from the first one on.
    this.child.inc(0)
  }

  add(amount: number): void {
    this.child?.inc(amount)
  }

  remove(): void {
    this.child = undefined
    this.metric.remove({ ...this.labels })
  }
}

class HistogramSeries implements Histogram {
  readonly labels: Labels
  private readonly metric: PromHistogram<string>
  private child: { observe(value: number): void } | undefined

  constructor(metric: PromHistogram<string>, labels: Labels) {
    this.metric = metric
    this.labels = labels
    this.child = metric.labels({ ...labels })
    metric.zero({ ...labels })
  }

  observe(valueMs: number): void {
    this.child?.observe(valueMs / 1000)
  }

  remove(): void {
    this.child = undefined
    this.metric.remove({ ...this.labels })
  }
}

/** Counts in both of them. */
export function bothMetrics(first: Metrics, second: Metrics): Metrics {
  return {
    counter: (...meter) => {
      const [one, other] = [first.counter(...meter), second.counter(...meter)]
      return {
        add: (amount) => {
          one.add(amount)
          other.add(amount)
        },
      }
    },
    gauge: (...meter) => {
      const [one, other] = [first.gauge(...meter), second.gauge(...meter)]
      return {
        set: (value) => {
          one.set(value)
          other.set(value)
        },
      }
    },
    histogram: (...meter) => {
      const [one, other] = [first.histogram(...meter), second.histogram(...meter)]
      return {
        observe: (value) => {
          one.observe(value)
          other.observe(value)
        },
      }
    },
  }
}

function entryOf<T>(entries: Map<string, T>, name: string, make: () => T): T {
  const existing = entries.get(name)
  if (existing !== undefined) return existing
  const made = make()
  entries.set(name, made)
  return made
}

function keyOf(name: string, labels: Labels): string {
  return JSON.stringify([name, ...Object.entries(labels).sort()])
}
