/**
 * Writes batches for one producer identity, each record batch with the sequence number that makes a repeated request
 * harmless.
 *
 * Invariants:
 * 1. A partition has one request under way at most, and its record batches are written in order.
 * 2. A record batch is repeated with the same bytes, sequence number and epoch, or not at all.
 * 3. Sequence numbers move on only with what was surely written. After an answer that leaves that open the writer is
 *    `tainted`: only a new epoch may write again (K3).
 */
import { recoveryOf, StreamsError } from '../../errors.ts'
import { ByteWriter } from '../../records/byte-writer.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { splitUnit, type Unit, unitsOf } from './batch-units.ts'
import { encodeRecordBatch } from './codec/encode-batch.ts'
import { kafkaCodeOf } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import { code } from './protocol/error-codes.ts'
import { listOffsets, produce } from './protocol/record-calls.ts'
import type { ProducerIdentity } from './protocol/transaction-calls.ts'

const largestSequence = 0x7fff_ffff

interface EncodedUnit {
  readonly topic: string
  readonly partition: number
  readonly unit: Unit
  readonly bytes: Uint8Array
}

type Written = Map<RecordBatch, number | StreamsError>

export class SequencedWriter {
  readonly identity: ProducerIdentity
  /** Whether it is open what was written: the identity must be given up. */
  tainted = false
  private readonly leaders: Leaders
  private readonly transactionalId: string | null
  private readonly budgetMs: number
  private readonly sequences = new Map<string, number>()

  constructor(
    leaders: Leaders,
    identity: ProducerIdentity,
    options: { readonly transactionalId: string | null; readonly budgetMs: number },
  ) {
    this.leaders = leaders
    this.identity = identity
    this.transactionalId = options.transactionalId
    this.budgetMs = options.budgetMs
  }

  /**
   * Calls must not overlap. Answers the first offset of each batch, or why it was not written; then none of its partition
   * that follows was.
   */
  async write(batches: readonly RecordBatch[]): Promise<(number | StreamsError)[]> {
    const sent = distinct(batches)
    const written: Written = new Map()
    const queues = unitsOf(sent, this.leaders.settings.maxBatchBytes)
    for (let open = queues; open.length > 0; open = open.filter((queue) => queue.length > 0)) {
      await this.writeRound(open, written)
    }
    await this.answerEmpty(sent, written)
    return sent.map((batch) => written.get(batch)!)
  }

  /** One record batch of each partition. */
  private async writeRound(queues: readonly Unit[][], written: Written): Promise<void> {
    const encoded = queues.map((queue) => this.encode(queue[0]!))
    const answers = await this.leaders.callLeaders(
      'writing to',
      encoded,
      (own) => produce(this.transactionalId, own, this.leaders.settings.requestTimeoutMs),
      this.budgetMs,
    )
    for (const [index, answer] of answers.entries()) {
      const queue = queues[index]!
      const unit = queue.shift()!
      if (!(answer instanceof StreamsError)) {
        this.advance(unit)
        recordOffsets(unit, answer, written)
      } else if (isTooLarge(answer) && unit.count > 1) {
        queue.unshift(...splitUnit(unit))
      } else {
        if (recoveryOf(answer) !== 'dead-letter' && answer.code !== 'TOPIC_UNKNOWN') this.tainted = true
        const error = nullKeyError(answer, unit) ?? answer
        for (const { ranges } of [unit, ...queue]) {
          for (const { batch } of ranges) written.set(batch, error)
        }
        queue.length = 0
      }
    }
  }

  private encode(unit: Unit): EncodedUnit {
    const { topic, partition, ranges } = unit
    const expected = ranges.reduce((sum, { batch }) => sum + batch.bytes.length + batch.length * 24, 128)
    const writer = new ByteWriter(Math.min(expected, this.leaders.settings.maxBatchBytes + 65_536))
    const producer = {
      ...this.identity,
      baseSequence: this.sequences.get(`${topic}-${partition}`) ?? 0,
      transactional: this.transactionalId !== null,
    }
    encodeRecordBatch(ranges, writer, producer, this.leaders.settings.compression)
    return { topic, partition, unit, bytes: writer.buffer.subarray(0, writer.position) }
  }

  private advance({ topic, partition, count }: Unit): void {
    const name = `${topic}-${partition}`
    const next = (this.sequences.get(name) ?? 0) + count
    this.sequences.set(name, next > largestSequence ? next - largestSequence - 1 : next)
  }

  /** Where the first record of an empty batch would be: at the end. */
  private async answerEmpty(batches: readonly RecordBatch[], written: Written): Promise<void> {
    const empty = batches.filter(({ length }) => length === 0)
    if (empty.length === 0) return
    const ends = await this.leaders.callLeaders('asking for the end of', empty, (own) =>
      listOffsets('end', own),
    )
    empty.forEach((batch, index) => {
      written.set(batch, ends[index]!)
    })
  }
}

/** A batch that is sent twice is two, with an answer each. */
function distinct(batches: readonly RecordBatch[]): RecordBatch[] {
  const seen = new Set<RecordBatch>()
  return batches.map((batch) => {
    const one = seen.has(batch) ? { ...batch } : batch
    seen.add(one)
    return one
  })
}

/** The batches that begin in a unit get their first offset. */
function recordOffsets(unit: Unit, baseOffset: number, written: Written): void {
  let offset = baseOffset
  for (const { batch, from, to } of unit.ranges) {
    if (from === 0) written.set(batch, offset)
    offset += to - from
  }
}

function isTooLarge(error: StreamsError): boolean {
  const kafkaCode = kafkaCodeOf(error)
  return kafkaCode === code.messageTooLarge || kafkaCode === code.recordListTooLarge
}

/** The broker refuses a record without a key in a compacted topic as not valid, among other reasons. */
function nullKeyError(error: StreamsError, { topic, partition, ranges }: Unit): StreamsError | undefined {
  if (kafkaCodeOf(error) !== code.invalidRecord) return undefined
  const withoutKey = ranges.some(({ batch, from, to }) => batch.keyStarts.subarray(from, to).includes(-1))
  if (!withoutKey) return undefined
  return new StreamsError(
    'RECORD_NULL_NOT_ALLOWED',
    `a record for ${topic}-${partition} has no key, but the topic is compacted by key (${error.message})`,
    { details: { topic, partition }, cause: error },
  )
}
