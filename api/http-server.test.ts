import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { StreamsError } from '../streams/index.ts'
import { MemoryMetrics } from '../streams/testing/index.ts'
import { openOrderLog, recordsOf } from '../tests/support/order-log.ts'
import { waitFor } from '../tests/support/waiting.ts'
import { type OrderApi, type OrderApiOptions, startOrderApi } from './http-server.ts'
import { OrderIngestion } from './ingestion.ts'

const open: OrderApi[] = []

afterEach(async () => {
  for (const api of open.splice(0)) await api.close()
})

async function start(more: Partial<OrderApiOptions> = {}) {
  const { log, clock } = await openOrderLog()
  const ingestion = await OrderIngestion.open({ log, clock, topic: 'order-raw' })
  const api = await startOrderApi({ ingestion, clock, port: 0, ...more })
  open.push(api)
  const post = async (body: string | Uint8Array<ArrayBuffer>, type = 'application/json') => {
    const response = await fetch(`${api.url}/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })
    return { status: response.status, answer: await response.json() }
  }
  return { api, log, clock, post }
}

function order(changes: object = {}) {
  return {
    order_id: '1',
    user_id: '900',
    status: 'PAID',
    currency: 'USD',
    order_time: '2017-01-01T11:53:26Z',
    total_amount: 0.5,
    lines: [{ line_no: 1, product_id: '3', quantity: 1, line_amount: '0.50' }],
    ...changes,
  }
}

describe('the Order API', () => {
  it('should count requests by the status of their answer, without those of probes, as docs/metrics.md says', async () => {
    const metrics = new MemoryMetrics()
    const { post, api } = await start({ metrics })
    await post(JSON.stringify(order()))
    await post('not JSON')
    await fetch(`${api.url}/healthz`)
    const counted = () => metrics.total('order_api_requests_total')
    await waitFor('both are counted', () => counted() === 2)
    expect(metrics.total('order_api_requests_total', { code: '202' })).toBe(1)
    expect(metrics.total('order_api_requests_total', { code: '400' })).toBe(1)
    const shown = metrics.snapshot()
    expect(shown.find(({ kind }) => kind === 'histogram')).toMatchObject({ count: 2 })
    const page = readFileSync('docs/metrics.md', 'utf8')
    for (const { name, kind, help } of shown)
      expect(page).toMatch(
        new RegExp(`\\| .${name.replace(/_ms$/, '_seconds')}. \\| ${kind} \\| .* \\| ${help} \\|`),
      )
  })

  it('should accept an order and append it byte for byte', async () => {
    const { post, log } = await start()
    const body = JSON.stringify(order(), null, 2)
    expect(await post(body)).toEqual({
      status: 202,
      answer: { accepted: [{ order_id: '1', status: 'PAID' }], duplicates: 0 },
    })
    const [record] = await recordsOf(log, 'order-raw')
    expect(record).toMatchObject({ key: '900', timestampMs: 1_483_271_606_000 })
    expect(record!.value.toString()).toBe(body)
  })

  it('should accept many, and count those that it has', async () => {
    const { post, log } = await start()
    const orders = [order(), order({ order_id: 2 }), order()]
    expect((await post(JSON.stringify(orders))).answer).toMatchObject({ duplicates: 1 })
    expect((await post(JSON.stringify(orders))).answer).toEqual({ accepted: [], duplicates: 3 })
    expect(await recordsOf(log, 'order-raw')).toHaveLength(2)
  })

  it('should name every bad field of every order, and accept none of them', async () => {
    const { post, log } = await start()
    const bad = order({ status: 'LOST', order_time: '2999-01-01T00:00:00Z', total_amount: 'x' })
    const explained = { problem: expect.stringMatching(/\w+ \w+/), remedy: expect.stringMatching(/\w+ \w+/) }
    const { status, answer } = await post(JSON.stringify([order(), bad, 7]))
    expect(status).toBe(400)
    expect(answer).toMatchObject({
      error: 'ORDERS_INVALID',
      problems: [
        { index: 1, field: 'total_amount', code: 'AMOUNT_NOT_A_NUMBER', value: '"x"', ...explained },
        { index: 1, field: 'status', code: 'STATUS_UNKNOWN', value: 'LOST', ...explained },
        {
          index: 1,
          field: 'order_time',
          code: 'TIME_IN_FUTURE',
          value: '2999-01-01T00:00:00Z',
          ...explained,
        },
        { index: 2, field: '', code: 'ORDER_NOT_OBJECT', value: '7', ...explained },
      ],
    })
    expect(await recordsOf(log, 'order-raw')).toEqual([])
  })

  it.each<[string, string | Uint8Array<ArrayBuffer>, string]>([
    ['nothing', '', 'ORDER_EMPTY'],
    ['half an order', '{"order_id":', 'ORDER_NOT_JSON'],
    ['no UTF-8', Uint8Array.from([0x7b, 0xff, 0x7d]), 'ORDER_NOT_UTF8'],
    ['an empty array', '[]', 'ORDER_EMPTY'],
  ])('should refuse %s', async (_, body, code) => {
    const { post } = await start()
    const { status, answer } = await post(body)
    expect(status).toBe(400)
    expect(answer).toMatchObject({ problems: [{ index: 0, field: '', code }] })
  })

  it('should refuse an order that is nested too deep to be written again', async () => {
    const { post } = await start()
    const deep = `{"note":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    const { status, answer } = await post(`[${deep}]`)
    expect(status).toBe(400)
    expect(answer).toMatchObject({ problems: [{ code: 'ORDER_TOO_DEEP' }] })
  })

  it('should refuse an order, a body and a count that are too large', async () => {
    const { post } = await start({ maxBodyBytes: 2_000_000, limits: { maxOrders: 2 } })
    const large = await post(JSON.stringify(order({ note: 'x'.repeat(1_000_000) })))
    expect(large).toMatchObject({ status: 400, answer: { problems: [{ code: 'ORDER_TOO_LARGE' }] } })
    expect(await post('x'.repeat(2_000_001))).toMatchObject({
      status: 413,
      answer: { error: 'BODY_TOO_LARGE' },
    })
    const many = await post(JSON.stringify([order(), order(), order()]))
    expect(many).toMatchObject({ status: 413, answer: { error: 'TOO_MANY_ORDERS' } })
  })

  it('should tell who sends no JSON what to send', async () => {
    const { post } = await start()
    expect(await post('order_id=1', 'application/x-www-form-urlencoded')).toMatchObject({
      status: 415,
      answer: { remedy: expect.stringContaining('content-type: application/json') },
    })
  })

  it('should tell who sends a compressed body, another encoding or a broken URL what to send', async () => {
    const { api, post } = await start()
    const packed = await fetch(`${api.url}/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: '{}',
    })
    expect(packed.status).toBe(415)
    expect(await packed.json()).toMatchObject({
      error: 'ENCODING_NOT_TAKEN',
      message: expect.stringContaining('gzip'),
      remedy: expect.stringContaining('without a content-encoding header'),
    })
    expect(await post(Uint8Array.of(0x7b, 0xff, 0x7d))).toMatchObject({
      status: 400,
      answer: { problems: [{ code: 'ORDER_NOT_UTF8', remedy: 'send JSON in UTF-8' }] },
    })
    const broken = await fetch(`${api.url}/v1/%zz`)
    expect(broken.status).toBe(400)
    expect(await broken.json()).toMatchObject({
      error: 'URL_INVALID',
      remedy: expect.stringContaining('POST'),
    })
  })

  it('should say so when there are more problems than it tells', async () => {
    const { post } = await start()
    const { answer } = await post(JSON.stringify(Array.from({ length: 1000 }, () => ({}))))
    expect(answer).toMatchObject({
      message: expect.stringContaining('what comes after them was not looked at'),
    })
    expect(await post('[{}]')).toMatchObject({
      answer: { message: 'nothing was accepted; problems found: 7' },
    })
  })

  it('should answer 503 while the log is away, and 500 when it fails itself, both without detail', async () => {
    let failure: Error = new StreamsError('LOG_UNAVAILABLE', 'kafka-7.internal does not answer')
    const ingestion = {
      accept: async () => {
        throw failure
      },
    }
    const { post } = await start({ ingestion })
    const away = await post(JSON.stringify(order()))
    expect(away).toMatchObject({
      status: 503,
      answer: { error: 'LOG_UNAVAILABLE', remedy: 'send the request again' },
    })
    expect(JSON.stringify(away.answer)).not.toContain('kafka-7')
    failure = new Error('secret')
    const { status, answer } = await post(JSON.stringify(order()))
    expect(status).toBe(500)
    expect(JSON.stringify(answer)).not.toContain('secret')
  })

  it('should say that it lives, describe itself, and know no other path', async () => {
    const { api } = await start()
    expect(await (await fetch(`${api.url}/healthz`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${api.url}/v1/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0' })
    const missing = await fetch(`${api.url}/v1/order`)
    expect(missing.status).toBe(404)
    expect(await missing.json()).toMatchObject({ error: 'NOT_FOUND' })
  })

  it('should tell that its port is in use, and what to do', async () => {
    const { api } = await start()
    await expect(start({ port: api.port })).rejects.toMatchObject({
      code: 'PORT_UNUSABLE',
      message: expect.stringMatching(/port \d+ on 127\.0\.0\.1 is in use: .*--api-port/),
    })
  })

  it('should answer what is under way before it closes', async () => {
    let release = () => {}
    let started = () => {}
    const underWay = new Promise<void>((resolve) => {
      started = resolve
    })
    const ingestion = {
      accept: () =>
        new Promise<{ accepted: []; duplicates: number }>((resolve) => {
          release = () => resolve({ accepted: [], duplicates: 0 })
          started()
        }),
    }
    const { api, post } = await start({ ingestion })
    const answered = post(JSON.stringify(order()))
    await underWay
    const closed = api.close()
    release()
    expect((await answered).status).toBe(202)
    await closed
  })

  it('should not wait for ever for a client that does not send the rest of its request', async () => {
    const { api, clock } = await start()
    const stuck = connect(api.port, '127.0.0.1')
    const cut = once(stuck, 'close')
    stuck.write(
      'POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    )
    // Answered after the server has seen the bytes before, which came first.
    await fetch(`${api.url}/healthz`)
    const closed = api.close()
    clock.advance(4_999)
    expect(stuck.destroyed).toBe(false)
    clock.advance(1)
    await closed
    await cut
  })
})
