/** The Order API on the log of a platform. */
import { type OrderApi, startOrderApi } from '../api/http-server.ts'
import { OrderIngestion } from '../api/ingestion.ts'
import { topics } from '../schemas/topics.ts'
import { type Metrics, StreamsError, type Tracer } from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import { orderLimits } from './order-topologies.ts'
import type { Platform } from './platform.ts'
import { expectPrepared, makesWhatIsMissing, prepareTopics } from './prepare.ts'

export interface ServingOptions {
  readonly metrics: Metrics
  readonly tracer: Tracer | undefined
  /** Called at each request that the log refuses, and would refuse again: its login, or a right of it. */
  readonly onRefused?: (error: StreamsError) => void
}

/** The topics must be there. @throws PORT_UNUSABLE */
export async function serveOrders(
  platform: Platform,
  config: Config,
  { metrics, tracer, onRefused = () => {} }: ServingOptions,
): Promise<OrderApi> {
  const { clock, logger } = platform
  const ingestion = tellingRefusals(await ingestionOn(platform), onRefused)
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

export function tellingRefusals(
  ingestion: Pick<OrderIngestion, 'accept'>,
  onRefused: (error: StreamsError) => void,
): Pick<OrderIngestion, 'accept'> {
  return {
    accept: async (events, fallbackTimeMs, headers) => {
      try {
        return await ingestion.accept(events, fallbackTimeMs, headers)
      } catch (error) {
        if (error instanceof StreamsError && error.code === 'LOG_REFUSED') onRefused(error)
        throw error
      }
    },
  }
}
