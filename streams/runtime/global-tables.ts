/**
 * Global tables: every instance reads all partitions, whole before its first task starts, and goes on following them.
 *
 * Invariants:
 * 1. What cannot be read on ends the topology: no table goes stale in silence.
 * 2. A row that cannot be decoded is logged, counted and left out, or ends the topology, by policy. There is no dead letter:
 *    every instance reads it, at every start.
 * 3. Beside the rows only what the reader has fetched is in memory.
 */
import { messageOf, recoveryOf, StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, LogReader, PartitionOffset } from '../ports/log.ts'
import type { Logger, Metrics } from '../ports/observability.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { keyAt, type RecordBatch, valueAt } from '../records/record-batch.ts'
import { type Codec, SchemaNotLoaded } from '../serde/serde.ts'
import type { StoreSpec, Timestamped } from '../topology/store-spec.ts'
import type { GlobalTableSpec } from '../topology/topology.ts'
import type { OpenCodecs } from './codecs.ts'
import { followToEnd } from './follow-to-end.ts'
import { recipientOf } from './replay-headers.ts'
import { retryPauseMs } from './retry-pause.ts'
import type { RuntimeSettings } from './settings.ts'
import { Signal } from './signal.ts'

/** A row of a table, for whoever looks in from outside. */
export interface GlobalEntry extends Timestamped<unknown> {
  readonly key: unknown
}

/** One table, decoded, by the latin1 text of its keys as this instance encodes them. */
class GlobalRows {
  readonly name: string
  readonly topic: string
  private readonly rows = new Map<string, Timestamped<unknown>>()
  private readonly keyCodec: Codec<unknown>
  private readonly valueCodec: Codec<unknown>
  private readonly keyWriter = new ByteWriter(64)

  constructor(spec: GlobalTableSpec, codecs: OpenCodecs) {
    this.name = spec.store.name
    this.topic = spec.topic.name
    const { key, value } = codecs.of(spec.topic)
    this.keyCodec = key
    this.valueCodec = value
  }

  get(key: unknown): Timestamped<unknown> | undefined {
    return this.rows.get(this.identity(key))
  }

  entries(): GlobalEntry[] {
    return [...this.rows].map(([id, row]) => {
      const key = Buffer.from(id, 'latin1')
      return { key: this.keyCodec.decode(key, 0, key.length), ...row }
    })
  }

  apply(batch: RecordBatch, index: number): void {
    const key = keyAt(batch, index)
    if (key === null) return
    // The row has come before, and newer ones since: the copy is for the sub-topology that failed on it.
    if (recipientOf(batch.headers?.[index]) !== undefined) return
    // Others may write equal keys in other bytes: with the id of another schema.
    const id = this.identity(this.keyCodec.decode(key, 0, key.length))
    const value = valueAt(batch, index)
    if (value === null) this.rows.delete(id)
    else {
      const decoded = this.valueCodec.decode(value, 0, value.length)
      this.rows.set(id, { value: decoded, timestampMs: batch.timestampsMs[index]! })
    }
  }

  async loadSchema(id: number): Promise<void> {
    await this.keyCodec.loadSchema?.(id)
    await this.valueCodec.loadSchema?.(id)
  }

  private identity(key: unknown): string {
    this.keyWriter.clear()
    this.keyCodec.encode(key, this.keyWriter)
    return this.keyWriter.buffer.toString('latin1', 0, this.keyWriter.position)
  }
}

export interface GlobalTablesPorts {
  readonly log: Log
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

type GlobalTablesSettings = Pick<
  RuntimeSettings,
  'onDecodeError' | 'taskMaxAttempts' | 'taskRetryInitialMs' | 'taskRetryMaxMs'
>

export class GlobalTables {
  private readonly tables = new Map<string, GlobalRows>()
  private readonly byTopic = new Map<string, GlobalRows>()
  private readonly ports: GlobalTablesPorts
  private readonly settings: GlobalTablesSettings
  private readonly closing: Signal
  private closed = false
  private onFailed: (error: unknown) => void = () => {}
  private reader: LogReader | undefined
  private positions: PartitionOffset[] = []
  private hasNews = false
  private working: Promise<void> | undefined

  constructor(
    ports: GlobalTablesPorts,
    specs: readonly GlobalTableSpec[],
    codecs: OpenCodecs,
    settings: GlobalTablesSettings,
  ) {
    this.ports = ports
    this.settings = settings
    this.closing = new Signal(ports.clock)
    for (const spec of specs) {
      const rows = new GlobalRows(spec, codecs)
      this.tables.set(spec.store.name, rows)
      this.byTopic.set(rows.topic, rows)
    }
  }

