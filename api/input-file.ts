/**
 * Reads order events from a file, or from a stream, into the log.
 *
 * 1. Every line becomes one record as it stands, also one that is empty or no order. The end of the last line is not a
 *    line; a carriage return before the line feed is not part of the line.
 * 2. A file is read exactly once: its lines and the position behind them go out in one transaction, under a
 *    transactional id made from the file's content, so that two readers of one file cannot both commit. Reading starts
 *    at the position that was committed, after a crash and after an error alike.
 * 3. A line without a valid time is stamped with the time of the line before it: reading twice gives the same records.
 * 4. A stream has no identity: it is read from where it stands, and what was read before cannot be known.
 *
 * Memory is bounded by one batch.
 */
import type { Readable } from 'node:stream'
import { routeOrder } from '../orders/order-route.ts'
import type { ParseLimits } from '../orders/parse-order.ts'
import type { OrderInputProgress } from '../schemas/generated/records.ts'
import {
  type Clock,
  type Log,
  recoveryOf,
  type SchemaRegistry,
  type Topic,
  type TransactionalProducer,
} from '../streams/index.ts'
import { OrderApiError } from './errors.ts'
import { type InputPosition, InputPositions } from './input-position.ts'
import { type InputFile, type InputStream, identifyFile, openFile, openStream } from './input-source.ts'
import { type Line, LineSplitter } from './line-splitter.ts'
import { OrderBatches } from './order-batches.ts'
import { pause } from './pause.ts'

export interface InputOptions {
  readonly log: Log
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly topics: {
    /** Gets the lines. */
    readonly orderRaw: { readonly name: string }
    /** Gets the positions. */
    readonly orderInput: Topic<string, OrderInputProgress>
  }
  readonly limits?: Partial<InputLimits>
  readonly parseLimits?: ParseLimits
  /** Called after every batch, and once at the start. */
  readonly onProgress?: (progress: InputProgress) => void
  /** Ends the reading after the batch at hand. */
  readonly signal?: AbortSignal
}

export interface InputLimits {
  readonly batchLines: number
  readonly batchBytes: number
  /** A longer line is cut off. Must be more than an order may have, so that it is not taken for one. */
  readonly maxLineBytes: number
  /** Failures in a row, with nothing read in between, after which reading gives up. */
  readonly maxFailures: number
  /** The pause after the first failure; it doubles with each. */
  readonly firstPauseMs: number
}

const defaultLimits: InputLimits = {
  batchLines: 5000,
  batchBytes: 4 * 1024 * 1024,
  maxLineBytes: 1_001_000,
  maxFailures: 8,
  firstPauseMs: 50,
}

export interface InputProgress {
  /** In the log by now, those of earlier runs included. */
  readonly lines: number
  /** Read by now, compressed or not as they are stored. */
  readonly bytes: number
  /** Null for a stream, which may have no end. */
  readonly totalBytes: number | null
  readonly done: boolean
}

export interface InputResult {
  readonly lines: number
  /** Lines that this run appended; the others were in the log already. */
  readonly appendedLines: number
  /** False when the signal ended the reading. */
  readonly done: boolean
}

/**
 * Reads a file, plain or compressed with gzip, to its end.
 * @throws INPUT_NOT_FOUND, INPUT_UNREADABLE, INPUT_CORRUPT; PRODUCER_FENCED when another process reads the same file
 */
export async function ingestFile(path: string, options: InputOptions): Promise<InputResult> {
  const limits = { ...defaultLimits, ...options.limits }
  const file = await identifyFile(path)
  let startLines: number | undefined
  let lastLines = -1
  for (let failures = 0; ; failures++) {
    try {
      const run = await FileRun.open(file, options)
      try {
        startLines ??= run.position.lines
        if (run.position.lines > lastLines) failures = 0
        lastLines = run.position.lines
        const { lines, done } = await run.read(limits)
        return { lines, appendedLines: lines - startLines, done }
      } finally {
        await run.close()
      }
    } catch (error) {
      const recovery = recoveryOf(error)
      const mayPass = recovery === 'retry' || recovery === 'rebuild-task'
      if (!mayPass || failures + 1 >= limits.maxFailures) throw error
      await pause(options.clock, limits.firstPauseMs * 2 ** failures)
    }
  }
}

/** Reads a stream, such as standard input, to its end, appending whatever has come without waiting for more. */
export async function ingestStream(
  source: Readable,
  options: Omit<InputOptions, 'registry'>,
): Promise<InputResult> {
  const limits = { ...defaultLimits, ...options.limits }
  const [topic] = await options.log.describeTopics([options.topics.orderRaw.name])
  const batches = new OrderBatches(topic!.name, topic!.partitions)
  const stream = openStream(source, 'stream', options.signal)
  const position = await readLines(stream, {
    options,
    limits,
    batches,
    commitEveryChunk: true,
    from: { lines: 0, bytes: 0, done: false, timeMs: 0 },
    totalBytes: null,
    commit: async () => {
      if (batches.length > 0) await options.log.append(batches.take())
    },
  })
  return { lines: position.lines, appendedLines: position.lines, done: position.done }
}

