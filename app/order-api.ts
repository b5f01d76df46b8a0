/** The Order API on the log of a platform. */
import { type OrderApi, startOrderApi } from '../api/http-server.ts'
import { OrderIngestion } from '../api/ingestion.ts'
import { topics } from '../schemas/topics.ts'
import type { Metrics, Tracer } from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import { orderLimits } from './order-topologies.ts'
import type { Platform } from './platform.ts'
import { expectPrepared, makesWhatIsMissing, prepareTopics } from './prepare.ts'

/** The topics must be there. @throws PORT_UNUSABLE */
export async function serveOrders(
  platform: Platform,
  config: Config,
  { metrics, tracer }: { readonly metrics: Metrics; readonly tracer: Tracer | undefined },
): Promise<OrderApi> {
  const { clock, logger } = platform
  const ingestion = await ingestionOn(platform)
  const { apiHost: host, apiPort: port } = config
  return startOrderApi({
    ingestion,
    clock,
    host,
    port,
    logger,
    metrics,
    ...(tracer === undefined ? {} : { tracer }),
    limits: { order: orderLimits(config) },
  })
}

/** The topics must be there. */
export function ingestionOn({ log, clock }: Platform): Promise<OrderIngestion> {
  return OrderIngestion.open({ log, clock, topic: topics.orderRaw.name })
}

/** The topics that orders go into, for those who run no topology. */
export async function prepareForOrders(platform: Platform, config: Config): Promise<void> {
  if (makesWhatIsMissing(config)) await prepareTopics(platform.log, config, [])
  else await expectPrepared(platform, config, [])
}
