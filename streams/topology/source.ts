/**
 * Where records enter a task: decoding, a stretch of a batch at a time, and handing each record to the operators behind.
 * Decoded keys and values wait in columns, so that the task can look ahead at keys and timestamps.
 */
import { RecordError, StreamsError } from '../errors.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import type { Codec } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { GraphNode } from './graph.ts'
import type { StreamNode } from './stream-node.ts'
import type { Receiver, TaskContext } from './task-context.ts'

/** The time of a record, from its value. Undefined keeps the record's own timestamp. */
export type TimestampExtractor<K, V> = (value: V, recordTimestampMs: number, key: K) => number

/**
 * What a partition without records does to the time of its task.
 * - `wait`: it holds the time until its next record.
 * - `ignore`: the other inputs tell the time.
 * - `wall-clock`: its time follows the clock, so that the last window closes and the last timer fires. For sources that
 *   carry what happens now, not for history.
 */
export type IdlePolicy = 'wait' | 'ignore' | 'wall-clock'

/** How time passes by the records of a source, in each of its partitions. */
export interface SourceTiming {
  /** How much older than the newest one a record may be without being late. */
  readonly disorderMs: number
  readonly idle: IdlePolicy
  /** A partition is idle once it has been read to its end for this long. */
  readonly idleAfterMs: number
}

export const defaultTiming: SourceTiming = { disorderMs: 0, idle: 'ignore', idleAfterMs: 5_000 }

/** A timestamp that user code gave. @throws RecordError when it is not epoch milliseconds */
export function checkedTimestamp(timestampMs: number): number {
  if (Number.isSafeInteger(timestampMs) && timestampMs >= 0) return timestampMs
  throw new RecordError(
    'TIMESTAMP_INVALID',
    `a record was given the timestamp ${timestampMs}; give whole milliseconds since 1970`,
  )
}

/** Gives the codecs that were opened at start. */
export interface Codecs {
  of<K, V>(
    topic: Topic<K, V>,
  ): { readonly key: Codec<Exclude<K, null>>; readonly value: Codec<Exclude<V, null>> }
}

/** A source with its types hidden, as the runtime holds it. */
export interface Source {
  readonly node: GraphNode
  readonly topic: Topic<unknown, unknown>
  readonly timing: SourceTiming
  compile(task: TaskContext, codecs: Codecs): SourceProcessor
}

/** The records of one partition of a source, decoded and waiting. Slots count from 0. */
export interface SourceProcessor {
  /** Decodes record `index` of a batch into a slot. @throws whatever the codec throws, RECORD_NULL_NOT_ALLOWED */
  decode(batch: RecordBatch, index: number, slot: number): void
  timestampOf(slot: number): number
  /** Hands the record in a slot to the operators, and forgets it. */
  process(slot: number): void
  /** The decoded key, for reading state ahead. */
  keyOf(slot: number): unknown
  loadSchema(id: number): Promise<void>
}

export class StreamSource<K, V> implements Source {
  readonly node: GraphNode
  readonly topic: Topic<K, V>
  readonly timing: SourceTiming
  private readonly stream: StreamNode<K, V>
  private readonly timestamp: TimestampExtractor<K, V> | undefined

  constructor(
    topic: Topic<K, V>,
    stream: StreamNode<K, V>,
    timestamp?: TimestampExtractor<K, V>,
    timing: SourceTiming = defaultTiming,
  ) {
    this.node = stream.node
    this.topic = topic
    this.timing = timing
    this.stream = stream
    this.timestamp = timestamp
  }

  compile(task: TaskContext, codecs: Codecs): SourceProcessor {
    return new DecodedRecords(this.topic, codecs.of(this.topic), this.stream.compile(task), this.timestamp)
  }
}

class DecodedRecords<K, V> implements SourceProcessor {
  private readonly topic: Topic<K, V>
  private readonly keyCodec: Codec<Exclude<K, null>>
  private readonly valueCodec: Codec<Exclude<V, null>>
  private readonly receive: Receiver<K, V>
  private readonly timestamp: TimestampExtractor<K, V> | undefined
  private readonly keys: (K | undefined)[] = []
  private readonly values: (V | undefined)[] = []
  private readonly timestampsMs: number[] = []

  constructor(
    topic: Topic<K, V>,
    codecs: { readonly key: Codec<Exclude<K, null>>; readonly value: Codec<Exclude<V, null>> },
    receive: Receiver<K, V>,
    timestamp: TimestampExtractor<K, V> | undefined,
  ) {
    this.topic = topic
    this.keyCodec = codecs.key
    this.valueCodec = codecs.value
    this.receive = receive
    this.timestamp = timestamp
  }

  decode(batch: RecordBatch, index: number, slot: number): void {
    const keyStart = batch.keyStarts[index]!
    const valueStart = batch.valueStarts[index]!
    const key: K =
      keyStart < 0
        ? this.allowedNull<K>(this.topic.key, 'key')
        : this.keyCodec.decode(batch.bytes, keyStart, batch.keyEnds[index]!)
    const value: V =
      valueStart < 0
        ? this.allowedNull<V>(this.topic.value, 'value')
        : this.valueCodec.decode(batch.bytes, valueStart, batch.valueEnds[index]!)
    const recordTimestampMs = batch.timestampsMs[index]!
    this.timestampsMs[slot] =
      this.timestamp === undefined
        ? recordTimestampMs
        : checkedTimestamp(this.timestamp(value, recordTimestampMs, key))
    this.keys[slot] = key
    this.values[slot] = value
  }

  timestampOf(slot: number): number {
    return this.timestampsMs[slot]!
  }

  keyOf(slot: number): K {
    return this.keys[slot] as K
  }

  process(slot: number): void {
    // Decoded, and not processed before: what is there is of these types.
    const key = this.keys[slot] as K
    const value = this.values[slot] as V
    // Objects that die young cost the garbage collector nothing; a thousand kept in every task would be copied each time.
    this.keys[slot] = undefined
    this.values[slot] = undefined
    this.receive(key, value, this.timestampsMs[slot]!)
  }

  async loadSchema(id: number): Promise<void> {
    await Promise.all([this.keyCodec.loadSchema?.(id), this.valueCodec.loadSchema?.(id)])
  }

  private allowedNull<T>(serde: { readonly nullable: boolean }, what: 'key' | 'value'): T {
    // A serde is nullable exactly when null is in its type, which the compiler cannot see from a boolean.
    if (serde.nullable) return null as T
    throw new StreamsError(
      'RECORD_NULL_NOT_ALLOWED',
      `topic ${this.topic.name}: the ${what} is null; declare it with nullable(…) if that is meant to be`,
    )
  }
}
