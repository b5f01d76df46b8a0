/**
 * The task loop alone: records from memory through map, filter and a keyed count, commits included, nothing written to
 * any log. Prints nanoseconds per record, by number of keys, with all state in the cache and with little of it there.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryMetrics } from '../streams/adapters/memory/memory-metrics.ts'
import { RocksStoreProvider } from '../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../streams/adapters/system/system-clock.ts'
import {
  defineTopology,
  type RecordBatch,
  RecordBatchBuilder,
  type RuntimeSettings,
  serdes,
  silentLogger,
  topic,
} from '../streams/index.ts'
import { openTask } from '../streams/runtime/open-task.ts'
import { resolveSettings } from '../streams/runtime/settings.ts'
import type { Task } from '../streams/runtime/task.ts'
import { prepareTopology } from '../streams/runtime/topology-runner.ts'
import { MemoryRegistry } from '../streams/testing/index.ts'
import { type AllocationSite, allocationsOf } from './allocations.ts'
import { EndlessLog } from './endless-log.ts'

const views = topic('views', { key: serdes.string, value: serdes.long })

/** map → filter → keyed count; what passes the filter is nine records in ten. */
const countViews = defineTopology('bench', (builder) => {
  builder
    .stream(views)
    .mapValues((durationMs) => durationMs * 2)
    .filter((durationMs) => durationMs % 10 !== 0)
    .groupByKey()
    .count({ store: 'views-per-page' })
})

const batchRecords = 1000

/** Batches that go through all keys in scattered order. */
function batchesOf(keys: number): RecordBatch[] {
  const count = Math.max(20, Math.ceil(keys / batchRecords))
  return Array.from({ length: count }, (_, batch) => {
    const builder = new RecordBatchBuilder('views', 0)
    for (let i = 0; i < batchRecords; i++) {
      const n = ((batch * batchRecords + i) * 7919) % keys
      builder.append(Buffer.from(`page-${n}`), longBytes(1 + (i % 100)), 1_700_000_000_000 + batch)
    }
    return builder.build()
  })
}

function longBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

/** Where the loop allocates, while all keys are in the cache. */
export async function taskLoopAllocations(keys: number, records: number): Promise<AllocationSite[]> {
  return withTask(keys, 2048, async (task) => {
    await run(task, keys * 2)
    return allocationsOf(records, () => run(task, records))
  })
}

export interface TaskLoopResult {
  readonly keys: number
  readonly cacheMiB: number
  readonly loopNanosecondsPerRecord: number
  /** Encoding and writing changed keys, spread over the records. */
  readonly commitNanosecondsPerRecord: number
  readonly heapMiB: number
}

export async function measureTaskLoop(
  keys: number,
  cacheMiB: number,
  records: number,
): Promise<TaskLoopResult> {
  return withTask(keys, cacheMiB, async (task) => {
    await run(task, Math.max(keys * 1.1, records / 4))
    const { wallMs, commitMs } = await run(task, records)
    return {
      keys,
      cacheMiB,
      loopNanosecondsPerRecord: Math.round(((wallMs - commitMs) * 1e6) / records),
      commitNanosecondsPerRecord: Math.round((commitMs * 1e6) / records),
      heapMiB: Math.round(process.memoryUsage().heapUsed / 1024 / 1024),
    }
  })
}

async function withTask<T>(keys: number, cacheMiB: number, use: (task: Task) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-task-loop-'))
  const settings: Partial<RuntimeSettings> = {
    cacheMaxBytesPerTask: cacheMiB * 1024 * 1024,
    defaultPartitions: 1,
    sliceMaxMs: 1000,
    commitIntervalMs: 1000,
  }
  const ports = {
    log: new EndlessLog('views', batchesOf(keys)),
    stores: new RocksStoreProvider({ directory }),
    registry: new MemoryRegistry(),
    clock: systemClock,
    logger: silentLogger,
    metrics: new MemoryMetrics(),
  }
  try {
    const { environment } = await prepareTopology(countViews, ports, resolveSettings(settings), 'bench', {})
    const task = await openTask(environment, countViews.subTopologies[0]!, 0, { onReady: () => {} })
    const result = await use(task)
    await task.close()
    return result
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function run(task: Task, records: number): Promise<{ wallMs: number; commitMs: number }> {
  const startedMs = performance.now()
  let commitMs = 0
  for (let done = 0; done < records; done += batchRecords) {
    await task.advance()
    if (task.decideCommit(false).kind === 'commit') {
      const beforeMs = performance.now()
      await task.commit()
      commitMs += performance.now() - beforeMs
    }
  }
  return { wallMs: performance.now() - startedMs, commitMs }
}
