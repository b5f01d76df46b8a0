import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleFile } from '../../app/package-info.ts'
import { openDatabase } from '../../sql/open.ts'
import { openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { sampleOrder, writeBadFile, writeLines } from '../support/order-files.ts'
import {
  dumpTables,
  orderStreams,
  startOrderStreams,
  summaryOf,
  temporaryDirectory,
} from '../support/order-streams.ts'

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string
let input: string

beforeEach(() => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
  input = join(directory.path, 'orders.ndjson')
})

afterEach(() => directory.dispose())

function once(...more: string[]) {
  return orderStreams(['start', '--once', '--json', '--data-dir', dataDir, ...more])
}

/** What the sample holds, counted from the file alone. */
function tallyOfSample() {
  const lines = gunzipSync(readFileSync(sampleFile)).toString('utf8').split('\n').slice(0, -1)
  const orders = lines.map((line) => JSON.parse(line))
  let cents = 0
  let orderLines = 0
  for (const order of orders) {
    cents += Math.round(Number(order.total_amount) * 100)
    orderLines += order.lines.length
  }
  return { orders: new Set(orders.map(({ order_id }) => order_id)).size, lines: orderLines, cents }
}

describe('start --once', () => {
  it('should bring the whole sample into the tables, as an independent tally of the file has it', async () => {
    const expected = tallyOfSample()
    expect(expected).toMatchObject({ orders: 12_721, lines: 124_051 })

    const first = await once()
    expect(first).toMatchObject({ code: 0 })
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(1)
    const totals = {
      orders: expected.orders,
      headers: expected.orders,
      lines: expected.lines,
      updates: 0,
      repeats: 0,
      rejected: 0,
      deadLetters: 0,
      reasons: {},
      reconciles: true,
    }
    expect(summaryOf(first)).toMatchObject({ ...totals, newOrders: expected.orders })

    const database = await openDatabase(join(dataDir, 'orders.db'))
    const [sums] = await database.query(
      'SELECT count(*) AS n, round(sum(total_amount) * 100) AS cents FROM order_header',
    )
    const [lineSums] = await database.query(
      'SELECT count(*) AS n, round(sum(line_amount) * 100) AS cents FROM order_line',
    )
    await database.close()
    expect(sums).toEqual({ n: expected.orders, cents: expected.cents })
    expect(lineSums).toEqual({ n: expected.lines, cents: expected.cents })

    const before = await dumpTables(dataDir)
    const second = await once()
    expect(summaryOf(second)).toMatchObject({ ...totals, newOrders: 0 })
    expect(await dumpTables(dataDir)).toBe(before)
  })

  it('should account for every kind of bad line, and add nothing when started again', async () => {
    const { reasons, ...expected } = writeBadFile(input)
    const first = await once('--input', input)
    expect(first.code).toBe(0)
    const summary = summaryOf(first)
    expect(summary).toMatchObject({ ...expected, reconciles: true, problems: [], refusedRows: 0 })
    for (const [code, count] of Object.entries(reasons)) {
      expect(summary['reasons'], code).toHaveProperty(code)
      expect(Object(summary['reasons'])[code]).toBeGreaterThanOrEqual(count)
    }
    const before = await dumpTables(dataDir)
    expect(summaryOf(await once('--input', input))).toMatchObject({ ...expected, newOrders: 0 })
    expect(await dumpTables(dataDir)).toBe(before)
  })

  it('should keep what an update and a late event leave of an order', async () => {
    writeBadFile(input)
    await once('--input', input)
    const database = await openDatabase(join(dataDir, 'orders.db'))
    const [header] = await database.query(
      "SELECT status, total_amount, line_count, order_time, updated_time FROM order_header WHERE order_id = 'sound-1'",
    )
    const lines = await database.query("SELECT line_no FROM order_line WHERE order_id = 'sound-1'")
    await database.close()
    expect(header).toEqual({
      status: 'PAID',
      total_amount: 3,
      line_count: 1,
      order_time: '2017-01-01 11:00:00.000',
      updated_time: '2017-01-01 12:00:00.000',
    })
    expect(lines).toEqual([{ line_no: 2 }])
  })

  it('should take a second file on top, and events from standard input', async () => {
    writeLines(input, [Buffer.from(JSON.stringify(sampleOrder('a')))])
    await once('--input', input)
    writeLines(input, [Buffer.from(JSON.stringify(sampleOrder('b')))])
    expect(summaryOf(await once('--input', input))).toMatchObject({ orders: 2, headers: 2, newOrders: 1 })
    const piped = await orderStreams(['start', '--once', '--json', '--data-dir', dataDir, '--input', '-'], {
      input: `${JSON.stringify(sampleOrder('c'))}\n${JSON.stringify(sampleOrder('a'))}`,
    })
    expect(summaryOf(piped)).toMatchObject({ orders: 4, headers: 3, repeats: 1, newOrders: 2 })
  })

  it('should say loudly when it does not add up, and fail', async () => {
    writeBadFile(input)
    await once('--input', input)
    const database = await openDatabase(join(dataDir, 'orders.db'))
    const transaction = await database.begin('a vandal')
    await transaction.run("DELETE FROM order_header WHERE order_id = 'sound-3'", [])
    await transaction.commit()
    await database.close()
    const { code, stderr, ...result } = await once('--input', input)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /it does not add up: orders in order-processed \d+ is not rows of order_header \d+ =/,
    )
    expect(summaryOf({ ...result, code, stderr })).toMatchObject({ reconciles: false })
  })

  it('should not call it a mistake when old dead letters were deleted', async () => {
    writeBadFile(input)
    await once('--input', input)
    const store = await new RocksStoreProvider({ directory: dataDir }).open('log')
    const log = await openEmbeddedLog({ store, clock: systemClock })
    await log.deleteRecords([{ topic: 'ingest-dead-letter', partition: 0, offset: 1 }])
    await log.close()
    await store.close()
    const result = await once('--input', input)
    expect(summaryOf(result)).toMatchObject({
      reconciles: null,
      unchecked: expect.stringContaining('retention'),
    })
    expect(result.code).toBe(0)
  })

  it('should count one order id of two users as one order, and still add up', async () => {
    const orders = ['42', '43'].map((user_id) => Buffer.from(JSON.stringify(sampleOrder('a', { user_id }))))
    writeLines(input, orders)
    expect(summaryOf(await once('--input', input))).toMatchObject({
      headers: 1,
      updates: 1,
      reconciles: true,
    })
  })

  it('should read a pipe or a device by its path, as a shell gives one for `<(…)`', async () => {
    const { code, stderr } = await once('--input', '/dev/null')
    expect(stderr).toContain('read 0 (all)')
    expect(code).toBe(0)
  })

  it.each([
    ['is missing', (path: string) => `${path}.not`, /input .* does not exist/],
    ['is a directory', (path: string) => join(path, '..'), /is not a file: name one/],
  ])('should say that its input %s', async (_, pathOf, message) => {
    const { code, stderr, stdout } = await once('--input', pathOf(input))
    expect(code).toBe(1)
    expect(stderr).toMatch(message)
    expect(stdout).toBe('')
  })
})

