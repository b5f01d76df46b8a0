/** The jobs of the peer benchmark that this peer can run, by their names there. */
import type { KStream } from '../../../streams/index.ts'
import type { Order } from '../schemas/generated/records.ts'
import { burst } from './burst.ts'
import { minuteStats } from './minute-stats.ts'
import { productStats } from './product-stats.ts'
import { validate } from './validate.ts'

/** Builds the job's part of the topology, from the orders on. */
export type Job = (orders: KStream<string, Order>, outputTopic: string) => void

export const jobs: ReadonlyMap<string, Job> = new Map([
  ['validate', validate],
  ['minute-stats', minuteStats],
  ['product-stats', productStats],
  ['burst', burst],
])
