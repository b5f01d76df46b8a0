/**
 * Sends copies of records and writes what has become of their letters, each letter once, however many ask for it.
 *
 * 1. Fence, then look: the producer is opened, which aborts what its predecessor left open and ends it, before the statuses are
 *    read. So nobody else can settle what was found pending: whoever tries has fenced this producer by then.
 * 2. The copies and their marks are one transaction.
 * 3. After a failure the producer is dropped and all begins with 1 again. What was committed although its answer was lost is
 *    found settled then.
 */
import { messageOf, recoveryOf, StreamsError } from '../../errors.ts'
import type { TransactionalProducer } from '../../ports/log.ts'
import { type Logger, silentLogger } from '../../ports/observability.ts'
import { type RecordBatch, RecordBatchBuilder } from '../../records/record-batch.ts'
import { Signal } from '../../runtime/signal.ts'
import type { DeadLetterStatus } from '../../schemas/generated/records.ts'
import { nameOf, type RecordContent, type RecordPlace } from './letter.ts'
import type { LetterStatuses } from './letter-statuses.ts'
import { checkGoesOn, type ReadingPorts } from './reading.ts'

/** Told to whoever watches, when one is done. The crash tests end there. */
export const settleSteps = ['fenced', 'looked', 'sent', 'marked', 'committed'] as const

export type SettleStep = (typeof settleSteps)[number]

export interface SettlerOptions extends ReadingPorts {
  readonly logger?: Logger
  readonly topology: string
  readonly statuses: LetterStatuses
  readonly onStep?: (step: SettleStep) => void | Promise<void>
}

/** What is to become of a letter. */
export interface Settlement {
  readonly place: RecordPlace
  readonly status: Omit<DeadLetterStatus, 'replayed_as'>
  /** The copy that is sent, with its headers; undefined when nothing is. */
  readonly copy: Copy | undefined
}

export interface Copy {
  readonly topic: string
  readonly partition: number
  readonly content: RecordContent
  /** How often the record was tried before. */
  readonly attemptsBefore: number
}

export interface Settled {
  readonly status: DeadLetterStatus
  /** Whether this call did it; else somebody else had. */
  readonly isNew: boolean
}

const transactionTimeoutMs = 60_000
const attemptsMax = 12
const firstPauseMs = 50
const longestPauseMs = 5_000

export class LetterSettler {
  private readonly options: SettlerOptions
  private readonly pauses: Signal
  private producer: TransactionalProducer | undefined
  private users = 0
  /** Transactions of this process come one after the other, and fence each other not. */
  private turn: Promise<unknown> = Promise.resolve()

  constructor(options: SettlerOptions) {
    this.options = options
    this.pauses = new Signal(options.clock)
  }

  /** Keeps the producer open while something is done with it. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.users++
    try {
      return await work()
    } finally {
      this.users--
      if (this.users === 0) await this.drop()
    }
  }

  /**
   * Settles letters in one transaction; those that are settled already stay as they are. Call it within `use`.
   * @throws CLOSED when it is broken off, and what the log says once it has been tried often enough
   */
  settle(settlements: readonly Settlement[], signal?: AbortSignal): Promise<Settled[]> {
    const settled = this.turn.then(() => this.settlePatiently(settlements, signal))
    this.turn = settled.catch(() => {})
    return settled
  }

