/**
 * The engine as a peer of the peer benchmark: an application as a user would write it, over Kafka, RocksDB and schemas
 * with the ids that the benchmark's input has. It runs until it is told to end by SIGTERM.
 */
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { MemoryMetrics } from '../../streams/adapters/memory/memory-metrics.ts'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { pinoLogger } from '../../streams/embedded/index.ts'
import { avro, defineTopology, StreamsApp, serdes, type Topology, topic } from '../../streams/index.ts'
import { MemoryRegistry } from '../../streams/testing/index.ts'
import { type PeerEnvironment, readEnvironment, UsageError } from './environment.ts'
import { jobs } from './jobs/index.ts'
import { orderSchema } from './schemas/generated/records.ts'

async function main(): Promise<void> {
  const environment = readEnvironment(process.env)
  const topology = topologyOf(environment)
  const clock = systemClock
  const logger = pinoLogger({ level: 'warn', format: 'text' })
  const log = await openKafkaLog({ brokers: [environment.bootstrap], clock, logger })
  const app = new StreamsApp({
    topologies: [topology],
    log,
    stores: new RocksStoreProvider({ directory: environment.stateDirectory }),
    registry: await inputRegistry(environment.inputTopic),
    clock,
    logger,
    metrics: new MemoryMetrics(),
    settings: {
      processingGuarantee: environment.guarantee,
      commitIntervalMs: environment.commitIntervalMs,
    },
  })
  const told = new Promise<void>((resolve) => process.once('SIGTERM', resolve))
  try {
    await app.start()
    // The input is all there: what was read to its end need not wait for the commit interval.
    app.drained().catch(() => {})
    await Promise.race([told, app.failed])
  } finally {
    await app.stop()
    await log.close()
  }
}

/** @throws UsageError for a job that there is not */
function topologyOf({ job, inputTopic, outputTopic, groupId }: PeerEnvironment): Topology {
  const build = jobs.get(job)
  if (build === undefined)
    throw new UsageError(`JOB is "${job}"; this peer has ${[...jobs.keys()].join(', ')}`)
  return defineTopology(groupId, (builder) => {
    const orders = topic(inputTopic, { key: serdes.string, value: avro(orderSchema) })
    let isFirst = true
    const reported = builder.stream(orders).peek(() => {
      if (!isFirst) return
      isFirst = false
      process.stdout.write('first-record\n')
    })
    build(reported, outputTopic)
  })
}

/** The benchmark has no registry: its orders carry schema id 1, which is the first that is registered. */
async function inputRegistry(inputTopic: string): Promise<MemoryRegistry> {
  const registry = new MemoryRegistry()
  await registry.register(`${inputTopic}-value`, JSON.stringify(orderSchema))
  return registry
}

main().catch((error: unknown) => {
  const isUsage = error instanceof UsageError
  process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : error}\n`)
  process.exit(isUsage ? 2 : 1)
})
