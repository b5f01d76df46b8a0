/**
 * Transactions.
 *
 *     ready ─ send ─► open ─ commit ─► committing ─► ready          any ─ a successor opens ─► fenced
 *                      │ └─ abort ─► ready                         any ─ close ─► closed
 *                      └─ timeout ─► timedOut ─ abort ─► ready
 *
 * Invariants:
 * 1. The records of an open transaction are in memory only; commit writes them and the group offsets in one batch.
 *    So a crash is an abort, and there is nothing to recover.
 * 2. Of the producers with one transactional id only the newest may do anything; the commit that its predecessor had
 *    already begun is finished before the newest one is handed out.
 */
import { assertNever, StreamsError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { PartitionOffset, TransactionalProducer } from '../../ports/log.ts'
import type { StoreBatch } from '../../ports/store.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import type { Appender } from './appender.ts'
import type { GroupOffsets } from './group-offsets.ts'
import type { OffsetRange } from './partition.ts'
import type { WriteQueue } from './write-queue.ts'

type ProducerState = 'ready' | 'open' | 'committing' | 'timedOut' | 'fenced' | 'closed'

export interface ProducerContext {
  readonly appender: Appender
  readonly groupOffsets: GroupOffsets
  readonly queue: WriteQueue
  readonly clock: Clock
}

export class Producers {
  private readonly context: ProducerContext
  private readonly newest = new Map<string, EmbeddedProducer>()

  constructor(context: ProducerContext) {
    this.context = context
  }

  async open(options: { transactionalId: string; timeoutMs: number }): Promise<TransactionalProducer> {
    const { transactionalId, timeoutMs } = options
    if (!(timeoutMs > 0)) {
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `transaction timeoutMs of "${transactionalId}" is ${timeoutMs}, it must be above 0`,
      )
    }
    const predecessor = this.newest.get(transactionalId)
    const producer = new EmbeddedProducer(this.context, transactionalId, timeoutMs)
    this.newest.set(transactionalId, producer)
    await predecessor?.fence()
    return producer
  }

  async close(): Promise<void> {
    for (const producer of this.newest.values()) await producer.close()
    this.newest.clear()
  }
}

class EmbeddedProducer implements TransactionalProducer {
  private readonly context: ProducerContext
  private readonly transactionalId: string
  private readonly timeoutMs: number
  private state: ProducerState = 'ready'
  private ranges: OffsetRange[] = []
  private groupOffsets: { readonly groupId: string; readonly offsets: readonly PartitionOffset[] }[] = []
  private timeout: Timer | undefined
  private committing: Promise<void> | undefined

  constructor(context: ProducerContext, transactionalId: string, timeoutMs: number) {
    this.context = context
    this.transactionalId = transactionalId
    this.timeoutMs = timeoutMs
  }

  async send(batches: readonly RecordBatch[]): Promise<number[]> {
    this.checkWritable()
    const offsets = this.context.appender.reserve(batches, this.ranges)
    this.begin()
    return offsets
  }

  async sendOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    this.checkWritable()
    this.context.groupOffsets.check(offsets)
    this.groupOffsets.push({ groupId, offsets: [...offsets] })
    this.begin()
  }

  async commit(): Promise<void> {
    this.checkWritable()
    if (this.state === 'ready') return
    this.state = 'committing'
    this.timeout?.cancel()
    this.committing = this.context.queue.enqueue(
      (batch) => this.writeTo(batch),
      () => this.makeVisible(),
    )
    try {
      await this.committing
    } catch (error) {
      this.drop()
      throw error
    } finally {
      this.committing = undefined
      if (this.state === 'committing') this.state = 'ready'
    }
  }

  async abort(): Promise<void> {
    this.checkOwner()
    this.drop()
    this.state = 'ready'
  }

  async close(): Promise<void> {
    await this.committing?.catch(() => {})
    if (this.state === 'fenced' || this.state === 'closed') return
    this.drop()
    this.state = 'closed'
  }

  /** Takes the transactional id away. */
  async fence(): Promise<void> {
    const { committing } = this
    if (committing === undefined) this.drop()
    this.state = 'fenced'
    await committing?.catch(() => {})
  }

  private begin(): void {
    if (this.state !== 'ready') return
    this.state = 'open'
    const timedOut = (): void => {
      this.drop()
      this.state = 'timedOut'
    }
    this.timeout = this.context.clock.setTimer(this.timeoutMs, timedOut, { background: true })
  }

  private writeTo(batch: StoreBatch): void {
    for (const range of this.ranges) range.partition.writeRows(range, batch)
    for (const { groupId, offsets } of this.groupOffsets)
      this.context.groupOffsets.write(groupId, offsets, batch)
  }

  private makeVisible(): void {
    for (const range of this.ranges) range.partition.commit(range)
    this.ranges = []
    this.groupOffsets = []
  }

  private drop(): void {
    this.timeout?.cancel()
    for (const range of this.ranges.reverse()) range.partition.release(range)
    this.ranges = []
    this.groupOffsets = []
  }

  private checkWritable(): void {
    this.checkOwner()
    if (this.state !== 'timedOut') return
    throw new StreamsError(
      'TRANSACTION_ABORTED',
      `the transaction of "${this.transactionalId}" was open for more than ${this.timeoutMs} ms and was aborted: ` +
        'abort it and begin again, or raise its timeout',
      { details: { transactionalId: this.transactionalId, timeoutMs: this.timeoutMs } },
    )
  }

  private checkOwner(): void {
    const details = { transactionalId: this.transactionalId }
    switch (this.state) {
      case 'ready':
      case 'open':
      case 'timedOut':
        return
      case 'fenced':
        throw new StreamsError(
          'PRODUCER_FENCED',
          `a newer producer with the transactional id "${this.transactionalId}" has started`,
          { details },
        )
      case 'closed':
        throw new StreamsError(
          'CLOSED',
          `the producer "${this.transactionalId}" was used after it had been closed`,
          {
            details,
          },
        )
      case 'committing':
        throw new StreamsError(
          'INVARIANT_VIOLATED',
          `the producer "${this.transactionalId}" was called while it commits: await its calls`,
          { details },
        )
      default:
        assertNever(this.state)
    }
  }
}