  private async settlePatiently(
    settlements: readonly Settlement[],
    signal: AbortSignal | undefined,
  ): Promise<Settled[]> {
    /** What was written and may have been committed. */
    const written = new Map<string, DeadLetterStatus>()
    for (let attempt = 1; ; attempt++) {
      checkGoesOn(signal)
      try {
        return await this.settleOnce(settlements, written)
      } catch (error) {
        await this.drop()
        const recovery = recoveryOf(error)
        const isPassing = recovery === 'retry' || recovery === 'fenced' || recovery === 'rebuild-task'
        if (!isPassing || attempt === attemptsMax) throw error
        const { logger = silentLogger, topology } = this.options
        logger.warn({ topology, attempt, reason: messageOf(error) }, 'settling dead letters is tried again')
        // Whoever has fenced it is not fenced in return at once: one of two gets through.
        await this.pause(Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)), signal)
      }
    }
  }

  private async settleOnce(
    settlements: readonly Settlement[],
    written: Map<string, DeadLetterStatus>,
  ): Promise<Settled[]> {
    const { statuses } = this.options
    const producer = await this.open()
    await statuses.refresh()
    await this.step('looked')
    const open = settlements.filter(({ place }) => statuses.of(place) === undefined)
    const done = await this.write(producer, open, written)
    return settlements.map(({ place }) => {
      const known = done.get(nameOf(place))
      if (known !== undefined) return { status: known, isNew: true }
      const status = statuses.of(place)
      if (status === undefined)
        throw new StreamsError('INVARIANT_VIOLATED', `${nameOf(place)} was not settled`)
      return { status, isNew: isSame(status, written.get(nameOf(place))) }
    })
  }

  private async write(
    producer: TransactionalProducer,
    open: readonly Settlement[],
    written: Map<string, DeadLetterStatus>,
  ): Promise<ReadonlyMap<string, DeadLetterStatus>> {
    const done = new Map<string, DeadLetterStatus>()
    if (open.length === 0) return done
    const offsets = await sendCopies(producer, open)
    await this.step('sent')
    const { statuses } = this.options
    const codec = await statuses.codec()
    const marks = new RecordBatchBuilder(statuses.topic.name, 0)
    for (const settlement of open) {
      const { place, status, copy } = settlement
      const name = nameOf(place)
      const offset = offsets.get(settlement)
      const mark: DeadLetterStatus = {
        ...status,
        replayed_as:
          copy === undefined || offset === undefined
            ? null
            : {
                topic: copy.topic,
                partition: copy.partition,
                offset,
                attempts_before: copy.attemptsBefore,
              },
      }
      const { writer } = marks
      const start = writer.position
      writer.utf8(name)
      const keyEnd = writer.position
      codec.encode(mark, writer)
      marks.add(status.settled_time, start, keyEnd, keyEnd, writer.position)
      done.set(name, mark)
      written.set(name, mark)
    }
    await producer.send([marks.build()])
    await this.step('marked')
    await producer.commit()
    await this.step('committed')
    return done
  }

  private async open(): Promise<TransactionalProducer> {
    if (this.producer !== undefined) return this.producer
    const { log, topology, statuses } = this.options
    const { name, settings } = statuses.topic
    // It is made with the topology; one that was last run by a release without it has none yet.
    await log.createTopics([{ name, partitions: 1, ...settings }])
    this.producer = await log.openTransactionalProducer({
      transactionalId: `${topology}-dead-letter-replay`,
      timeoutMs: transactionTimeoutMs,
    })
    await this.step('fenced')
    return this.producer
  }

  private async drop(): Promise<void> {
    const { producer } = this
    this.producer = undefined
    // It may be fenced, or the log away: whoever comes next aborts what it has left.
    await producer?.close().catch(() => {})
  }

  private async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const wake = (): void => this.pauses.notify()
    signal?.addEventListener('abort', wake)
    try {
      await this.pauses.pause(ms, () => signal?.aborted === true)
    } finally {
      signal?.removeEventListener('abort', wake)
    }
  }

  private async step(step: SettleStep): Promise<void> {
    await this.options.onStep?.(step)
  }
}

/** Sends the copies, a key's in the order of the settlements, and answers where they lie. */
async function sendCopies(
  producer: TransactionalProducer,
  open: readonly Settlement[],
): Promise<ReadonlyMap<Settlement, number>> {
  const builders = new Map<string, { readonly builder: RecordBatchBuilder; readonly of: Settlement[] }>()
  for (const settlement of open) {
    const { copy } = settlement
    if (copy === undefined) continue
    const { topic, partition, content } = copy
    const id = `${topic}-${partition}`
    const target = builders.get(id) ?? { builder: new RecordBatchBuilder(topic, partition), of: [] }
    builders.set(id, target)
    target.builder.append(content.key, content.value, content.timestampMs, content.headers)
    target.of.push(settlement)
  }
  const offsets = new Map<Settlement, number>()
  const targets = [...builders.values()]
  if (targets.length === 0) return offsets
  const batches: RecordBatch[] = targets.map(({ builder }) => builder.build())
  const firsts = await producer.send(batches)
  for (const [index, { of }] of targets.entries()) {
    for (const [nth, settlement] of of.entries()) offsets.set(settlement, firsts[index]! + nth)
  }
  return offsets
}

/** Whether a mark is the one that was written, not another's. */
function isSame(found: DeadLetterStatus, written: DeadLetterStatus | undefined): boolean {
  return written !== undefined && JSON.stringify(found) === JSON.stringify(written)
}
