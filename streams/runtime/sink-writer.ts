/**
 * The rows of one task on their way to its external sink.
 *
 * The sink keeps the task's positions, so they may lie behind the group's committed offsets: when the process died between the
 * log's commit and the sink's. What lies between was dead-lettered already, and is not again.
 */
import { StreamsError } from '../errors.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import type { Sink, SinkSession } from '../ports/sink.ts'
import type { CurrentRecord } from './current-record.ts'
import type { Failure } from './dead-letters.ts'

type RowPlace = Pick<Failure, 'batch' | 'index'>

/** Rows for one sink; `R` is known where rows are made. */
class SinkBuffer<R> {
  readonly sink: Sink<R>
  private session: SinkSession<R> | undefined
  /** Of each row, where its record lies and which operator made it. */
  private rows: R[] = []
  private places: RowPlace[] = []
  private operators: string[] = []

  constructor(sink: Sink<R>) {
    this.sink = sink
  }

  async open(id: string, partitions: readonly TopicPartition[]): Promise<readonly (number | null)[]> {
    this.session = await this.sink.open({ id, partitions })
    return this.session.positions
  }

  add(row: R, place: RowPlace, operator: string): void {
    this.rows.push(row)
    this.places.push(place)
    this.operators.push(operator)
  }

  get size(): number {
    return this.rows.length
  }

  async prepare(next: readonly PartitionOffset[]): Promise<Failure[]> {
    const rejections = await this.opened().prepare(this.rows, next)
    const { places, operators } = this
    this.rows = []
    this.places = []
    this.operators = []
    return rejections.map(({ index, code, message }) => ({
      ...places[index]!,
      operator: operators[index]!,
      error: new StreamsError('SINK_ROW_REJECTED', `${this.sink.name}: ${message}`, { details: { code } }),
    }))
  }

  commit(): Promise<void> {
    return this.opened().commit()
  }

  async close(): Promise<void> {
    await this.session?.close()
    this.session = undefined
  }

  private opened(): SinkSession<R> {
    if (this.session === undefined) throw new StreamsError('CLOSED', `sink ${this.sink.name} is not open`)
    return this.session
  }
}

export class SinkWriter {
  private buffer: SinkBuffer<unknown> | undefined
  private readonly record: CurrentRecord
  private readonly operatorName: () => string

  constructor(record: CurrentRecord, operatorName: () => string) {
    this.record = record
    this.operatorName = operatorName
  }

  /** A task writes to one sink: its positions could not be kept in two. */
  attach<R>(sink: Sink<R>): (row: R) => void {
    if (this.buffer !== undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `sink "${sink.name}" is the second of its sub-topology, whose positions only one can keep; ` +
          'let one sink take the rows of both, or read the topic in another topology',
      )
    }
    const buffer = new SinkBuffer(sink)
    this.buffer = buffer
    return (row) => {
      const place = this.record.place
      if (place === undefined) {
        throw new StreamsError(
          'TOPOLOGY_INVALID',
          `sink "${sink.name}" was given a row by a schedule and not by a record, whose position it would keep; ` +
            'write to a topic first and let the sink read that topic',
        )
      }
      buffer.add(row, place, this.operatorName())
    }
  }

  /** Undefined without one. */
  get sink(): Pick<Sink<unknown>, 'name' | 'traceAttributes'> | undefined {
    return this.buffer?.sink
  }

  get isUsed(): boolean {
    return this.buffer !== undefined
  }

  get waitingRows(): number {
    return this.buffer?.size ?? 0
  }

  /** The positions that the sink stands at, in the order of the partitions. */
  async open(id: string, partitions: readonly TopicPartition[]): Promise<readonly (number | null)[]> {
    return (await this.buffer?.open(id, partitions)) ?? partitions.map(() => null)
  }

  async prepare(next: readonly PartitionOffset[]): Promise<Failure[]> {
    return (await this.buffer?.prepare(next)) ?? []
  }

  async commit(): Promise<void> {
    await this.buffer?.commit()
  }

  async close(): Promise<void> {
    await this.buffer?.close()
  }
}
