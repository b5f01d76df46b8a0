/** Records at fault, on their way to the dead letters: in the same transaction as everything else of their commit. */
import { messageOf, RecordError, StreamsError } from '../errors.ts'
import type { ByteWriter } from '../records/byte-writer.ts'
import {
  type Headers,
  headersAt,
  keyAt,
  noHeaders,
  type RecordBatch,
  valueAt,
} from '../records/record-batch.ts'
import type { DeadLetter } from '../schemas/generated/records.ts'
import { type Codec, SchemaNotLoaded } from '../serde/serde.ts'
import type { OutputCollector } from './output-collector.ts'
import { attemptsBefore } from './replay-headers.ts'
import type { ErrorPolicy } from './settings.ts'

/** The only header of a dead letter whose record was too large to be in it: its content is where it was read, if anywhere. */
export const contentOmittedHeader = 'dead-letter-content-omitted'

const textMaxLength = 4096
/** With a longer key, a dead letter that leaves out the content of its record has none. */
const keyMaxBytes = 4096

export interface Failure {
  readonly batch: RecordBatch
  readonly index: number
  readonly operator: string
  readonly error: unknown
}

/** A changed row of a store that an operator threw on when the change was passed on at commit. */
export interface RowFailure {
  readonly changelog: string
  readonly partition: number
  readonly timestampMs: number
  readonly key: Buffer
  readonly row: Buffer | null
  readonly operator: string
  readonly error: unknown
}

export interface DeadLetterTarget {
  readonly topic: string
  readonly partitionCount: number
  readonly codec: Codec<DeadLetter>
  readonly recordMaxBytes: number
  readonly topology: string
  readonly subTopology: string
  /** By topic: failures below this offset were dead-lettered before, and only their sink's commit was lost. */
  readonly publishedUpTo: ReadonlyMap<string, number>
}

/** The headers by which the dead letter of a record belongs to the trace of that. */
type TraceOf = (batch: RecordBatch, index: number) => Headers

export class DeadLetters {
  /** Dead letters since the task was opened. */
  count = 0
  private readonly target: DeadLetterTarget
  private readonly outputs: OutputCollector
  private readonly traceOf: TraceOf

  constructor(target: DeadLetterTarget, outputs: OutputCollector, traceOf: TraceOf = () => noHeaders) {
    this.target = target
    this.outputs = outputs
    this.traceOf = traceOf
  }

  add({ batch, index, operator, error }: Failure, nowMs: number): void {
    const offset = batch.offsets[index]!
    if (offset < (this.target.publishedUpTo.get(batch.topic) ?? 0)) return
    const headers = headersAt(batch, index)
    const letter: DeadLetter = {
      topic: batch.topic,
      partition: batch.partition,
      offset,
      timestamp: batch.timestampsMs[index]!,
      key: keyAt(batch, index),
      value: valueAt(batch, index),
      headers: headers.map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) })),
      ...this.circumstances(operator, error, nowMs),
      attempt: 1 + attemptsBefore(headers),
    }
    this.write(letter, this.traceOf(batch, index))
  }

  /** A row has no place in a topic yet: its changelog is named, with offset -1. */
  addRow(failure: RowFailure, nowMs: number): void {
    this.write({
      topic: failure.changelog,
      partition: failure.partition,
      offset: -1,
      timestamp: failure.timestampMs,
      key: failure.key,
      value: failure.row,
      headers: [],
      ...this.circumstances(failure.operator, failure.error, nowMs),
      attempt: 1,
    })
  }

  private circumstances(operator: string, error: unknown, nowMs: number) {
    return {
      topology: this.target.topology,
      sub_topology: this.target.subTopology,
      operator,
      code: shortText(codeOf(error)),
      message: shortText(messageOf(error)),
      failed_time: nowMs,
    }
  }

  private write(letter: DeadLetter, headers: Headers = noHeaders): void {
    const { target } = this
    const builder = this.outputs.builder(target.topic, letter.partition % target.partitionCount)
    const { writer } = builder
    const start = writer.position
    let { key } = letter
    if (!this.encode(key, letter, writer)) {
      key = (key?.length ?? 0) > keyMaxBytes ? null : key
      this.encode(key, withoutContent(letter, key), writer)
    }
    const keyEnd = start + (key?.length ?? 0)
    builder.add(letter.timestamp, key === null ? -1 : start, keyEnd, keyEnd, writer.position, headers)
    this.outputs.bytes += writer.position - start
    this.outputs.records++
    this.count++
  }

  /** Answers false, with nothing written, when the dead letter is larger than a record may be. */
  private encode(key: Uint8Array | null, letter: DeadLetter, writer: ByteWriter): boolean {
    const start = writer.position
    if (key !== null) writer.bytes(key)
    this.target.codec.encode(letter, writer)
    if (writer.position - start <= this.target.recordMaxBytes) return true
    writer.position = start
    return false
  }
}

/** Decides what becomes of an error at a record: true when it is a dead letter, an error to throw when it stops the task. */
export function dispose(
  error: unknown,
  policy: ErrorPolicy,
  place: {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly operator: string
  },
  task: string,
): true | Error {
  // A row that the record needs is in a schema still to be loaded: the record is not at fault.
  if (error instanceof SchemaNotLoaded) return error
  if (error instanceof StreamsError && error.recovery !== 'dead-letter') return error
  if (policy === 'dead-letter') return true
  const { topic, partition, offset, operator } = place
  return new StreamsError(
    'PROCESSING_STOPPED',
    `task ${task} stops at ${topic}-${partition} offset ${offset}: ${messageOf(error)} (${codeOf(error)}); ` +
      'mend the operator, or set onProcessingError (onDecodeError for bytes that no serde reads) to dead-letter',
    { cause: error, details: { task, topic, partition, offset, operator } },
  )
}

/**
 * A record near the largest size does not fit into a record that also tells why: its place and cause are kept, and its
 * content stays where it was read, for as long as its topic keeps it.
 */
function withoutContent(letter: DeadLetter, key: DeadLetter['key']): DeadLetter {
  const bytes = (letter.key?.length ?? 0) + (letter.value?.length ?? 0)
  const where = `${letter.topic}-${letter.partition} offset ${letter.offset}`
  const message = `${letter.message} (left out here, for its size: the record's content, ${bytes} bytes; it is at ${where})`
  return { ...letter, key, value: null, headers: [{ key: contentOmittedHeader, value: null }], message }
}

/** Text that any codec takes: bounded, and with no half of a surrogate pair, as errors that quote their input may end in. */
function shortText(text: string): string {
  return Buffer.from(text.slice(0, textMaxLength)).toString()
}

function codeOf(error: unknown): string {
  return error instanceof StreamsError || error instanceof RecordError ? error.code : 'OPERATOR_FAILED'
}
