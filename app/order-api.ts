/** The Order API on the log of a data directory. */
import { type OrderApi, startOrderApi } from '../api/http-server.ts'
import { OrderIngestion } from '../api/ingestion.ts'
import { topics } from '../schemas/topics.ts'
import type { Logger } from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import type { DataDirectory } from './data-directory.ts'
import { orderLimits } from './order-topologies.ts'

/** The topics must be there. @throws PORT_UNUSABLE */
export async function serveOrders(data: DataDirectory, config: Config, logger: Logger): Promise<OrderApi> {
  const { log, clock } = data
  const ingestion = await OrderIngestion.open({ log, clock, topic: topics.orderRaw.name })
  const { apiHost: host, apiPort: port } = config
  return startOrderApi({ ingestion, clock, host, port, logger, limits: { order: orderLimits(config) } })
}