describe('start', () => {
  it('should serve the Order API after the input, process what comes, and stop when told to', async () => {
    writeLines(input, [Buffer.from(JSON.stringify(sampleOrder('a')))])
    const running = startOrderStreams(['start', '--input', input, '--data-dir', dataDir, '--api-port', '0'])
    const url = /Order API listens at (http[^;\s]+)/.exec(await running.said('Ctrl-C stops.'))?.[1]
    const response = await fetch(`${url}/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([sampleOrder('b'), sampleOrder('c')]),
    })
    expect(response.status).toBe(202)
    running.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect(code).toBe(0)
    expect(stdout).toContain('It adds up')
    expect(stdout).toContain(`curl ${url}/v1/orders`)
    expect(summaryOf(await once('--input', input))).toMatchObject({ orders: 3, headers: 3 })
  })

  it('should say that the port is in use, before anything is processed', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    writeLines(input, [Buffer.from(JSON.stringify(sampleOrder('a')))])
    const { code, stderr, stdout } = await orderStreams([
      'start',
      ...['--input', input, '--data-dir', dataDir, '--api-port', String(port)],
    ])
    await new Promise((resolve) => server.close(resolve))
    expect(code).toBe(1)
    expect(stderr).toMatch(/port \d+ on 127\.0\.0\.1 is in use: .*--api-port/)
    expect(stdout).toBe('')
  })
})