/** One attempt at a file, from the position that the log has. */
class FileRun {
  private readonly file: InputFile
  private readonly options: InputOptions
  private readonly producer: TransactionalProducer
  private readonly positions: InputPositions
  private readonly batches: OrderBatches
  readonly position: InputPosition

  private constructor(
    file: InputFile,
    options: InputOptions,
    producer: TransactionalProducer,
    positions: InputPositions,
    batches: OrderBatches,
    position: InputPosition,
  ) {
    this.file = file
    this.options = options
    this.producer = producer
    this.positions = positions
    this.batches = batches
    this.position = position
  }

  static async open(file: InputFile, options: InputOptions): Promise<FileRun> {
    const { log, clock, registry, topics } = options
    const [raw] = await log.describeTopics([topics.orderRaw.name])
    const key = file.sha256
    const positions = await InputPositions.open({
      log,
      clock,
      registry,
      topic: topics.orderInput,
      key,
      file: file.path,
    })
    // Opening the producer ends what its predecessor had begun; only then is the position final.
    const producer = await log.openTransactionalProducer({
      transactionalId: `order-input-${key}`,
      timeoutMs: 60_000,
    })
    try {
      const batches = new OrderBatches(raw!.name, raw!.partitions)
      return new FileRun(file, options, producer, positions, batches, await positions.latest())
    } catch (error) {
      await producer.close()
      throw error
    }
  }

  async read(limits: InputLimits): Promise<InputPosition> {
    const { options, file, producer, batches } = this
    if (this.position.done) {
      const { lines } = this.position
      options.onProgress?.({ lines, bytes: file.bytes, totalBytes: file.bytes, done: true })
      return this.position
    }
    return readLines(openFile(file, options.signal), {
      options,
      limits,
      batches,
      commitEveryChunk: false,
      from: this.position,
      totalBytes: file.bytes,
      commit: async (position) => {
        await producer.send([...batches.take(), this.positions.encode(position)])
        await producer.commit()
      },
    })
  }

  async close(): Promise<void> {
    await this.producer.close()
  }
}

interface Reading {
  readonly options: Pick<InputOptions, 'clock' | 'parseLimits' | 'onProgress' | 'signal'>
  readonly limits: InputLimits
  readonly batches: OrderBatches
  /** For a stream that trickles: what has come must not wait for a full batch. */
  readonly commitEveryChunk: boolean
  readonly from: InputPosition
  readonly totalBytes: number | null
  /** Appends the batches, so that they and the position behind them are there together. */
  commit(position: InputPosition): Promise<void>
}

/** Reads on from a position to the end of the stream, and answers the position that was committed last. */
async function readLines(stream: InputStream, reading: Reading): Promise<InputPosition> {
  const { options, limits, batches, from, totalBytes } = reading
  let position = from
  const report = () => {
    const { lines, done } = position
    options.onProgress?.({ lines, bytes: stream.bytesRead(), totalBytes, done })
  }
  const commit = async (): Promise<void> => {
    await reading.commit(position)
    report()
  }
  const add = ({ bytes, end }: Line): void => {
    const { key, timeMs } = routeOrder(bytes, options.clock.now(), options.parseLimits)
    const lineTimeMs = timeMs ?? position.timeMs
    batches.add(bytes, key, lineTimeMs)
    position = { lines: position.lines + 1, bytes: end, done: false, timeMs: lineTimeMs }
  }
  const isFull = () => batches.length >= limits.batchLines || batches.byteLength >= limits.batchBytes
  const isAborted = () => options.signal?.aborted === true

  report()
  const splitter = new LineSplitter(limits.maxLineBytes, from.bytes)
  try {
    for await (const chunk of withoutFirst(stream.chunks(), from.bytes)) {
      for (const line of splitter.push(chunk)) {
        add(line)
        if (isFull()) await commit()
        if (isAborted()) break
      }
      if (batches.length > 0 && reading.commitEveryChunk) await commit()
      if (isAborted()) break
    }
  } catch (error) {
    // The input is damaged here: what came before it is not lost.
    if (error instanceof OrderApiError && batches.length > 0) await commit()
    throw error
  }
  if (isAborted()) {
    if (batches.length > 0) await commit()
    return position
  }
  for (const line of splitter.end()) add(line)
  position = { ...position, done: true }
  await commit()
  return position
}

async function* withoutFirst(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let skip = bytes
  for await (const chunk of chunks) {
    if (skip < chunk.length) yield chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.length)
  }
}
