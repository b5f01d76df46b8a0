/**
 * The instance that is killed and started again: it keeps the last value of each key and passes it on, exactly-once. On
 * standard output it marks how long the process has run when it comes to something.
 */
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { MemoryMetrics } from '../../streams/adapters/memory/memory-metrics.ts'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { pinoLogger } from '../../streams/embedded/index.ts'
import { defineTopology, nullable, StreamsApp, serdes, topic } from '../../streams/index.ts'
import { MemoryRegistry } from '../../streams/testing/index.ts'
import { instanceEnvironment } from './environment.ts'

const lookAgainMs = 5

async function main(): Promise<void> {
  mark('modules loaded')
  const environment = instanceEnvironment(process.env)
  const clock = systemClock
  const logger = pinoLogger({ level: 'warn', format: 'text' })
  const log = await openKafkaLog({
    brokers: [environment.BOOTSTRAP],
    clock,
    logger,
    sessionTimeoutMs: Number(environment.SESSION_TIMEOUT_MS),
  })
  mark('connected')
  const input = topic(environment.INPUT_TOPIC, { key: serdes.string, value: serdes.string })
  const output = topic(environment.OUTPUT_TOPIC, { key: serdes.string, value: nullable(serdes.string) })
  const topology = defineTopology(environment.GROUP_ID, (builder) => {
    builder
      .stream(input)
      .groupByKey()
      .reduce((_last, value) => value, { store: 'last-values' })
      .toStream()
      .to(output)
  })
  let committed = false
  const app = new StreamsApp({
    topologies: [topology],
    log,
    stores: new RocksStoreProvider({ directory: environment.STATE_DIR }),
    registry: new MemoryRegistry(),
    clock,
    logger,
    metrics: new MemoryMetrics(),
    ...(environment.INSTANCE_ID === '' ? {} : { instanceId: environment.INSTANCE_ID }),
    observer: {
      onCommitted: () => {
        if (!committed) mark('first commit')
        committed = true
      },
    },
  })
  await app.start()
  mark('in the group')
  const watch = setInterval(() => {
    const tasks = app.status().flatMap((status) => [...status.tasks.values()])
    if (tasks.length === 0 || tasks.some(({ kind }) => kind !== 'running')) return
    mark('running')
    clearInterval(watch)
  }, lookAgainMs)
  await app.failed
}

function mark(what: string): void {
  process.stdout.write(`mark ${what.replaceAll(' ', '-')} ${Math.round(performance.now())}\n`)
}

await main()
