/** One reader of the log: its cursors, over the fetcher that all readers share. A partition that failed stays silent until it is followed anew. */
import type { LogReader, ReaderOptions, TopicPartition } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { ReaderCursors } from '../reader-cursors.ts'
import { Cursor } from './cursor.ts'
import type { Fetcher } from './fetcher.ts'

const defaultMaxBufferedBytes = 4 * 1024 * 1024

export class KafkaReader implements LogReader {
  private readonly fetcher: Fetcher
  private readonly maxBufferedBytes: number
  private readonly cursors: ReaderCursors<Cursor>
  private readonly onClosed: () => void

  constructor(fetcher: Fetcher, options: ReaderOptions, onClosed: () => void) {
    this.fetcher = fetcher
    this.maxBufferedBytes = options.maxBufferedBytes ?? defaultMaxBufferedBytes
    this.cursors = new ReaderCursors(options)
    this.onClosed = onClosed
  }

  follow(partition: TopicPartition, offset: number): void {
    this.cursors.checkOpen()
    this.unfollow(partition)
    const cursor: Cursor = new Cursor(partition, offset, this.maxBufferedBytes, {
      ready: () => this.cursors.wake(),
      drained: () => this.fetcher.want(cursor),
      failed: (error) => this.cursors.report(cursor, error, cursor),
    })
    this.cursors.set(partition, cursor)
    this.fetcher.want(cursor)
  }

  unfollow(partition: TopicPartition): void {
    const cursor = this.cursors.remove(partition)
    if (cursor !== undefined) this.drop(cursor)
  }

  take(partition: TopicPartition): RecordBatch | null {
    return this.cursors.get(partition)?.take() ?? null
  }

  position(partition: TopicPartition): number {
    return this.cursors.expect(partition).position
  }

  end(partition: TopicPartition): number | undefined {
    return this.cursors.get(partition)?.end
  }

  get isSilent(): boolean {
    return [...this.cursors].some((cursor) => this.fetcher.isSilent(cursor))
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors.close()) this.drop(cursor)
    this.onClosed()
  }

  private drop(cursor: Cursor): void {
    cursor.close()
    this.fetcher.forget(cursor)
  }
}
