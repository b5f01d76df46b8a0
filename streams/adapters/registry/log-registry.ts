/**
 * A schema registry kept in a compacted topic of the log, so that single-node mode needs no other process.
 *
 * 1. An entry is one record, keyed by subject and version, and never changes.
 * 2. Whoever adds an entry first fences every other writer and then reads the topic to its end: what it decides on is
 *    the whole registry, and stays so until its transaction is committed. So ids are unique over all instances.
 * 3. What cannot be answered from the entries read so far is answered after reading on to the end.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log, LogReader, TransactionalProducer } from '../../ports/log.ts'
import type { RegisteredSchema, SchemaRegistry } from '../../ports/registry.ts'
import { type RecordBatch, RecordBatchBuilder, valueAt } from '../../records/record-batch.ts'
import { RegistryCore, type RegistryEntry, unknownSchema } from './registry-core.ts'

export interface LogRegistryOptions {
  readonly log: Log
  readonly clock: Clock
  /** Created when missing. `_schemas` by default. */
  readonly topic?: string
}

/** How often a registration that lost against another writer starts over. */
const maxAttempts = 20
const transactionTimeoutMs = 30_000

/** The registry closes with the log. @throws TOPIC_MISMATCH, REGISTRY_UNAVAILABLE */
export async function openLogRegistry(options: LogRegistryOptions): Promise<SchemaRegistry> {
  const { log, clock, topic = '_schemas' } = options
  await log.createTopics([{ name: topic, partitions: 1, cleanup: 'compact', timestampType: 'create' }])
  const registry = new LogRegistry(log, clock, topic)
  await registry.subjects()
  return registry
}

class LogRegistry implements SchemaRegistry {
  private readonly log: Log
  private readonly clock: Clock
  private readonly partition: { readonly topic: string; readonly partition: number }
  private readonly core = new RegistryCore()
  private position = 0
  /** The newest work on the topic: what is next waits for it. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(log: Log, clock: Clock, topic: string) {
    this.log = log
    this.clock = clock
    this.partition = { topic, partition: 0 }
  }

  async register(subject: string, schema: string): Promise<number> {
    return this.inTurn(async () => {
      await this.readOn()
      const { entry, isNew } = this.core.plan(subject, schema)
      return isNew ? this.add(subject, schema) : entry.id
    })
  }

  async schemaById(id: number): Promise<string> {
    const schema = this.core.schemaById(id) ?? (await this.upToDate(() => this.core.schemaById(id)))
    if (schema === undefined) throw unknownSchema(id)
    return schema
  }

  async latest(subject: string): Promise<RegisteredSchema | null> {
    return this.upToDate(() => this.core.latest(subject))
  }

  async versions(subject: string): Promise<RegisteredSchema[]> {
    return this.upToDate(() => this.core.versions(subject))
  }

  async subjects(): Promise<string[]> {
    return this.upToDate(() => this.core.subjectNames())
  }

  private upToDate<T>(answer: () => T): Promise<T> {
    return this.inTurn(async () => {
      await this.readOn()
      return answer()
    })
  }

  private async add(subject: string, schema: string): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.tryAdd(subject, schema)
      } catch (error) {
        if (attempt === maxAttempts || !lostAgainstAnother(error)) throw error
      }
      await this.clock.yieldTurn()
    }
  }

  private async tryAdd(subject: string, schema: string): Promise<number> {
    const transactionalId = `${this.partition.topic}-registry`
    const producer = await this.log.openTransactionalProducer({
      transactionalId,
      timeoutMs: transactionTimeoutMs,
    })
    try {
      await this.readOn()
      const { entry, isNew } = this.core.plan(subject, schema)
      if (isNew) await this.write(producer, entry)
      return entry.id
    } finally {
      await producer.close()
    }
  }

  private async write(producer: TransactionalProducer, entry: RegistryEntry): Promise<void> {
    const batch = new RecordBatchBuilder(this.partition.topic, this.partition.partition)
    const key = { subject: entry.subject, version: entry.version }
    batch.append(Buffer.from(JSON.stringify(key)), Buffer.from(JSON.stringify(entry)), this.clock.now())
    await producer.send([batch.build()])
    await producer.commit()
    await this.readOn()
  }

  /** Reads all entries that there are now. */
  private async readOn(): Promise<void> {
    const [range] = await this.log.offsetRanges([this.partition])
    if (range === undefined || this.position >= range.end) return
    const start = Math.max(this.position, range.start)
    await this.readTo(range.end, start)
  }

  private async readTo(end: number, start: number): Promise<void> {
    let wake = (): void => {}
    let failure: StreamsError | undefined
    const reader: LogReader = this.log.openReader({
      onReady: () => wake(),
      onError: (_partition, error) => {
        failure = error
        wake()
      },
    })
    try {
      reader.follow(this.partition, start)
      while (reader.position(this.partition) < end) {
        const ready = new Promise<void>((resolve) => {
          wake = resolve
        })
        const batch = reader.take(this.partition)
        if (batch === null) await ready
        else this.addAll(batch)
        if (failure !== undefined) throw failure
        this.position = reader.position(this.partition)
      }
    } finally {
      await reader.close()
    }
  }

  private addAll(batch: RecordBatch): void {
    for (let i = 0; i < batch.length; i++) {
      const value = valueAt(batch, i)
      if (value !== null) this.core.add(this.entryOf(value, batch.offsets[i]!))
    }
  }

  private entryOf(value: Buffer, offset: number): RegistryEntry {
    try {
      // Nothing but this class writes to the topic.
      return JSON.parse(value.toString()) as RegistryEntry
    } catch (cause) {
      const message = `${this.partition.topic} holds no schema at offset ${offset}; nothing else may write to it`
      throw new StreamsError('REGISTRY_UNAVAILABLE', message, { cause, details: { offset } })
    }
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work).catch((error: unknown) => {
      throw this.asUnavailable(error)
    })
    this.last = result.catch(() => {})
    return result
  }

  private asUnavailable(error: unknown): unknown {
    if (!(error instanceof StreamsError) || error.code !== 'LOG_UNAVAILABLE') return error
    const message = `the schemas in ${this.partition.topic} cannot be reached: ${messageOf(error)}`
    return new StreamsError('REGISTRY_UNAVAILABLE', message, { cause: error })
  }
}

/** Also when the outcome is unknown: the next attempt finds the entry, or adds it. */
function lostAgainstAnother(error: unknown): boolean {
  if (!(error instanceof StreamsError)) return false
  return ['PRODUCER_FENCED', 'TRANSACTION_ABORTED', 'TRANSACTION_OUTCOME_UNKNOWN'].includes(error.code)
}
