/**
 * A transactional producer over our own requests.
 *
 * Invariants:
 * 1. Its state moves by the table in `transaction-states.ts` only.
 * 2. A partition or group is added to the transaction before anything is written for it.
 * 3. After any failure within a transaction only `abort` goes on: it ends the transaction and takes a new epoch, asking with
 *    its own, and each time only after the coordinator has just taken that for the current one. A producer that was replaced
 *    would else abort what its successor has open.
 * 4. `commit` fails with TRANSACTION_OUTCOME_UNKNOWN exactly when a request to commit may have been carried out and no
 *    repeated one was answered; ending a transaction may be repeated, until the next one begins.
 */
import { StreamsError } from '../../errors.ts'
import type { PartitionOffset, TransactionalProducer } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { kafkaCodeOf } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import type { PartitionAnswer } from './protocol/call.ts'
import { code } from './protocol/error-codes.ts'
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitOffsetsInTransaction,
  endTransaction,
  initProducerId,
  type ProducerIdentity,
  type Transaction,
} from './protocol/transaction-calls.ts'
import { Backoff, isPassing } from './retrying.ts'
import { SequencedWriter } from './sequenced-writer.ts'
import { outcomeUnknown, producerClosed, producerFenced, transactionAborted } from './transaction-errors.ts'
import { type TransactionEvent, type TransactionState, transactionTable } from './transaction-states.ts'

const closeBudgetMs = 5000

export interface ProducerOptions {
  readonly transactionalId: string
  readonly timeoutMs: number
}

/** Fences whoever holds the transactional id, and waits until what it left open is aborted. */
export async function openProducer(
  leaders: Leaders,
  options: ProducerOptions,
  onClosed: () => void,
): Promise<KafkaProducer> {
  const identity = await takeIdentity(leaders, options)
  return new KafkaProducer(leaders, options, identity, onClosed)
}

async function takeIdentity(
  leaders: Leaders,
  { transactionalId, timeoutMs }: ProducerOptions,
  current?: ProducerIdentity,
  budgetMs = leaders.settings.retryBudgetMs,
): Promise<ProducerIdentity> {
  return leaders.callCoordinator(
    { kind: 'transaction', key: transactionalId },
    'opening the producer',
    initProducerId(transactionalId, timeoutMs, current),
    ({ errorCode }) => errorCode,
    { budgetMs },
  )
}

export class KafkaProducer implements TransactionalProducer {
  private readonly leaders: Leaders
  private readonly options: ProducerOptions
  private readonly onClosed: () => void
  private readonly budgetMs: number
  private writer: SequencedWriter
  private state: TransactionState = 'ready'
  private readonly partitions = new Set<string>()
  private readonly groups = new Set<string>()

  constructor(leaders: Leaders, options: ProducerOptions, identity: ProducerIdentity, onClosed: () => void) {
    this.leaders = leaders
    this.options = options
    this.onClosed = onClosed
    // What is tried for longer than the transaction may last is in vain.
    this.budgetMs = Math.min(options.timeoutMs, leaders.settings.retryBudgetMs)
    this.writer = this.writerFor(identity)
  }

  async send(batches: readonly RecordBatch[]): Promise<number[]> {
    this.checkUsable()
    if (batches.length === 0) return []
    return this.within(async () => {
      await this.addPartitions(batches)
      const written = await this.writer.write(batches)
      return written.map((answer) => {
        if (answer instanceof StreamsError) throw answer
        return answer
      })
    })
  }

