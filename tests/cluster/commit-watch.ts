/**
 * Watches commits come in while the cluster works: records of order-processed, read committed, and rows of order_event, by
 * partition; the events that the rows of order_status_statistics count; and who commits the tasks that have checkpoints.
 */
import { topics } from '../../schemas/topics.ts'
import type { Database } from '../../sql/database.ts'
import {
  checkpointTopic,
  keyAt,
  type Log,
  type LogReader,
  type SchemaRegistry,
  type TopicPartition,
  valueAt,
} from '../../streams/index.ts'

const topologies = ['ingest', 'cleanse', 'statistics']

/** The longest time between two commits of a partition, and between any two. */
export interface Pause {
  readonly worstPartitionMs: number
  readonly anyMs: number
}

/** When each partition got something, and how much in all. */
class Arrivals {
  readonly counts: number[]
  private readonly times: number[][]

  constructor(partitions: number) {
    this.counts = Array.from({ length: partitions }, () => 0)
    this.times = this.counts.map(() => [])
  }

  add(partition: number, count: number): void {
    if (count === 0) return
    this.counts[partition]! += count
    this.times[partition]!.push(performance.now())
  }

  /** Of the time since `startMs`; a pause may have begun before. */
  pauseSince(startMs: number): Pause {
    const byPartition = this.times.map((times) => longestGap(times, startMs))
    const all = this.times.flat().sort((a, b) => a - b)
    return { worstPartitionMs: Math.max(...byPartition), anyMs: longestGap(all, startMs) }
  }
}

function longestGap(ascending: readonly number[], startMs: number): number {
  let longest = 0
  let last = startMs
  for (const time of [...ascending, performance.now()]) {
    if (time > startMs) longest = Math.max(longest, time - last)
    last = time
  }
  return longest
}

export interface WatchOptions {
  readonly log: Log
  readonly registry: SchemaRegistry
  readonly database: Database
  readonly partitions: number
}

const rowsPollMs = 50

export class CommitWatch {
  readonly records: Arrivals
  readonly rows: Arrivals
  /** Of one partition. */
  readonly counted = new Arrivals(1)
  /** Instance by task, from the newest checkpoints. */
  readonly owners = new Map<string, string>()
  private readonly options: WatchOptions
  private readonly reader: LogReader
  private readonly polling: Promise<void>
  private failure: unknown
  private closing = false

  static async open(options: WatchOptions): Promise<CommitWatch> {
    const checkpoints = await checkpointTopic('cleanse').value.open({
      registry: options.registry,
      subject: `${checkpointTopic('cleanse').name}-value`,
    })
    return new CommitWatch(options, (bytes) => checkpoints.decode(bytes, 0, bytes.length).instance)
  }

  private constructor(options: WatchOptions, instanceOf: (checkpoint: Buffer) => string) {
    const { log, partitions } = options
    this.options = options
    this.records = new Arrivals(partitions)
    this.rows = new Arrivals(partitions)
    const processed = Array.from({ length: partitions }, (_, partition) => ({
      topic: topics.orderProcessed.name,
      partition,
    }))
    const checkpoints = topologies.map((name) => ({
      topic: checkpointTopic(name).name,
      partition: 0,
    }))
    this.reader = log.openReader({
      onReady: () => {
        for (const partition of processed) this.takeRecords(partition)
        for (const partition of checkpoints) this.takeCheckpoints(partition, instanceOf)
      },
      onError: (_partition, error) => {
        this.failure = error
      },
    })
    for (const partition of [...processed, ...checkpoints]) this.reader.follow(partition, 0)
    this.polling = this.pollRows()
  }

  /** @throws when watching failed */
  check(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** The instances whose tasks commit, by the newest checkpoint of each task. */
  ownersNow(): string[] {
    this.check()
    return [...new Set(this.owners.values())].sort()
  }

  async close(): Promise<void> {
    this.closing = true
    await this.reader.close()
    await this.polling
  }

  private takeRecords(partition: TopicPartition): void {
    for (let batch = this.reader.take(partition); batch !== null; batch = this.reader.take(partition))
      this.records.add(partition.partition, batch.length)
  }

  private takeCheckpoints(partition: TopicPartition, instanceOf: (checkpoint: Buffer) => string): void {
    for (let batch = this.reader.take(partition); batch !== null; batch = this.reader.take(partition)) {
      for (let index = 0; index < batch.length; index++) {
        const task = `${partition.topic} ${keyAt(batch, index)}`
        this.owners.set(task, instanceOf(valueAt(batch, index)!))
      }
    }
  }

  private async pollRows(): Promise<void> {
    while (!this.closing) {
      const next = new Promise((resolve) => setTimeout(resolve, rowsPollMs))
      await this.addRows()
      await next
    }
  }

  private async addRows(): Promise<void> {
    const { database } = this.options
    try {
      const rows = await database.query(
        'SELECT `partition`, count(*) AS events FROM order_event GROUP BY `partition`',
      )
      for (const row of rows) {
        const partition = Number(row['partition'])
        this.rows.add(partition, Number(row['events']) - this.rows.counts[partition]!)
      }
      const [sum] = await database.query('SELECT sum(order_count) AS events FROM order_status_statistics')
      this.counted.add(0, Number(sum?.['events'] ?? 0) - this.counted.counts[0]!)
    } catch {
      // The database is one of the things that are killed.
    }
  }
}
