/** Reading parts of topics: ranges of offsets, single records, and values in whatever schema they were written. */
import { StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log, LogReader, OffsetRange, TopicPartition, TopicSettings } from '../../ports/log.ts'
import { headersAt, keyAt, type RecordBatch, valueAt } from '../../records/record-batch.ts'
import { Signal } from '../../runtime/signal.ts'
import { type Codec, SchemaNotLoaded } from '../../serde/serde.ts'
import type { RecordContent, RecordPlace } from './letter.ts'

export interface ReadingPorts {
  readonly log: Log
  readonly clock: Clock
}

/** The settings of a topic; undefined when there is none of that name. */
export async function settingsOf(
  { log }: Pick<ReadingPorts, 'log'>,
  topic: string,
): Promise<TopicSettings | undefined> {
  try {
    return (await log.describeTopics([topic]))[0]
  } catch (error) {
    if (error instanceof StreamsError && error.code === 'TOPIC_UNKNOWN') return undefined
    throw error
  }
}

/** All partitions of a topic with where they begin and end now; none when there is no such topic. */
export async function rangesOf({ log }: Pick<ReadingPorts, 'log'>, topic: string): Promise<OffsetRange[]> {
  const partitions = (await settingsOf({ log }, topic))?.partitions ?? 0
  return log.offsetRanges(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
}

/** Offsets of a partition, from the first to before the last. */
export interface PartitionRange extends TopicPartition {
  readonly from: number
  readonly to: number
}

/** Whoever reads holds this much of a partition that nobody has looked at yet. */
const bufferedMaxBytes = 256 * 1024
/** Nothing comes while the log is away. */
const lookAgainMs = 250

/** A reader that is waited for, and gives up when somebody says so. */
export class WaitingReader {
  readonly reader: LogReader
  private readonly news: Signal
  private readonly signal: AbortSignal | undefined
  private readonly wake = (): void => this.news.notify()
  private failure: StreamsError | undefined

  constructor({ log, clock }: ReadingPorts, signal?: AbortSignal) {
    this.news = new Signal(clock)
    this.signal = signal
    this.reader = log.openReader({
      onReady: this.wake,
      onError: (_partition, error) => {
        this.failure = error
        this.wake()
      },
      maxBufferedBytes: bufferedMaxBytes,
    })
    signal?.addEventListener('abort', this.wake)
  }

  /** Waits until there may be something to take. @throws what the log says; CLOSED when it is to give up */
  async wait(): Promise<void> {
    this.check()
    await this.news.wait(lookAgainMs)
    this.check()
  }

  /** @throws what the log says; CLOSED when it is to give up */
  check(): void {
    if (this.failure !== undefined) throw this.failure
    checkGoesOn(this.signal)
  }

  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.wake)
    await this.reader.close()
  }
}

/** @throws CLOSED when somebody has said that it is to stop */
export function checkGoesOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new StreamsError('CLOSED', 'the work was broken off')
}

/**
 * Hands over the batches of ranges, each partition's in its order. Batches may begin before a range and reach beyond it.
 * @throws OFFSET_OUT_OF_RANGE, TOPIC_UNKNOWN, LOG_UNAVAILABLE; CLOSED
 */
export async function readRanges(
  ports: ReadingPorts,
  ranges: readonly PartitionRange[],
  onBatch: (batch: RecordBatch, range: PartitionRange) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const waiting = new Set(ranges.filter(({ from, to }) => from < to))
  if (waiting.size === 0) return
  const source = new WaitingReader(ports, signal)
  const { reader } = source
  try {
    for (const range of waiting) reader.follow(range, range.from)
    while (waiting.size > 0) {
      source.check()
      let taken = false
      for (const range of waiting) {
        const batch = reader.take(range)
        if (batch !== null) {
          taken = true
          if (batch.length > 0) await onBatch(batch, range)
        }
        if (reader.position(range) < range.to) continue
        waiting.delete(range)
        reader.unfollow(range)
      }
      if (!taken && waiting.size > 0) await source.wait()
    }
  } finally {
    await source.close()
  }
}

/**
 * Finds records by their places. Records that lie close behind each other are read in one go.
 * @throws from `find` what the log says; CLOSED
 */
export class RecordFinder {
  private readonly ports: ReadingPorts
  private readonly signal: AbortSignal | undefined
  private source: WaitingReader | undefined
  /** What was read last of each partition. */
  private readonly batches = new Map<string, { readonly batch: RecordBatch; readonly from: number }>()

  constructor(ports: ReadingPorts, signal?: AbortSignal) {
    this.ports = ports
    this.signal = signal
  }

  /** Undefined when the log does not have it any more, or never had. */
  async find(place: RecordPlace): Promise<{ batch: RecordBatch; index: number } | undefined> {
    const id = `${place.topic}-${place.partition}`
    const known = this.batches.get(id)
    if (known !== undefined && known.from <= place.offset && place.offset < known.batch.nextOffset)
      return found(known.batch, place.offset)
    const batch = await this.read(place)
    if (batch === undefined) return undefined
    this.batches.set(id, { batch, from: place.offset })
    return found(batch, place.offset)
  }

  async close(): Promise<void> {
    this.batches.clear()
    await this.source?.close()
  }

  private async read(place: RecordPlace): Promise<RecordBatch | undefined> {
    const { log } = this.ports
    const [range] = await log.offsetRanges([place])
    if (range === undefined || place.offset < range.start || place.offset >= range.end) return undefined
    this.source ??= new WaitingReader(this.ports, this.signal)
    const { reader } = this.source
    reader.follow(place, place.offset)
    try {
      for (;;) {
        this.source.check()
        const batch = reader.take(place)
        if (batch !== null && batch.length > 0) return batch
        if (reader.position(place) > place.offset) return undefined
        if (batch === null) await this.source.wait()
      }
    } finally {
      reader.unfollow(place)
    }
  }
}

function found(batch: RecordBatch, offset: number): { batch: RecordBatch; index: number } | undefined {
  for (let index = 0; index < batch.length; index++) {
    if (batch.offsets[index]! === offset) return { batch, index }
  }
  return undefined
}

/** A copy, so that it does not keep its batch. */
export function contentAt(batch: RecordBatch, index: number): RecordContent {
  const key = keyAt(batch, index)
  const value = valueAt(batch, index)
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headersAt(batch, index),
    timestampMs: batch.timestampsMs[index]!,
  }
}

/** @throws whatever the codec throws: the bytes are at fault; REGISTRY_UNAVAILABLE */
export async function decodeLoading<T>(codec: Codec<T>, bytes: Buffer): Promise<T> {
  try {
    return codec.decode(bytes, 0, bytes.length)
  } catch (error) {
    if (!(error instanceof SchemaNotLoaded)) throw error
    await codec.loadSchema?.(error.schemaId)
    return codec.decode(bytes, 0, bytes.length)
  }
}
