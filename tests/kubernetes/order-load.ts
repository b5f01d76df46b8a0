/** Orders that go to the Order API one portion after another, and what has to become of them in the tables. */
import { simulateOrders } from '../../api/simulator/simulate-orders.ts'
import { countRows, differences, ExpectedTables, readRows } from '../compose/expected-tables.ts'
import { waitFor } from '../support/waiting.ts'
import type { Release } from './release.ts'
import { type Pauses, RowWatch } from './row-watch.ts'

const ordersPerRequest = 20
const requestsPerSecond = 10
const minutes = 60_000

export class OrderLoad {
  private readonly release: Release
  private readonly expected = new ExpectedTables()
  private readonly events = simulateOrders({
    seed: 11,
    orders: 100_000,
    lateShare: 0.05,
    startTimeMs: Date.UTC(2017, 1, 1),
  })[Symbol.iterator]()

  constructor(release: Release) {
    this.release = release
  }

  /**
   * Sends steadily until what happens meanwhile is over and rows come into every partition again, then waits for the tables.
   * @returns how long rows stayed away
   */
  async during(fault: () => Promise<void>): Promise<Pauses> {
    const watch = new RowWatch(await this.release.openDatabase())
    let isOver = false
    const sending = this.send(() => isOver)
    try {
      await watch.seesAll()
      watch.forget()
      await fault()
      await watch.seesAll()
    } finally {
      isOver = true
      await sending
      await watch.close()
    }
    await this.settle()
    return watch.pauses
  }

  /** So many events, and what comes of them. */
  async bring(count: number): Promise<void> {
    await this.give(count)
    await this.settle()
  }

  /** So many events, whatever comes of them. */
  async give(count: number): Promise<void> {
    let requests = Math.ceil(count / ordersPerRequest)
    await this.send(() => {
      requests--
      return requests <= 0
    })
  }

  private async send(isOver: () => boolean): Promise<void> {
    do {
      const beganMs = performance.now()
      const chunk: Uint8Array[] = []
      while (chunk.length < ordersPerRequest) {
        const { value, done } = this.events.next()
        if (done === true) throw new Error('the load ran out of orders')
        chunk.push(value.bytes)
      }
      await this.post(chunk)
      for (const event of chunk) this.expected.take(event)
      const restMs = 1000 / requestsPerSecond - (performance.now() - beganMs)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs)))
    } while (!isOver())
  }

  /** As producers do: what was not answered is sent again, and known again by its order and status. */
  private async post(chunk: readonly Uint8Array[]): Promise<void> {
    const body = `[${chunk.map((event) => Buffer.from(event).toString('utf8')).join(',')}]`
    let answer = ''
    const isAccepted = async (): Promise<boolean> => {
      try {
        const response = await fetch(`${await this.release.apiUrl()}/v1/orders`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
          signal: AbortSignal.timeout(60_000),
        })
        answer = `${response.status} ${await response.text()}`
        return response.status === 202
      } catch (error) {
        answer = String(error)
        return false
      }
    }
    await waitFor('the Order API takes orders', isAccepted, {
      deadlineMs: 3 * minutes,
      longestPauseMs: 500,
      state: () => answer,
    })
  }

  /** Waits until the tables are as they should be; when they do not become so, says how they differ. */
  async settle(): Promise<void> {
    const rows = this.expected.rows()
    const counts = Object.fromEntries(Object.entries(rows).map(([name, { length }]) => [name, length]))
    const database = await this.release.openDatabase()
    let wrong: unknown
    const isRight = async (): Promise<boolean> => {
      const actual = await countRows(database)
      wrong = actual
      if (JSON.stringify(actual) !== JSON.stringify(counts)) return false
      const differing = differences(rows, await readRows(database))
      wrong = differing
      return differing.length === 0
    }
    try {
      await waitFor(`the tables hold ${JSON.stringify(counts)}`, isRight, {
        deadlineMs: 3 * minutes,
        longestPauseMs: 500,
        state: () => JSON.stringify(wrong, null, 1),
      })
    } finally {
      await database.close()
    }
  }
}
