import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { simulateOrders } from '../../api/simulator/simulate-orders.ts'
import { sampleFile } from '../../app/package-info.ts'
import { openControlClient } from '../../control/client.ts'
import {
  GetRowRequest,
  StateServiceService,
} from '../../control/generated/orderstreams/control/v1/state_service.ts'
import {
  ListAssignmentsRequest,
  TopologyServiceService,
} from '../../control/generated/orderstreams/control/v1/topology_service.ts'
import { waitFor } from '../support/waiting.ts'
import { countRows, differences, ExpectedTables, readRows } from './expected-tables.ts'
import { openSystem, type System, whyNoDocker } from './system.ts'

const whyNot = whyNoDocker()
const minutes = 60_000
const patience = { deadlineMs: 3 * minutes, longestPauseMs: 250 }
const ordersPerRequest = 500

// Of the sample's time: statistics leave out what is more than a month late.
const startTimeMs = Date.UTC(2017, 1, 1)
const simulated = [...simulateOrders({ seed: 7, orders: 1500, lateShare: 0.1, startTimeMs })].map(
  ({ bytes }) => bytes,
)
const third = Math.ceil(simulated.length / 3)
const expected = new ExpectedTables()

let system: System

describe.skipIf(whyNot !== null)(
  `docker-compose.yml${whyNot === null ? '' : ` (skipped: ${whyNot})`}`,
  () => {
    beforeAll(async () => {
      system = await openSystem({ cleanse: 3 })
      await system.start()
    }, 20 * minutes)

    afterAll(() => system?.dispose(), 5 * minutes)

    it(
      'should bring orders from the HTTP API into MySQL while containers of the first three stages are killed and come back',
      async () => {
        const sample = sampleOrders()
        const half = Math.ceil(sample.length / 2)
        await send(sample.slice(0, half))
        await waitFor(
          'first orders are in the table',
          async () => (await counts())['order_header']! > 0,
          patience,
        )
        const killed = [
          system.container('ingest-1'),
          system.container('cleanse-2'),
          system.container('statistics-1'),
        ]
        for (const container of killed) await container.kill()
        await send(sample.slice(half))
        await send(simulated.slice(0, third))

        await expectTables()
        for (const container of killed) {
          await waitFor('the container is back', () => container.isHealthy(), patience)
          expect(await container.restarts()).toBe(1)
        }
      },
      10 * minutes,
    )

    it(
      'should be controlled from the host: what other containers run is answered by way of ingest',
      async () => {
        const client = openControlClient({ address: system.controlAddress, timeoutMs: 60_000 })
        try {
          const request = ListAssignmentsRequest.fromPartial({ topology: 'cleanse' })
          const { assignments } = await client.call(TopologyServiceService.listAssignments, request)
          expect(new Set(assignments.map(({ instanceId }) => instanceId)).size).toBe(3)
          const key = JSON.parse(simulated[0]!.toString('utf8')).order_id
          const asked = GetRowRequest.fromPartial({ topology: 'cleanse', store: 'order-memory', key })
          const { row } = await client.call(StateServiceService.getRow, asked)
          expect(row?.key).toBe(key)
        } finally {
          client.close()
        }
      },
      3 * minutes,
    )

    it(
      'should go on where it was after a stop in the midst of work: nothing lost, nothing twice',
      async () => {
        const ids = replicas().map(({ id }) => id)
        await send(simulated.slice(third, 2 * third))
        await system.stop()
        await system.start()
        expect(replicas().map(({ id }) => id)).toEqual(ids)

        // The Order API remembers nothing of before; `cleanse` does.
        await send(simulated.slice(third, third + 200))
        await send(simulated.slice(2 * third))
        await expectTables()
      },
      10 * minutes,
    )
  },
)

function replicas() {
  return ['cleanse-1', 'cleanse-2', 'cleanse-3'].map((name) => system.container(name))
}

function sampleOrders(): Buffer[] {
  const lines = gunzipSync(readFileSync(sampleFile)).toString('utf8').trimEnd().split('\n')
  return lines.map((line) => Buffer.from(line))
}

/** Every one has to be accepted. */
async function send(events: readonly Buffer[]): Promise<void> {
  for (let start = 0; start < events.length; start += ordersPerRequest) {
    const chunk = events.slice(start, start + ordersPerRequest)
    const response = await fetch(`${system.apiUrl}/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `[${chunk.map((event) => event.toString('utf8')).join(',')}]`,
    })
    const answer = await response.text()
    if (response.status !== 202) throw new Error(`the Order API answered ${response.status}: ${answer}`)
    expect(JSON.parse(answer)).toMatchObject({ duplicates: 0 })
    for (const event of chunk) expected.take(event)
  }
}

/** Waits until the tables are as they should be; when they do not become so, says how they differ. */
async function expectTables(): Promise<void> {
  const rows = expected.rows()
  const rowCounts = Object.fromEntries(Object.entries(rows).map(([name, { length }]) => [name, length]))
  let wrong: unknown
  const isRight = async (): Promise<boolean> => {
    const actualCounts = await counts()
    wrong = actualCounts
    if (JSON.stringify(actualCounts) !== JSON.stringify(rowCounts)) return false
    // Updates may be on their way yet.
    wrong = await withDatabase(async (database) => differences(rows, await readRows(database)))
    return Array.isArray(wrong) && wrong.length === 0
  }
  await waitFor(`the tables hold ${JSON.stringify(rowCounts)}`, isRight, {
    ...patience,
    state: () => JSON.stringify(wrong, null, 1),
  })
}

function counts(): Promise<Record<string, number>> {
  return withDatabase(countRows)
}

async function withDatabase<T>(
  use: (database: Awaited<ReturnType<System['openDatabase']>>) => Promise<T>,
): Promise<T> {
  const database = await system.openDatabase()
  try {
    return await use(database)
  } finally {
    await database.close()
  }
}
