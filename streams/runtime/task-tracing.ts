/**
 * The spans of a task. There is none of it while tracing is off, and where it is on, it does nothing for records that are not
 * sampled.
 *
 * Invariants:
 * 1. A sampled record has a `process` span, within which the operators run; what they pass on carries it.
 * 2. All else of a transaction has the span of its commit: it begins with the first sampled record, is linked to the spans of the
 *    sampled records, the first `linksMax` of them, and ends with the commit. What is passed on by timers and at commit came of many
 *    records, and carries this one.
 * 3. A transaction without sampled records has no span, and what comes of it carries what its records had.
 * 4. A record that is processed again, after a crash or an aborted transaction, has another span.
 */
import { StreamsError } from '../errors.ts'
import { sampledTraceIn, withTrace } from '../ports/trace-headers.ts'
import type { Span, SpanAttributes, TraceContext, Tracer } from '../ports/tracing.ts'
import { type Headers, noHeaders, type RecordBatch } from '../records/record-batch.ts'
import { withoutTime } from '../time/watermark-record.ts'
import type { CommitStep } from './commit.ts'
import type { CurrentRecord } from './current-record.ts'
import { attemptsBefore, recipientOf, withoutReplay } from './replay-headers.ts'
import type { SinkWriter } from './sink-writer.ts'

const linksMax = 32
/** Records of a transaction whose rows have a span each in the sink. */
const sinkSpansMax = 32

export interface TaskTracingParts {
  readonly tracer: Tracer
  readonly topology: string
  readonly groupId: string
  readonly taskId: string
  readonly record: CurrentRecord
  readonly sinkWriter: SinkWriter
}

interface SinkRows {
  readonly context: TraceContext
  readonly batch: RecordBatch
  readonly index: number
  readonly rows: number
}

export class TaskTracing {
  private readonly parts: TaskTracingParts
  private readonly attributes: SpanAttributes
  private current: { readonly span: Span; readonly batch: RecordBatch; readonly index: number } | undefined
  private waitingRows = 0
  private transaction: Span | undefined
  private sampledRecords = 0
  private sinkRows: SinkRows[] = []
  private sinkSpans: Span[] = []

  constructor(parts: TaskTracingParts) {
    this.parts = parts
    this.attributes = {
      'messaging.system': 'kafka',
      'messaging.consumer.group.name': parts.groupId,
      'order_streams.topology': parts.topology,
      'order_streams.task': parts.taskId,
    }
  }

  /** The span of the record that comes next; undefined when it is not sampled. */
  begin(batch: RecordBatch, index: number): Span | undefined {
    const { record, sinkWriter } = this.parts
    record.forwarded = undefined
    const headers = batch.headers?.[index]
    if (headers === undefined) return undefined
    const sent = sampledTraceIn(headers)
    if (sent === undefined) return undefined
    const span = this.startSpan(batch, index, headers, sent)
    this.current = { span, batch, index }
    record.forwarded = withTrace(withoutTime(withoutReplay(headers)), span.context)
    this.waitingRows = sinkWriter.waitingRows
    return span
  }

  /** Processes the record that the span was begun for. */
  process(span: Span, work: () => void): void {
    try {
      this.parts.tracer.within(span, work)
    } catch (error) {
      span.fail(error)
      throw error
    } finally {
      this.end(span)
    }
  }

  /** The record that is processed came to nothing, and became a dead letter. */
  failed(operator: string, error: unknown): void {
    this.current?.span.set({ 'order_streams.operator': operator })
    this.current?.span.fail(error)
  }

  /** The headers of the dead letter of a record. */
  letterHeaders(batch: RecordBatch, index: number): Headers {
    const { current } = this
    if (current?.batch === batch && current.index === index) return withTrace(noHeaders, current.span.context)
    const rejected = this.sinkRows.find((rows) => rows.batch === batch && rows.index === index)
    return rejected === undefined ? noHeaders : withTrace(noHeaders, rejected.context)
  }

  /** A step of the commit is done. */
  committing(step: CommitStep): void {
    this.transaction?.event(step)
    if (step === 'flushed') this.beginSinkSpans()
    if (step === 'sink-committed') this.endSinkSpans(undefined)
  }

  /** All steps of the commit are done. */
  committed(result: { readonly number: number; readonly records: number; readonly rows: number }): void {
    this.transaction?.set({
      'order_streams.commit.number': result.number,
      'order_streams.commit.output_records': result.records,
      'order_streams.commit.sink_rows': result.rows,
    })
    this.endTransaction(undefined)
  }

  /** What was not committed never will be, by this task. */
  close(): void {
    if (this.transaction !== undefined)
      this.endTransaction(
        new StreamsError('CLOSED', 'the task was closed before its transaction was committed'),
      )
  }

  private startSpan(batch: RecordBatch, index: number, headers: Headers, sent: TraceContext): Span {
    const { tracer } = this.parts
    // A replay may come days later: it has a trace of its own, which leads to the record's.
    const isReplay = recipientOf(headers) !== undefined
    const span = tracer.start({
      name: `process ${batch.topic}`,
      kind: 'consumer',
      ...(isReplay ? { links: [sent] } : { parent: sent }),
      attributes: {
        ...this.attributes,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': batch.topic,
        'messaging.destination.partition.id': String(batch.partition),
        'messaging.kafka.offset': batch.offsets[index]!,
        ...(isReplay ? { 'order_streams.replay.attempts_before': attemptsBefore(headers) } : {}),
      },
    })
    this.join(span.context)
    return span
  }

  private end(span: Span): void {
    const rows = this.parts.sinkWriter.waitingRows - this.waitingRows
    if (this.current !== undefined && rows > 0 && this.sinkRows.length < sinkSpansMax)
      this.sinkRows.push({ ...this.current, context: span.context, rows })
    this.current = undefined
    span.end()
  }

  private join(context: TraceContext): void {
    const { tracer, topology, record } = this.parts
    this.sampledRecords++
    if (this.transaction === undefined) {
      this.transaction = tracer.start({
        name: `commit ${topology}`,
        kind: 'internal',
        links: [context],
        attributes: {
          ...this.attributes,
          'messaging.operation.name': 'commit',
          'messaging.operation.type': 'settle',
        },
      })
      record.forwardedBetween = withTrace(noHeaders, this.transaction.context)
    } else if (this.sampledRecords <= linksMax) {
      this.transaction.link(context)
    }
  }

  private beginSinkSpans(): void {
    const { tracer, sinkWriter } = this.parts
    const { name, traceAttributes } = sinkWriter.sink ?? {}
    this.sinkSpans = this.sinkRows.map(({ context, rows }) =>
      tracer.start({
        name: `write ${name}`,
        kind: 'client',
        parent: context,
        links: this.transaction === undefined ? [] : [this.transaction.context],
        attributes: {
          ...traceAttributes,
          'order_streams.task': this.parts.taskId,
          'order_streams.sink.rows': rows,
          'db.operation.batch.size': sinkWriter.waitingRows,
        },
      }),
    )
  }

  private endSinkSpans(error: unknown): void {
    for (const span of this.sinkSpans) {
      if (error !== undefined) span.fail(error)
      span.end()
    }
    this.sinkSpans = []
  }

  private endTransaction(error: unknown): void {
    this.endSinkSpans(error)
    this.transaction?.set({ 'order_streams.commit.sampled_records': this.sampledRecords })
    if (error !== undefined) this.transaction?.fail(error)
    this.transaction?.end()
    this.transaction = undefined
    this.parts.record.forwardedBetween = undefined
    this.parts.record.forwarded = undefined
    this.sampledRecords = 0
    this.sinkRows = []
  }
}
