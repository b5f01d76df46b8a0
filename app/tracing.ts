/** Tracing as the settings have it. Its library is loaded only where it is on. */
import type { Clock, Logger, Tracer } from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import { packageVersion } from './package-info.ts'

export interface Tracing {
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined
  /** Sends what waits, within a bounded time. */
  close(): Promise<void>
}

/** @throws CONFIGURATION_INVALID */
export async function openTracing(
  config: Config,
  {
    clock,
    logger,
    instanceId,
  }: { readonly clock: Clock; readonly logger: Logger; readonly instanceId: string },
): Promise<Tracing> {
  if (config.tracing === 'off') return { tracer: undefined, close: async () => {} }
  const { openTelemetryTracer } = await import('../streams/adapters/opentelemetry/open-telemetry-tracer.ts')
  const tracer = openTelemetryTracer({
    serviceName: config.tracingServiceName,
    serviceVersion: packageVersion(),
    instanceId,
    sampleRatio: config.tracingSampleRatio,
    endpoint: config.tracingEndpoint,
    clock,
    logger,
  })
  return { tracer, close: () => tracer.close() }
}
