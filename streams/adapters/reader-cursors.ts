/**
 * What readers of every log have in common: a cursor for each partition that is followed, and when the owner is called back.
 *
 * Invariants:
 * 1. Callbacks come from a microtask, never from inside a call of the reader, and none comes after `close` began.
 * 2. However much becomes ready in a turn, the owner is told once.
 * 3. What fails is told only as long as the failed cursor is the partition's.
 */
import { StreamsError } from '../errors.ts'
import type { ReaderOptions, TopicPartition } from '../ports/log.ts'

export class ReaderCursors<C> {
  private readonly options: ReaderOptions
  private readonly cursors = new Map<string, C[]>()
  private wakeScheduled = false
  private closed = false

  constructor(options: ReaderOptions) {
    this.options = options
  }

  get({ topic, partition }: TopicPartition): C | undefined {
    return this.cursors.get(topic)?.[partition]
  }

  /** @throws INVARIANT_VIOLATED */
  expect({ topic, partition }: TopicPartition): C {
    const cursor = this.cursors.get(topic)?.[partition]
    if (cursor !== undefined) return cursor
    throw new StreamsError(
      'INVARIANT_VIOLATED',
      `${topic}-${partition} is not followed, so it has no position`,
    )
  }

  set({ topic, partition }: TopicPartition, cursor: C): void {
    const ofTopic = this.cursors.get(topic) ?? []
    ofTopic[partition] = cursor
    this.cursors.set(topic, ofTopic)
  }

  /** Answers the cursor that was there. */
  remove({ topic, partition }: TopicPartition): C | undefined {
    const ofTopic = this.cursors.get(topic)
    const cursor = ofTopic?.[partition]
    if (ofTopic !== undefined) delete ofTopic[partition]
    return cursor
  }

  *[Symbol.iterator](): IterableIterator<C> {
    for (const ofTopic of this.cursors.values()) {
      for (const cursor of ofTopic) if (cursor !== undefined) yield cursor
    }
  }

  /** Something may be there to take. */
  wake(): void {
    if (this.wakeScheduled) return
    this.wakeScheduled = true
    queueMicrotask(() => {
      this.wakeScheduled = false
      if (!this.closed) this.options.onReady()
    })
  }

  /** @param cursor of which it is told; undefined for a partition that could not get one */
  report({ topic, partition }: TopicPartition, error: StreamsError, cursor: C | undefined): void {
    queueMicrotask(() => {
      const stillWanted = cursor === undefined || this.get({ topic, partition }) === cursor
      if (!this.closed && stillWanted) this.options.onError({ topic, partition }, error)
    })
  }

  /** @throws CLOSED */
  checkOpen(): void {
    if (this.closed) throw new StreamsError('CLOSED', 'the reader was used after it had been closed')
  }

  /** Nothing calls back any more. Answers the cursors that there were. */
  close(): readonly C[] {
    this.closed = true
    const all = [...this]
    this.cursors.clear()
    return all
  }
}
