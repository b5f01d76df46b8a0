/**
 * What one fetch brought of a partition, handed out run by run: several small batches become one run, so that the reader's
 * work goes by runs and not by what a writer happened to send at once.
 *
 * Invariants:
 * 1. Runs come in offset order, each begins at or after the position asked for, and together they end where the fetch does.
 * 2. Records of aborted transactions and control records are never in a run; their offsets are passed over.
 * 3. A run's records lie in one buffer: that of the fetch itself, or what compressed batches were expanded to.
 * 4. The batches are checked as they arrive, so that damaged ones can be fetched again; their records as they are handed out.
 */
import { StreamsError } from '../../../errors.ts'
import type { RecordBatch } from '../../../records/record-batch.ts'
import { type AbortedTransaction, AbortedTransactions } from './aborted-transactions.ts'
import { type BatchHeader, checkRecordCount, readBatchHeader } from './batch-header.ts'
import { decompress } from './compression.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { RecordColumns } from './decode-records.ts'

/** A run ends with the batch that brings it to this many records, or expands to this many bytes. */
const runRecords = 2000
const runExpandedBytes = 1024 * 1024

interface Piece {
  readonly header: BatchHeader
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

export class FetchedRecords {
  readonly byteLength: number
  /** The offset after the last batch; undefined when there is no batch. */
  readonly endOffset: number | undefined
  private readonly topic: string
  private readonly partition: number
  private readonly bytes: Buffer
  private readonly aborted: AbortedTransactions
  private readonly headers: readonly BatchHeader[]
  private nextHeader = 0

  /** @throws LOG_UNREADABLE when a batch is damaged or in a message format that is not read */
  constructor(options: {
    readonly topic: string
    readonly partition: number
    readonly bytes: Buffer
    readonly start: number
    readonly end: number
    readonly aborted: readonly AbortedTransaction[]
  }) {
    this.topic = options.topic
    this.partition = options.partition
    this.bytes = options.bytes
    this.byteLength = options.end - options.start
    this.aborted = new AbortedTransactions(options.aborted)
    this.headers = this.readHeaders(options.start, options.end)
    this.endOffset = this.headers.at(-1)?.nextOffset
  }

  /**
   * The next run of records from `position`, or null when nothing is left. Its length is 0 where nothing of it may be seen.
   * @throws LOG_UNREADABLE when records are damaged or compressed with a codec that is not there
   */
  next(position: number): RecordBatch | null {
    if (this.nextHeader === this.headers.length) return null
    try {
      const pieces = this.collect(position)
      return this.decode(pieces, Math.max(position, this.headers[this.nextHeader - 1]!.nextOffset), position)
    } catch (error) {
      throw error instanceof DamagedBytes ? this.unreadable(error, position) : error
    }
  }

  private readHeaders(start: number, end: number): BatchHeader[] {
    const headers: BatchHeader[] = []
    try {
      for (let at = start; at < end; ) {
        const header = readBatchHeader(this.bytes, at, end)
        if (header === undefined) break
        headers.push(header)
        at = header.end
      }
      if (headers.length === 0 && end > start) throw new DamagedBytes('the first batch is cut off')
      return headers
    } catch (error) {
      throw error instanceof DamagedBytes ? this.unreadable(error, headers.at(-1)?.nextOffset) : error
    }
  }

  /** The batches of the next run that have records to be seen. */
  private collect(position: number): Piece[] {
    const pieces: Piece[] = []
    let records = 0
    let expandedBytes = 0
    while (
      this.nextHeader < this.headers.length &&
      records < runRecords &&
      expandedBytes < runExpandedBytes
    ) {
      const header = this.headers[this.nextHeader]!
      const compressed = header.compressionCode !== 0
      // Compressed and plain batches lie in different buffers, so they make different runs.
      if (pieces.length > 0 && compressed !== (pieces[0]!.bytes !== this.bytes)) break
      this.nextHeader++
      if (this.aborted.hides(header, this.bytes) || header.nextOffset <= position) continue
      const piece = compressed
        ? this.expand(header)
        : { header, bytes: this.bytes, start: header.recordsStart, end: header.end }
      pieces.push(piece)
      records += header.recordCount
      if (compressed) expandedBytes += piece.end
    }
    return pieces
  }

  private expand(header: BatchHeader): Piece {
    const compressed = this.bytes.subarray(header.recordsStart, header.end)
    const bytes = decompress(compressed, header.compressionCode, `${this.topic}-${this.partition}`)
    checkRecordCount(header, bytes.length)
    return { header, bytes, start: 0, end: bytes.length }
  }

  private decode(pieces: readonly Piece[], nextOffset: number, position: number): RecordBatch {
    const { topic, partition } = this
    const columns = columnsFor(pieces)
    let shift = 0
    for (const { header, bytes, start, end } of pieces) {
      columns.addBatch(header, start + shift, end + shift, position)
      if (bytes !== columns.bytes) shift += bytes.length
    }
    const { length, bytes, offsets, timestampsMs, keyStarts, keyEnds, valueStarts, valueEnds, headers } =
      columns
    return {
      topic,
      partition,
      length,
      bytes,
      offsets,
      timestampsMs,
      keyStarts,
      keyEnds,
      valueStarts,
      valueEnds,
      headers,
      nextOffset,
    }
  }

  private unreadable(error: DamagedBytes, offset: number | undefined): StreamsError {
    const { topic, partition } = this
    const from = offset === undefined ? '' : ` from offset ${offset} on`
    return new StreamsError(
      'LOG_UNREADABLE',
      `${topic}-${partition} cannot be read${from}: ${error.message}`,
      {
        details: { topic, partition, offset: offset ?? null },
        cause: error,
      },
    )
  }
}

function columnsFor(pieces: readonly Piece[]): RecordColumns {
  let records = 0
  for (const { header } of pieces) records += header.recordCount
  const first = pieces[0]
  if (first === undefined) return new RecordColumns(Buffer.alloc(0), 0)
  if (pieces.every(({ bytes }) => bytes === first.bytes)) return new RecordColumns(first.bytes, records)
  return new RecordColumns(Buffer.concat(pieces.map(({ bytes }) => bytes)), records)
}
