/** All that `/metrics` shows: what the engine counts, what its topologies do now, and the process. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Clock, Metrics, StreamsApp } from '../../streams/index.ts'
import { PromMetrics } from './prom-metrics.ts'
import { topologyMetrics } from './topology-metrics.ts'

export interface MetricsPage {
  /** For the engine to count with. */
  readonly metrics: Metrics
  /** A gauge that is read when somebody asks; by its labels where it has one. */
  gauge(name: string, help: string, read: GaugeReading): void
  /** Names what is shown from then on. */
  show(shown: {
    readonly streams: Pick<StreamsApp, 'running'>
    readonly topologies: readonly string[]
    readonly clock: Clock
  }): void
  /** In Prometheus' text format. Requests at the same time share one reading. */
  text(): Promise<string>
  readonly contentType: string
}

/** A value, or values by the value of one label. */
export type GaugeReading =
  | (() => number)
  | { readonly label: string; readonly read: () => Readonly<Record<string, number>> }

export function openMetricsPage(version: string): MetricsPage {
  const registry = new Registry()
  const metrics = new PromMetrics(registry)
  collectDefaultMetrics({ register: registry })
  const build = { name: 'streams_build_info', help: 'The release of the program; the value is 1.' }
  new Gauge({ ...build, labelNames: ['version'], registers: [registry] }).set({ version }, 1)
  let topologies: ReturnType<typeof topologyMetrics> | undefined
  let reading: Promise<string> | undefined
  const read = async (): Promise<string> => {
    if (topologies !== undefined) {
      topologies.refresh()
      metrics.retainTasks(topologies.isHere)
    }
    return registry.metrics()
  }
  return {
    metrics,
    gauge: (name, help, read) => addGauge(registry, name, help, read),
    show: (shown) => {
      topologies = topologyMetrics({ registry, ...shown })
    },
    text: () => {
      reading ??= read().finally(() => {
        reading = undefined
      })
      return reading
    },
    contentType: registry.contentType,
  }
}

function addGauge(registry: Registry, name: string, help: string, reading: GaugeReading): void {
  const isPlain = typeof reading === 'function'
  new Gauge({
    name,
    help,
    labelNames: isPlain ? [] : [reading.label],
    registers: [registry],
    collect() {
      if (isPlain) {
        this.set(reading())
        return
      }
      this.reset()
      for (const [value, number] of Object.entries(reading.read()))
        this.set({ [reading.label]: value }, number)
    },
  })
}
