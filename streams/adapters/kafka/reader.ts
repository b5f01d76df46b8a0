/**
 * One reader of the log: its cursors, over the fetcher that all readers share.
 *
 * Invariants:
 * 1. Callbacks never come from inside a call of the reader, and none comes after `close` began.
 * 2. A partition that failed stays silent until it is followed anew.
 */
import { StreamsError } from '../../errors.ts'
import type { LogReader, ReaderOptions, TopicPartition } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { Cursor } from './cursor.ts'
import type { Fetcher } from './fetcher.ts'

const defaultMaxBufferedBytes = 4 * 1024 * 1024

export class KafkaReader implements LogReader {
  private readonly fetcher: Fetcher
  private readonly options: ReaderOptions
  private readonly onClosed: () => void
  private readonly cursors = new Map<string, Cursor[]>()
  private wakeScheduled = false
  private closed = false

  constructor(fetcher: Fetcher, options: ReaderOptions, onClosed: () => void) {
    this.fetcher = fetcher
    this.options = options
    this.onClosed = onClosed
  }

  follow(partition: TopicPartition, offset: number): void {
    if (this.closed) throw new StreamsError('CLOSED', 'the reader was used after it had been closed')
    this.unfollow(partition)
    const ofTopic = this.cursors.get(partition.topic) ?? []
    this.cursors.set(partition.topic, ofTopic)
    const maxBytes = this.options.maxBufferedBytes ?? defaultMaxBufferedBytes
    const cursor: Cursor = new Cursor(partition, offset, maxBytes, {
      ready: () => this.wake(),
      drained: () => this.fetcher.want(cursor),
      failed: (error) => this.report(cursor, error),
    })
    ofTopic[partition.partition] = cursor
    this.fetcher.want(cursor)
  }

  unfollow({ topic, partition }: TopicPartition): void {
    const ofTopic = this.cursors.get(topic)
    const cursor = ofTopic?.[partition]
    if (ofTopic === undefined || cursor === undefined) return
    delete ofTopic[partition]
    this.drop(cursor)
  }

  take({ topic, partition }: TopicPartition): RecordBatch | null {
    return this.cursors.get(topic)?.[partition]?.take() ?? null
  }

  position({ topic, partition }: TopicPartition): number {
    const cursor = this.cursors.get(topic)?.[partition]
    if (cursor !== undefined) return cursor.position
    throw new StreamsError(
      'INVARIANT_VIOLATED',
      `${topic}-${partition} is not followed, so it has no position`,
    )
  }

  end({ topic, partition }: TopicPartition): number | undefined {
    return this.cursors.get(topic)?.[partition]?.end
  }

  get isSilent(): boolean {
    return [...this.cursors.values()].some((ofTopic) =>
      ofTopic.some((cursor) => cursor !== undefined && this.fetcher.isSilent(cursor)),
    )
  }

  async close(): Promise<void> {
    this.closed = true
    for (const ofTopic of this.cursors.values()) {
      for (const cursor of ofTopic) if (cursor !== undefined) this.drop(cursor)
    }
    this.cursors.clear()
    this.onClosed()
  }

  private drop(cursor: Cursor): void {
    cursor.close()
    this.fetcher.forget(cursor)
  }

  private wake(): void {
    if (this.wakeScheduled) return
    this.wakeScheduled = true
    queueMicrotask(() => {
      this.wakeScheduled = false
      if (!this.closed) this.options.onReady()
    })
  }

  private report(cursor: Cursor, error: StreamsError): void {
    const { topic, partition } = cursor
    queueMicrotask(() => {
      const stillWanted = this.cursors.get(topic)?.[partition] === cursor
      if (!this.closed && stillWanted) this.options.onError({ topic, partition }, error)
    })
  }
}
