/** Global tables: every instance reads all partitions, whole before its first task starts, and goes on following them. */
import { messageOf } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, LogReader, PartitionOffset } from '../ports/log.ts'
import type { Logger } from '../ports/observability.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { keyAt, type RecordBatch, valueAt } from '../records/record-batch.ts'
import { type Codec, SchemaNotLoaded } from '../serde/serde.ts'
import type { StoreSpec, Timestamped } from '../topology/store-spec.ts'
import type { GlobalTableSpec } from '../topology/topology.ts'
import type { OpenCodecs } from './codecs.ts'
import { followToEnd } from './follow-to-end.ts'

/** One table, decoded, by the latin1 text of its encoded keys. */
class GlobalRows {
  readonly topic: string
  private readonly rows = new Map<string, Timestamped<unknown>>()
  private readonly keyCodec: Codec<unknown>
  private readonly valueCodec: Codec<unknown>
  private readonly keyWriter = new ByteWriter(64)

  constructor(spec: GlobalTableSpec, codecs: OpenCodecs) {
    this.topic = spec.topic.name
    const { key, value } = codecs.of(spec.topic)
    this.keyCodec = key
    this.valueCodec = value
  }

  get(key: unknown): Timestamped<unknown> | undefined {
    this.keyWriter.clear()
    this.keyCodec.encode(key, this.keyWriter)
    return this.rows.get(this.keyWriter.buffer.toString('latin1', 0, this.keyWriter.position))
  }

  apply(batch: RecordBatch, index: number): void {
    const key = keyAt(batch, index)
    if (key === null) return
    const id = key.toString('latin1')
    const value = valueAt(batch, index)
    if (value === null) this.rows.delete(id)
    else {
      const decoded = this.valueCodec.decode(value, 0, value.length)
      this.rows.set(id, { value: decoded, timestampMs: batch.timestampsMs[index]! })
    }
  }

  async loadSchema(id: number): Promise<void> {
    await this.valueCodec.loadSchema?.(id)
  }
}

export class GlobalTables {
  private readonly tables = new Map<string, GlobalRows>()
  private readonly byTopic = new Map<string, GlobalRows>()
  private readonly ports: { readonly log: Log; readonly clock: Clock; readonly logger: Logger }
  private reader: LogReader | undefined
  private positions: PartitionOffset[] = []
  private working: Promise<void> = Promise.resolve()

  constructor(
    ports: { readonly log: Log; readonly clock: Clock; readonly logger: Logger },
    specs: readonly GlobalTableSpec[],
    codecs: OpenCodecs,
  ) {
    this.ports = ports
    for (const spec of specs) {
      const rows = new GlobalRows(spec, codecs)
      this.tables.set(spec.store.name, rows)
      this.byTopic.set(rows.topic, rows)
    }
  }

  /** Reads the tables to their ends, then follows them. */
  async start(partitionCounts: ReadonlyMap<string, number>): Promise<void> {
    if (this.tables.size === 0) return
    const partitions = [...this.byTopic.keys()].flatMap((topic) =>
      Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
    const ranges = await this.ports.log.offsetRanges(partitions)
    this.positions = ranges.map(({ topic, partition, start }) => ({ topic, partition, offset: start }))
    await this.catchUp()
    const reader = this.ports.log.openReader({
      onReady: () => this.takeAll(),
      onError: ({ topic }, error) =>
        this.ports.logger.error({ topic, error }, 'a global table cannot be followed on'),
    })
    this.reader = reader
    for (const partition of this.positions) reader.follow(partition, partition.offset)
  }

  /** Applies what was committed before the call. */
  async catchUp(): Promise<void> {
    if (this.tables.size === 0) return
    if (this.reader === undefined) {
      const batches: RecordBatch[] = []
      this.positions = await followToEnd(this.ports, this.positions, (batch) => batches.push(batch))
      for (const batch of batches) await this.apply(batch)
      return
    }
    const ranges = await this.ports.log.offsetRanges(this.positions)
    this.takeAll()
    await this.working
    const behind = ranges.filter((range) => (this.reader?.position(range) ?? range.end) < range.end)
    if (behind.length > 0) await this.ports.clock.yieldTurn().then(() => this.catchUp())
  }

  rows<K, V>(spec: StoreSpec<K, V>): (key: K) => Timestamped<V> | undefined {
    const table = this.tables.get(spec.name)
    // The table was declared with this very spec, so its rows have the spec's type.
    return (key) => table?.get(key) as Timestamped<V> | undefined
  }

  async close(): Promise<void> {
    await this.reader?.close()
    await this.working
  }

  private takeAll(): void {
    const { reader } = this
    if (reader === undefined) return
    for (const partition of this.positions) {
      for (let batch = reader.take(partition); batch !== null; batch = reader.take(partition)) {
        const taken = batch
        this.working = this.working.then(() => this.apply(taken))
      }
    }
  }

  private async apply(batch: RecordBatch): Promise<void> {
    const rows = this.byTopic.get(batch.topic)
    if (rows === undefined) return
    for (let index = 0; index < batch.length; index++) {
      try {
        await applyLoading(rows, batch, index)
      } catch (error) {
        const place = { topic: batch.topic, partition: batch.partition, offset: batch.offsets[index] }
        this.ports.logger.warn(
          { ...place, reason: messageOf(error) },
          'a row of a global table cannot be decoded',
        )
      }
    }
  }
}

async function applyLoading(rows: GlobalRows, batch: RecordBatch, index: number): Promise<void> {
  try {
    rows.apply(batch, index)
  } catch (error) {
    if (!(error instanceof SchemaNotLoaded)) throw error
    await rows.loadSchema(error.schemaId)
    rows.apply(batch, index)
  }
}
