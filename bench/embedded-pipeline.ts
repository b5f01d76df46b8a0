/**
 * A whole pipeline in one process: records from the embedded log through a filter and a count, exactly-once, back into
 * the log, everything on disk. Counted by the records' own key, and by a new key through a repartition topic.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbedded } from '../streams/embedded/index.ts'
import {
  defineTopology,
  type Log,
  nullable,
  partitionForKey,
  RecordBatchBuilder,
  StreamsApp,
  serdes,
  topic,
} from '../streams/index.ts'

const views = topic('views', { key: serdes.string, value: serdes.long })
const counts = topic('counts', { key: serdes.string, value: nullable(serdes.long) })

const partitions = 4

export type Pipeline = 'by key' | 'by a new key'

export interface PipelineResult {
  readonly pipeline: Pipeline
  readonly records: number
  readonly commitIntervalMs: number
  readonly recordsPerSecond: number
  readonly cpuMicrosecondsPerRecord: number
}

export async function measurePipeline(
  pipeline: Pipeline,
  records: number,
  commitIntervalMs: number,
): Promise<PipelineResult> {
  const directory = mkdtempSync(join(tmpdir(), 'bench-pipeline-'))
  const ports = await openEmbedded(directory)
  try {
    await fill(ports.log, records, 100_000)
    const app = new StreamsApp({
      topologies: [countViews(pipeline)],
      ...ports,
      settings: { commitIntervalMs },
    })
    const startedMs = performance.now()
    const cpuBefore = process.cpuUsage()
    await app.start()
    await app.drained()
    const seconds = (performance.now() - startedMs) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    await app.stop()
    return {
      pipeline,
      records,
      commitIntervalMs,
      recordsPerSecond: Math.round(records / seconds),
      cpuMicrosecondsPerRecord: Math.round(((user + system) / records) * 100) / 100,
    }
  } finally {
    await ports.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What passes the filter is nine records in ten. */
function countViews(pipeline: Pipeline) {
  return defineTopology('bench', (builder) => {
    const seen = builder.stream(views).filter((durationMs) => durationMs % 10 !== 0)
    const grouped =
      pipeline === 'by key'
        ? seen.groupByKey()
        : seen.groupBy((durationMs) => `bucket-${durationMs % 1000}`, serdes.string)
    grouped.count({ store: 'views-per-key' }).toStream().to(counts)
  })
}

async function fill(log: Log, records: number, keys: number): Promise<void> {
  await log.createTopics([{ name: views.name, partitions, cleanup: 'delete', timestampType: 'create' }])
  const value = Buffer.alloc(8)
  for (let done = 0; done < records; done += 4000) {
    const batches = Array.from(
      { length: partitions },
      (_, partition) => new RecordBatchBuilder(views.name, partition),
    )
    for (let n = done; n < Math.min(done + 4000, records); n++) {
      const key = Buffer.from(`page-${(n * 7919) % keys}`)
      value.writeInt32BE(n, 4)
      batches[partitionForKey(key, 0, key.length, partitions)]?.append(key, value, 1_700_000_000_000 + n)
    }
    await log.append(batches.filter(({ length }) => length > 0).map((batch) => batch.build()))
  }
}
