/**
 * Watches rows come into the tables, by the positions that the sinks keep with them: for each partition of what a topology writes,
 * the longest time without any.
 */
import type { Database } from '../../sql/index.ts'
import { waitFor } from '../support/waiting.ts'

/** Of each topology that of the partition which was hit worst, in milliseconds. */
export type Pauses = ReadonlyMap<string, number>

const pollMs = 50
const patience = { deadlineMs: 240_000, longestPauseMs: 200 }

/** What gets something all the time under a load of valid orders. */
const watched = ['order-parsed', 'order-processed', 'order-statistics']
const partitions = 6

interface Arrival {
  offset: number
  atMs: number
  longestPauseMs: number
}

export class RowWatch {
  private readonly database: Database
  private readonly arrivals = new Map<string, Arrival>()
  private readonly polling: Promise<void>
  private isClosing = false

  /** @param database is closed with this */
  constructor(database: Database) {
    this.database = database
    this.polling = this.poll()
    this.polling.catch(() => {})
  }

  get pauses(): Pauses {
    const pauses = new Map<string, number>()
    for (const [task, { longestPauseMs }] of this.arrivals) {
      const topology = task.slice(0, task.indexOf('/'))
      pauses.set(topology, Math.max(pauses.get(topology) ?? 0, longestPauseMs))
    }
    return pauses
  }

  /** Resolves when something that came after this call is in each partition. */
  async seesAll(): Promise<void> {
    const sinceMs = performance.now()
    const waitedFor = () => [...this.arrivals].filter(([, { atMs }]) => atMs <= sinceMs).map(([task]) => task)
    const haveAll = () => this.arrivals.size === watched.length * partitions && waitedFor().length === 0
    const state = () => `${this.arrivals.size} known, nothing new in ${waitedFor().join(', ')}`
    await waitFor('rows come into every partition', haveAll, { ...patience, state })
  }

  /** Pauses count from here on. */
  forget(): void {
    for (const arrival of this.arrivals.values()) arrival.longestPauseMs = 0
  }

  async close(): Promise<void> {
    this.isClosing = true
    try {
      await this.polling
    } finally {
      await this.database.close()
    }
  }

  private async poll(): Promise<void> {
    const names = watched.map((name) => `'${name}'`).join(', ')
    const statement = `SELECT task_id, next_offset FROM sink_progress WHERE topic IN (${names}) AND next_offset IS NOT NULL`
    while (!this.isClosing) {
      const rows = await this.database.query(statement)
      for (const row of rows) this.take(String(row['task_id']), Number(row['next_offset']))
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }

  private take(task: string, offset: number): void {
    const atMs = performance.now()
    const last = this.arrivals.get(task)
    if (last === undefined) this.arrivals.set(task, { offset, atMs, longestPauseMs: 0 })
    else if (offset > last.offset) {
      last.longestPauseMs = Math.max(last.longestPauseMs, atMs - last.atMs)
      last.offset = offset
      last.atMs = atMs
    }
  }
}
