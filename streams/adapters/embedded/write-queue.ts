/**
 * Everything the embedded log writes goes through here.
 *
 * Invariants:
 * 1. What is enqueued within one turn of the event loop goes to the store as one batch, so that tasks which commit
 *    together pay for one sync. Each part takes effect with the batch or not at all.
 * 2. Nothing is visible before its batch is written.
 * 3. After a failed write nothing more is written: what the store then holds is only known once it is opened again.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Store, StoreBatch } from '../../ports/store.ts'

interface QueuedWrite {
  fill(batch: StoreBatch): void
  written(): void
  resolve(): void
  reject(error: unknown): void
}

export class WriteQueue {
  private readonly store: Store
  private readonly clock: Clock
  private readonly sync: boolean
  private queued: QueuedWrite[] = []
  private flushing: Promise<void> | undefined
  private failure: unknown

  constructor(store: Store, clock: Clock, sync: boolean) {
    this.store = store
    this.clock = clock
    this.sync = sync
  }

  /** Writes with whatever else is enqueued in this turn, then calls `written`, then resolves. */
  enqueue(fill: (batch: StoreBatch) => void, written: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queued.push({ fill, written, resolve, reject })
      this.flushing ??= this.flushAfterTurn()
    })
  }

  /** Writes at once. */
  writeNow(fill: (batch: StoreBatch) => void): void {
    this.write(fill, this.sync)
  }

  /** Writes at once what may be lost in a power failure, as long as nothing older is. */
  writeUnsynced(fill: (batch: StoreBatch) => void): void {
    this.write(fill, false)
  }

  /** Resolves when everything enqueued so far is settled. */
  async drained(): Promise<void> {
    while (this.flushing !== undefined) await this.flushing
  }

  private async flushAfterTurn(): Promise<void> {
    await this.clock.yieldTurn()
    const writes = this.queued
    this.queued = []
    this.flushing = undefined
    try {
      this.writeNow((batch) => {
        for (const write of writes) write.fill(batch)
      })
    } catch (error) {
      for (const write of writes) write.reject(error)
      return
    }
    for (const write of writes) write.written()
    for (const write of writes) write.resolve()
  }

  private write(fill: (batch: StoreBatch) => void, sync: boolean): void {
    this.checkUsable()
    const batch = this.store.batch()
    fill(batch)
    try {
      this.store.write(batch, { sync })
    } catch (error) {
      this.failure = error
      throw error
    }
  }

  private checkUsable(): void {
    if (this.failure === undefined) return
    if (this.failure instanceof StreamsError) throw this.failure
    throw new StreamsError(
      'LOG_UNAVAILABLE',
      `an earlier write to the log failed: ${messageOf(this.failure)}`,
      {
        cause: this.failure,
      },
    )
  }
}
