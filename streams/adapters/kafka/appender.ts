/**
 * Appends outside transactions, as an idempotent producer. Calls that come while a request is under way go out together
 * with the next one.
 *
 * Invariants:
 * 1. Appends to a partition take effect in the order of the calls.
 * 2. A batch is written once, however often its request is repeated. When that cannot be told in the end, the call fails
 *    with LOG_UNAVAILABLE and later ones go out under a new producer id.
 */
import { StreamsError } from '../../errors.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { kafkaError } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import { code, describeCode } from './protocol/error-codes.ts'
import { initProducerId } from './protocol/transaction-calls.ts'
import { Backoff, isPassing } from './retrying.ts'
import { SequencedWriter } from './sequenced-writer.ts'

/** What goes out together is bounded, so that a call waits for little more than itself. */
const mostTogetherBytes = 8 * 1024 * 1024
const noTransactionTimeoutMs = 60_000

interface Pending {
  readonly batches: readonly RecordBatch[]
  resolve(offsets: number[]): void
  reject(error: unknown): void
}

export class Appender {
  private readonly leaders: Leaders
  private readonly pending: Pending[] = []
  private writer: SequencedWriter | undefined
  private running: Promise<void> | undefined

  constructor(leaders: Leaders) {
    this.leaders = leaders
  }

  append(batches: readonly RecordBatch[]): Promise<number[]> {
    if (batches.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      this.pending.push({ batches, resolve, reject })
      this.running ??= this.run()
    })
  }

  /** Resolves when nothing is under way any more. */
  async drained(): Promise<void> {
    await this.running
  }

  private async run(): Promise<void> {
    // What is asked for in the same turn goes out together.
    await Promise.resolve()
    while (this.pending.length > 0) {
      const calls = this.takeTogether()
      try {
        await this.write(calls)
      } catch (error) {
        for (const call of calls) call.reject(error)
      }
    }
    // In the same turn as the check of the queue: what comes from now on starts anew.
    this.running = undefined
  }

  private takeTogether(): Pending[] {
    let bytes = 0
    let count = 0
    for (const { batches } of this.pending) {
      bytes += batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
      if (count > 0 && bytes > mostTogetherBytes) break
      count++
    }
    return this.pending.splice(0, count)
  }

  private async write(calls: readonly Pending[]): Promise<void> {
    this.writer ??= await this.openWriter()
    const { writer } = this
    const written = await writer.write(calls.flatMap(({ batches }) => batches))
    let next = 0
    if (writer.tainted) this.writer = undefined
    for (const { batches, resolve, reject } of calls) {
      const answers = written.slice(next, next + batches.length)
      next += batches.length
      const failure = answers.find((answer) => answer instanceof StreamsError)
      if (failure !== undefined) reject(appendError(failure))
      else resolve(answers.filter((answer) => typeof answer === 'number'))
    }
  }

  private async openWriter(): Promise<SequencedWriter> {
    const { leaders } = this
    const { clock, retryBudgetMs } = leaders.settings
    const backoff = new Backoff(clock, retryBudgetMs)
    for (;;) {
      try {
        const answer = await leaders.connections.callAny(initProducerId(null, noTransactionTimeoutMs))
        if (answer.errorCode === code.none) {
          return new SequencedWriter(leaders, answer, { transactionalId: null, budgetMs: retryBudgetMs })
        }
        const { reaction } = describeCode(answer.errorCode)
        const error = kafkaError('asking for a producer id', answer.errorCode)
        if (reaction === 'fail' || backoff.exhausted) throw error
      } catch (error) {
        if (!isPassing(error) || backoff.exhausted) throw error
      }
      await backoff.pause()
    }
  }
}

/** There is no transaction to be aborted and no owner to be fenced: the call failed and may be made again. */
function appendError(error: StreamsError): StreamsError {
  if (error.code !== 'TRANSACTION_ABORTED' && error.code !== 'PRODUCER_FENCED') return error
  return new StreamsError('LOG_UNAVAILABLE', `the log lost track of this producer: ${error.message}`, {
    details: error.details,
    cause: error,
  })
}
