/** The dashboard as users run it, on what a real run left and beside one that is running. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sampleOrder, writeLines } from '../support/order-files.ts'
import { orderStreams, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'

const orders = 40

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeAll(async () => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
  const input = join(directory.path, 'orders.ndjson')
  // One every ten minutes, of ten users, the last at 18:30.
  const lines = Array.from({ length: orders }, (_, index) => {
    const time = new Date(Date.UTC(2017, 0, 1, 12, index * 10)).toISOString()
    return Buffer.from(JSON.stringify(sampleOrder(`order-${index}`, { order_time: time })))
  })
  writeLines(input, lines)
  const { code, stderr } = await orderStreams(['start', '--once', '--input', input, '--data-dir', dataDir])
  expect(code, stderr).toBe(0)
})

afterAll(() => directory.dispose())

const dashboard = (...args: string[]) => orderStreams(['dashboard', ...args])

describe('order-streams dashboard', () => {
  it('should print one frame of 80 columns, without colours where standard output is no terminal', async () => {
    const { code, stdout, stderr } = await dashboard('--once', '--data-dir', dataDir)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(Math.max(...lines.map(({ length }) => length))).toBe(80)
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(stdout).not.toContain('\u001B')
    expect(stdout).toMatch(/^newest order 2017-01-01 18:30:00, .* behind the clock$/m)
    expect(stdout).toMatch(/^── Orders per hour in USD ─+ hour 18:00 {2}4 orders {2}14\.00 USD ──$/m)
    expect(stdout).toMatch(/^ +6 orders ┤/m)
    expect(stdout).toMatch(/^1041453 +40 +120\.00 +user-\d +4 +14\.00 /m)
    expect(stdout).toMatch(/^status {5}CREATED 40 \(100%\)$/m)
    expect(stdout).toMatch(/^rows {7}orders 40 {2}lines 80 {2}rejected 0 {2}events 40$/m)
  })

  it('should print the same figures as JSON, of as many minutes or hours as asked for', async () => {
    const { code, stdout } = await dashboard(
      '--once',
      '--json',
      '--per',
      'hour',
      '--last',
      '3',
      '--data-dir',
      dataDir,
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      place: dataDir,
      waitingFor: null,
      figures: {
        newestOrder: '2017-01-01T18:30:00.000Z',
        currency: 'USD',
        course: [
          { start: '2017-01-01T16:00:00.000Z', orders: 6, amount: 21 },
          { start: '2017-01-01T17:00:00.000Z', orders: 6, amount: 21 },
          { start: '2017-01-01T18:00:00.000Z', orders: 4, amount: 14 },
        ],
        topProducts: [
          { productId: '1041453', orders, quantity: 80, sales: 120 },
          { productId: '1095275', orders, quantity: 40, sales: 20 },
        ],
        openSessions: 4,
        statuses: { CREATED: orders },
      },
    })
  })

  it('should follow a running start, from before its first order on, and end with 0 when it is stopped', async () => {
    const other = join(directory.path, 'running')
    const running = startOrderStreams(['start', '--input', '-', '--api-port', '0', '--data-dir', other])
    const url = /http:\S+\d/.exec(await running.said('listens at'))?.[0] ?? ''
    const watching = startOrderStreams(['dashboard', '--json', '--every', '0.1', '--data-dir', other])
    await watching.printed('"waitingFor":"rows"')
    const order = JSON.stringify(sampleOrder('first'))
    const headers = { 'content-type': 'application/json' }
    const sent = await fetch(`${url}/v1/orders`, { method: 'POST', headers, body: order })
    expect(sent.status).toBe(202)
    await watching.printed('"statuses":{"CREATED":1}')
    watching.kill('SIGINT')
    expect(await watching.ended).toMatchObject({ code: 0, stderr: '' })
    running.kill('SIGINT')
    expect((await running.ended).code).toBe(0)
  })

  it('should wait for the tables of a run that has just begun, and make none itself', async () => {
    const begun = join(directory.path, 'begun')
    mkdirSync(join(begun, 'log'), { recursive: true })
    const { code, stdout } = await dashboard('--once', '--data-dir', begun)
    expect(code).toBe(0)
    expect(stdout).toContain('Waiting for the first rows.\nThere is no database yet')
    expect(existsSync(join(begun, 'orders.db'))).toBe(false)
  })

  it.each<[string, string[], number, RegExp]>([
    ['no data', ['--data-dir', '/nowhere/at-all'], 1, /there is no data in \/nowhere\/at-all: run/],
    ['a URL of something else', ['--database', 'http://u:secret@h/d'], 2, /databaseUrl is not such a URL/],
    [
      'a server that is not there',
      ['--database', 'mysql://u:secret@127.0.0.1:1/d'],
      1,
      /127\.0\.0\.1:1\/d: cannot be reached/,
    ],
    ['two places', ['--data-dir', 'x', '--database', 'mysql://u:secret@h/d'], 2, /leave one of them out/],
    ['no time', ['--every', 'often'], 2, /--every is "often"; it must be a number of seconds/],
    ['an unknown unit', ['--per', 'day'], 2, /Allowed choices are minute, hour/],
  ])('should say what is wrong: %s', async (_, args, expectedCode, message) => {
    const { code, stdout, stderr } = await dashboard('--once', ...args)
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('secret')
    expect(stdout).toBe('')
    expect(code).toBe(expectedCode)
  })
})