  async sendOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    this.checkUsable()
    if (offsets.length === 0) return
    await this.within(async () => {
      if (!this.groups.has(groupId)) {
        await this.callOwn('adding offsets to', addOffsetsToTransaction(this.transaction, groupId))
        this.groups.add(groupId)
      }
      await this.leaders.callCoordinator(
        { kind: 'group', key: groupId },
        'committing the offsets',
        commitOffsetsInTransaction(this.transaction, groupId, offsets),
        firstError,
        { budgetMs: this.budgetMs },
      )
    })
  }

  async commit(): Promise<void> {
    this.checkUsable()
    if (this.state === 'ready') return
    let unsure = false
    const onUnsure = (): void => {
      unsure = true
    }
    try {
      await this.callOwn('committing', endTransaction(this.transaction, 'commit'), { onUnsure })
      this.ended('committed')
    } catch (error) {
      if (!(error instanceof StreamsError)) throw error
      const { transactionalId } = this.options
      this.move(unsure || error.code !== 'PRODUCER_FENCED' ? 'failed' : 'fenced')
      if (unsure) throw outcomeUnknown(transactionalId, error)
      throw error.recovery === 'retry' ? transactionAborted(transactionalId, error) : error
    }
  }

  async abort(): Promise<void> {
    this.checkOwner()
    if (this.state === 'ready') return
    if (this.state === 'open') {
      try {
        await this.callOwn('aborting', endTransaction(this.transaction, 'abort'))
        this.ended('aborted')
        return
      } catch (error) {
        if (this.settleFenced(error)) throw error
        this.move('failed')
      }
    }
    await this.renew()
  }

  async close(): Promise<void> {
    const { state } = this
    this.move('closed')
    this.onClosed()
    if (state !== 'open' && state !== 'broken') return
    const end = this.callOwn('aborting', endTransaction(this.transaction, 'abort'), {
      budgetMs: closeBudgetMs,
    })
    await end.catch((error: unknown) => {
      const { transactionalId } = this.options
      // The transaction then ends with its timeout, or when its successor opens.
      this.leaders.settings.logger.debug({ transactionalId, error }, 'a transaction was left open')
    })
  }

  private get transaction(): Transaction {
    return { transactionalId: this.options.transactionalId, ...this.writer.identity }
  }

  /** Runs a step of a transaction; any failure of it breaks the transaction. */
  private async within<T>(step: () => Promise<T>): Promise<T> {
    this.move('began')
    try {
      return await step()
    } catch (error) {
      if (!this.settleFenced(error)) this.move('failed')
      throw error
    }
  }

  private async addPartitions(batches: readonly RecordBatch[]): Promise<void> {
    const added = batches.filter(
      ({ topic, partition, length }) => length > 0 && !this.partitions.has(`${topic}-${partition}`),
    )
    const names = new Map(
      added.map(({ topic, partition }) => [`${topic}-${partition}`, { topic, partition }]),
    )
    if (names.size === 0) return
    await this.leaders.callCoordinator(
      { kind: 'transaction', key: this.options.transactionalId },
      `adding ${[...names.keys()].join(', ')} to the transaction`,
      addPartitionsToTransaction(this.transaction, [...names.values()]),
      firstError,
      { budgetMs: this.budgetMs },
    )
    for (const name of names.keys()) this.partitions.add(name)
  }

  private async callOwn(
    what: string,
    call: ReturnType<typeof endTransaction>,
    options: { readonly budgetMs?: number; onUnsure?(): void } = {},
  ): Promise<void> {
    await this.leaders.callCoordinator(
      { kind: 'transaction', key: this.options.transactionalId },
      `${what} the transaction`,
      call,
      ({ errorCode }) => errorCode,
      { budgetMs: this.budgetMs, ...options },
    )
  }

  /** Ends whatever is left of the transaction and takes the next epoch. */
  private async renew(): Promise<void> {
    const backoff = new Backoff(this.leaders.clock, this.budgetMs)
    for (;;) {
      try {
        await this.endLeftover()
        const identity = await takeIdentity(this.leaders, this.options, this.writer.identity, 0)
        this.writer = this.writerFor(identity)
        this.ended('renewed')
        return
      } catch (error) {
        if (this.settleFenced(error) || !isPassing(error) || backoff.exhausted) throw error
      }
      await backoff.pause()
    }
  }

  /** @throws PRODUCER_FENCED when another holds the transactional id */
  private async endLeftover(): Promise<void> {
    try {
      await this.callOwn('aborting', endTransaction(this.transaction, 'abort'))
    } catch (error) {
      // It was ended already, or never began.
      const ended = error instanceof StreamsError && kafkaCodeOf(error) === code.invalidTransactionState
      if (!ended) throw error
    }
  }

  private ended(event: 'committed' | 'aborted' | 'renewed'): void {
    this.partitions.clear()
    this.groups.clear()
    this.move(event)
  }

  private writerFor(identity: ProducerIdentity): SequencedWriter {
    const { transactionalId } = this.options
    return new SequencedWriter(this.leaders, identity, { transactionalId, budgetMs: this.budgetMs })
  }

  private settleFenced(error: unknown): boolean {
    const fenced = error instanceof StreamsError && error.code === 'PRODUCER_FENCED'
    if (fenced) this.move('fenced')
    return fenced
  }

  private move(event: TransactionEvent): void {
    const next = transactionTable[this.state][event]
    if (next === null) {
      throw new StreamsError('INVARIANT_VIOLATED', `a producer that is ${this.state} cannot have ${event}`)
    }
    this.state = next
  }

  /** @throws unless it still holds its transactional id */
  private checkOwner(): void {
    const { transactionalId } = this.options
    if (this.state === 'closed') throw producerClosed(transactionalId)
    if (this.state === 'fenced') throw producerFenced(transactionalId)
  }

  private checkUsable(): void {
    this.checkOwner()
    if (this.state === 'broken') throw transactionAborted(this.options.transactionalId)
  }
}

/** The error that says most: others in the answer may only say that they were not tried because of it. */
function firstError(answers: readonly PartitionAnswer<unknown>[]): number {
  const codes = answers.map(({ errorCode }) => errorCode).filter((errorCode) => errorCode !== code.none)
  return codes.find((errorCode) => errorCode !== code.operationNotAttempted) ?? codes[0] ?? code.none
}
