import type { StoreEntry } from '../ports/store.ts'
import { storeClosed } from './store-errors.ts'

/** Where a range's entries come from. `close` is called once, whatever happened before. */
export interface EntrySource {
  next(): StoreEntry | undefined
  close(): void
}

/**
 * The ranges of a store that are being read. Each holds a view of the database that must be released before the
 * database can be closed, so the store knows them all.
 */
export class OpenRanges {
  private readonly storeName: string
  private readonly ranges = new Set<Range>()

  constructor(storeName: string) {
    this.storeName = storeName
  }

  open(source: EntrySource): IterableIterator<StoreEntry> {
    const range = new Range(source, this.storeName, (closed) => this.ranges.delete(closed))
    this.ranges.add(range)
    return range
  }

  /** Closes the ranges still open and answers how many they were. Whoever goes on reading one gets CLOSED. */
  closeAll(): number {
    const count = this.ranges.size
    for (const range of this.ranges) range.abandon()
    return count
  }
}

class Range implements IterableIterator<StoreEntry> {
  private readonly source: EntrySource
  private readonly storeName: string
  private readonly onClosed: (range: Range) => void
  private state: 'open' | 'ended' | 'abandoned' = 'open'

  constructor(source: EntrySource, storeName: string, onClosed: (range: Range) => void) {
    this.source = source
    this.storeName = storeName
    this.onClosed = onClosed
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<StoreEntry> {
    if (this.state === 'abandoned') throw storeClosed(this.storeName)
    if (this.state === 'ended') return { done: true, value: undefined }
    try {
      const entry = this.source.next()
      if (entry !== undefined) return { done: false, value: entry }
    } catch (error) {
      this.end('ended')
      throw error
    }
    return this.return()
  }

  return(): IteratorResult<StoreEntry> {
    this.end('ended')
    return { done: true, value: undefined }
  }

  abandon(): void {
    this.end('abandoned')
  }

  private end(state: 'ended' | 'abandoned'): void {
    if (this.state !== 'open') return
    this.state = state
    this.onClosed(this)
    this.source.close()
  }
}
