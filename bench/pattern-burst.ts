/**
 * A pattern in a task: six orders of a user within a minute, one alert a burst, over 100,000 users. Records from memory, decoding
 * and commits included, nothing written to any log.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryMetrics } from '../streams/adapters/memory/memory-metrics.ts'
import { RocksStoreProvider } from '../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../streams/adapters/system/system-clock.ts'
import {
  avro,
  ByteWriter,
  defineTopology,
  minutes,
  Pattern,
  type RecordBatch,
  RecordBatchBuilder,
  type SchemaRegistry,
  serdes,
  silentLogger,
  topic,
} from '../streams/index.ts'
import { openTask } from '../streams/runtime/open-task.ts'
import { resolveSettings } from '../streams/runtime/settings.ts'
import type { Task } from '../streams/runtime/task.ts'
import { prepareTopology } from '../streams/runtime/topology-runner.ts'
import { MemoryRegistry } from '../streams/testing/index.ts'
import { EndlessLog } from './endless-log.ts'
import { anomalySchema, type Order, orderSchema } from './peer/schemas/generated/records.ts'

const orders = topic('orders', { key: serdes.string, value: avro(orderSchema) })
const alerts = topic('alerts', { key: serdes.string, value: avro(anomalySchema) })

const burst = Pattern.of<Order>().begin('orders').times(6).within(minutes(1)).afterMatch('skipPastLastEvent')

const findBursts = defineTopology('bench', (builder) => {
  builder
    .stream(orders)
    .groupByKey()
    .match(burst, {
      store: 'bursts',
      select: ({ orders }) => {
        const { orderId, userId, eventTime } = orders.at(-1) ?? orders[0]
        return { kind: 'BURST' as const, orderId, userId, eventTime }
      },
    })
    .main.to(alerts)
})

const batchRecords = 1000
const users = 100_000

/**
 * One order a millisecond. `bursts`: 5,000 users at a time place six orders each, five seconds apart, then the next 5,000 do.
 * `scattered`: the users of all orders are drawn alike, so that nearly nobody has two within a minute, and every order times out.
 */
export type BurstLoad = 'bursts' | 'scattered'

const cycleRecords = 600_000

function userOf(load: BurstLoad, n: number): number {
  if (load === 'scattered') return (n * 7919) % users
  const atOnce = 5000
  return Math.floor(n / (6 * atOnce)) * atOnce + (n % atOnce)
}

async function batchesOf(load: BurstLoad, registry: SchemaRegistry): Promise<RecordBatch[]> {
  const codec = await orders.value.open({ registry, subject: 'orders-value' })
  const writer = new ByteWriter()
  const startMs = 1_700_000_000_000
  return Array.from({ length: cycleRecords / batchRecords }, (_, batch) => {
    const builder = new RecordBatchBuilder(orders.name, 0)
    for (let i = 0; i < batchRecords; i++) {
      const n = batch * batchRecords + i
      const userId = `user-${userOf(load, n)}`
      writer.clear()
      codec.encode(orderOf(n, userId, startMs + n), writer)
      builder.append(Buffer.from(userId), writer.copy(0, writer.position), startMs + n)
    }
    return builder.build()
  })
}

function orderOf(n: number, userId: string, eventTime: number): Order {
  const lines = Array.from({ length: 1 + (n % 5) }, (_, line) => ({
    productId: `product-${(n * 31 + line) % 1000}`,
    quantity: 1 + (line % 3),
    priceCents: 999,
  }))
  return {
    orderId: `order-${n}`,
    userId,
    amountCents: 999 * lines.length,
    status: 'CREATED',
    eventTime,
    lines,
  }
}

export interface BurstResult {
  readonly load: BurstLoad
  readonly records: number
  readonly loopNanosecondsPerRecord: number
  readonly commitNanosecondsPerRecord: number
  readonly cpuNanosecondsPerRecord: number
  readonly alerts: number
  readonly heapMiB: number
}

export async function measureBursts(load: BurstLoad, records: number): Promise<BurstResult> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-bursts-'))
  const registry = new MemoryRegistry()
  const log = new EndlessLog(orders.name, await batchesOf(load, registry), cycleRecords)
  const metrics = new MemoryMetrics()
  const ports = {
    log,
    stores: new RocksStoreProvider({ directory }),
    registry,
    clock: systemClock,
    logger: silentLogger,
    metrics,
  }
  const settings = resolveSettings({
    defaultPartitions: 1,
    commitIntervalMs: 1000,
    sliceMaxMs: 1000,
    cacheMaxBytesPerTask: 1024 * 1024 * 1024,
  })
  try {
    const { environment } = await prepareTopology(findBursts, ports, settings, 'bench', {})
    const task = await openTask(environment, findBursts.subTopologies[0]!, 0, { onReady: () => {} })
    await run(task, log, cycleRecords / 2)
    const writtenBefore = log.written(alerts.name)
    const cpuBefore = process.cpuUsage()
    const { wallMs, commitMs } = await run(task, log, records)
    const { user, system } = process.cpuUsage(cpuBefore)
    const result = {
      load,
      records,
      loopNanosecondsPerRecord: Math.round(((wallMs - commitMs) * 1e6) / records),
      commitNanosecondsPerRecord: Math.round((commitMs * 1e6) / records),
      cpuNanosecondsPerRecord: Math.round(((user + system) * 1000) / records),
      alerts: log.written(alerts.name) - writtenBefore,
      heapMiB: Math.round(process.memoryUsage().heapUsed / 1024 / 1024),
    }
    await task.close()
    return result
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function run(
  task: Task,
  log: EndlessLog,
  records: number,
): Promise<{ wallMs: number; commitMs: number }> {
  const startedMs = performance.now()
  let commitMs = 0
  for (const end = log.taken + records; log.taken < end; ) {
    await task.advance()
    if (task.decideCommit(false).kind === 'commit') {
      const beforeMs = performance.now()
      await task.commit()
      commitMs += performance.now() - beforeMs
    }
  }
  const beforeMs = performance.now()
  if (task.decideCommit(true).kind === 'commit') await task.commit()
  const endMs = performance.now()
  return { wallMs: endMs - startedMs, commitMs: commitMs + endMs - beforeMs }
}