  /** Reads the tables to their ends, then follows them. @throws whatever the log or the registry throws */
  async start(
    partitionCounts: ReadonlyMap<string, number>,
    isCancelled: () => boolean = () => false,
  ): Promise<void> {
    if (this.tables.size === 0) return
    const { log } = this.ports
    const partitions = [...this.byTopic.keys()].flatMap((topic) =>
      Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
    const ranges = await log.offsetRanges(partitions)
    const from = ranges.map(({ topic, partition, start }) => ({ topic, partition, offset: start }))
    const apply = (batch: RecordBatch) => this.apply(batch, { next: 0 })
    this.positions = await followToEnd(this.ports, from, apply, undefined, isCancelled)
    const reader = log.openReader({
      onReady: () => void this.takeAll(),
      onError: (_partition, error) => this.fail(error),
    })
    this.reader = reader
    for (const partition of this.positions) reader.follow(partition, partition.offset)
  }

  /** Called once when the tables cannot be followed on. */
  whenFailed(onFailed: (error: unknown) => void): void {
    this.onFailed = onFailed
  }

  /** Applies what was committed before the call. */
  async catchUp(): Promise<void> {
    const { reader } = this
    if (reader === undefined) return
    const ranges = await this.ports.log.offsetRanges(this.positions)
    for (;;) {
      await this.takeAll()
      if (this.closed || ranges.every((range) => reader.position(range) >= range.end)) return
      await this.ports.clock.yieldTurn()
    }
  }

  rows<K, V>(spec: StoreSpec<K, V>): (key: K) => Timestamped<V> | undefined {
    const table = this.tables.get(spec.name)
    // The table was declared with this very spec, so its rows have the spec's type.
    return (key) => table?.get(key) as Timestamped<V> | undefined
  }

  /** All rows of a table as they are now, in no order. */
  entries(store: string): GlobalEntry[] {
    return this.tables.get(store)?.entries() ?? []
  }

  async close(): Promise<void> {
    this.closed = true
    this.closing.notify()
    await this.working
    await this.reader?.close()
  }

  private takeAll(): Promise<void> {
    this.hasNews = true
    this.working ??= this.applyNews()
    return this.working
  }

  private async applyNews(): Promise<void> {
    // Not before `working` says so.
    await Promise.resolve()
    try {
      while (this.hasNews && !this.closed) {
        this.hasNews = false
        for (const partition of this.positions) {
          for (let batch = this.take(partition); batch !== null; batch = this.take(partition))
            await this.applyPatiently(batch)
        }
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.working = undefined
    }
  }

  private take(partition: PartitionOffset): RecordBatch | null {
    return this.closed ? null : (this.reader?.take(partition) ?? null)
  }

  /** The registry may be away for a while when a row is in a schema that it has to be asked for. */
  private async applyPatiently(batch: RecordBatch): Promise<void> {
    const { taskMaxAttempts } = this.settings
    const progress = { next: 0 }
    for (let attempt = 1; !this.closed; attempt++) {
      try {
        return await this.apply(batch, progress)
      } catch (error) {
        if (recoveryOf(error) !== 'retry' || attempt > taskMaxAttempts) throw error
        await this.closing.wait(retryPauseMs(this.settings, attempt))
      }
    }
  }

  private async apply(batch: RecordBatch, progress: { next: number }): Promise<void> {
    const rows = this.byTopic.get(batch.topic)
    if (rows === undefined) return
    for (; progress.next < batch.length; progress.next++) {
      try {
        rows.apply(batch, progress.next)
      } catch (error) {
        if (error instanceof SchemaNotLoaded)
          await this.loadAndApply(rows, batch, progress.next, error.schemaId)
        else this.leaveOut(rows, batch, progress.next, error)
      }
    }
  }

  private async loadAndApply(
    rows: GlobalRows,
    batch: RecordBatch,
    index: number,
    schemaId: number,
  ): Promise<void> {
    try {
      await rows.loadSchema(schemaId)
      rows.apply(batch, index)
    } catch (error) {
      if (recoveryOf(error) === 'retry') throw error
      this.leaveOut(rows, batch, index, error)
    }
  }

  private leaveOut(rows: GlobalRows, batch: RecordBatch, index: number, error: unknown): void {
    const place = { topic: batch.topic, partition: batch.partition, offset: batch.offsets[index]! }
    if (this.settings.onDecodeError === 'stop') {
      throw new StreamsError(
        'PROCESSING_STOPPED',
        `a row of global table ${rows.name} cannot be decoded, at ${place.topic}-${place.partition} offset ${place.offset}: ` +
          `${messageOf(error)}; mend it, or set onDecodeError to dead-letter to go on without it`,
        { cause: error, details: place },
      )
    }
    this.ports.logger.warn(
      { ...place, reason: messageOf(error) },
      'a row of a global table cannot be decoded',
    )
    const labels = { operator: rows.name, reason: 'not-decodable' }
    this.ports.metrics
      .counter('streams_records_dropped_total', 'Records left out by an operator.', labels)
      .add(1)
  }

  private fail(error: unknown): void {
    if (this.closed) return
    this.closed = true
    this.closing.notify()
    this.onFailed(error)
  }
}
