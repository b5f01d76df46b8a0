import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RecordBatchBuilder } from '../../streams/index.ts'
import { ControlCluster, type ControlInstance, failureOf } from '../../tests/support/control-harness.ts'
import { orders, parsed, shop } from '../../tests/support/letter-world.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import type { Operation } from '../generated/google/longrunning/operations.ts'
import { OperationsService } from '../generated/google/longrunning/operations.ts'
import {
  DeadLetterServiceService as calls,
  type DeadLetter,
  type DeadLetterFilter,
  ReplayResult,
} from '../generated/orderstreams/control/v1/dead_letter_service.ts'
import { nextPageToken } from '../pages.ts'
import { deadLetterService } from './dead-letter-service.ts'

let cluster: ControlCluster
let instance: ControlInstance
let other: ControlInstance
let isMended = false

const shopFilter: DeadLetterFilter = {
  topology: 'shop',
  rejections: false,
  code: '',
  operator: '',
  topic: '',
  from: undefined,
  to: undefined,
}

beforeAll(async () => {
  cluster = await ControlCluster.open({
    topologies: () => [shop((order) => !isMended && order.startsWith('bad'))],
    services: (context) => [deadLetterService(context)],
  })
  instance = await cluster.start()
  other = await cluster.start()
  await cluster.settled('shop')
})

afterAll(() => cluster.close())

async function order(...values: string[]): Promise<void> {
  const batch = new RecordBatchBuilder(orders.name, 0)
  for (const value of values) batch.append(Buffer.from('k'), Buffer.from(value), 1_000)
  await cluster.log.append([batch.build()])
}

async function listed(own: Partial<DeadLetterFilter> = {}, withSettled = false): Promise<DeadLetter[]> {
  const request = { filter: { ...shopFilter, ...own }, withSettled, pageSize: 0, pageToken: '' }
  return (await other.call(calls.listDeadLetters, request)).deadLetters
}

async function failed(value: string): Promise<DeadLetter> {
  isMended = false
  await order(value)
  let found: DeadLetter | undefined
  await waitFor(`${value} to fail`, async () => {
    found = (await listed()).find(({ message }) => message.endsWith(` ${value}`))
    return found !== undefined
  })
  return found!
}

async function ended(operation: Operation | undefined): Promise<Operation> {
  const timeout = { seconds: 10, nanos: 0 }
  return instance.call(OperationsService.waitOperation, { name: operation!.name, timeout })
}

const replay = (name: string, own: object = {}) =>
  other.call(calls.replayDeadLetter, { name, beyondMaxAttempts: false, requestId: '', ...own })

const discard = (own: object) =>
  instance.call(calls.discardDeadLetters, {
    name: '',
    filter: undefined,
    reason: 'a test',
    requestId: '',
    ...own,
  })

async function parsedEnd(): Promise<number> {
  const ranges = await cluster.log.offsetRanges([
    { topic: parsed.name, partition: 0 },
    { topic: parsed.name, partition: 1 },
  ])
  return ranges.reduce((sum, { end }) => sum + end, 0)
}

describe('DeadLetterService', () => {
  it('should list, show, replay and thereby mend a record, at whichever instance', async () => {
    const letter = await failed('bad-1')
    expect(letter).toMatchObject({
      name: expect.stringMatching(/^shop-dead-letter\/0\/\d+$/),
      topology: 'shop',
      subTopology: 'orders',
      operator: 'parse',
      codes: ['ORDER_BAD'],
      topic: 'orders',
      attempt: 1,
      state: 'DEAD_LETTER_STATE_PENDING',
      recordTime: new Date(1_000),
      settledTime: undefined,
      notReplayable: '',
    })
    const { record } = await instance.call(calls.getDeadLetter, { name: letter.name })
    expect(record).toMatchObject({ key: 'k', value: 'bad-1', valueBytes: Buffer.from('bad-1'), headers: [] })

    isMended = true
    const before = await parsedEnd()
    const answer = await replay(letter.name)
    expect(answer.deadLetter).toMatchObject({
      state: 'DEAD_LETTER_STATE_REPLAYED',
      settledBy: expect.any(String),
      replayedOffset: answer.replayedOffset,
    })
    await waitFor('the replayed record to come out', async () => (await parsedEnd()) > before)
    expect(await failureOf(replay(letter.name))).toMatchObject({ reason: 'DEAD_LETTER_SETTLED' })
    expect(await failureOf(discard({ name: letter.name }))).toMatchObject({ reason: 'DEAD_LETTER_SETTLED' })
    expect((await listed()).map(({ name }) => name)).not.toContain(letter.name)
    expect((await listed({}, true)).map(({ name }) => name)).toContain(letter.name)
  })

  it('should replay what passes a filter as an operation', async () => {
    for (const value of ['bad-2', 'bad-3']) await failed(value)
    isMended = true
    const { operation } = await instance.call(calls.replayDeadLetters, {
      filter: { ...shopFilter, code: 'ORDER_BAD' },
      recordsPerSecond: 100,
      beyondMaxAttempts: false,
      requestId: '',
    })
    const { result } = await ended(operation)
    expect(result?.$case).toBe('response')
    const value = result?.$case === 'response' ? result.value.value : Buffer.alloc(0)
    expect(ReplayResult.decode(value)).toMatchObject({ replayed: 2, beyondMaxAttempts: 0 })
    expect(await listed()).toEqual([])
  })

  it('should stop a replay that is cancelled, and keep the rest pending', async () => {
    for (const value of ['bad-4', 'bad-5', 'bad-6']) await failed(value)
    isMended = true
    const { operation } = await instance.call(calls.replayDeadLetters, {
      filter: shopFilter,
      recordsPerSecond: 0.01,
      beyondMaxAttempts: false,
      requestId: '',
    })
    await waitFor('the first to be replayed', async () => (await listed()).length === 2)
    await instance.call(OperationsService.cancelOperation, { name: operation!.name })
    expect((await ended(operation)).result?.$case).toBe('error')
    expect(await listed()).toHaveLength(2)
    expect(await discard({ filter: shopFilter })).toEqual({ discarded: 2 })
  })

  it('should page through them', async () => {
    for (const value of ['bad-7', 'bad-8', 'bad-9']) await failed(value)
    const request = { filter: shopFilter, withSettled: false, pageSize: 2, pageToken: '' }
    const first = await instance.call(calls.listDeadLetters, request)
    const { nextPageToken: pageToken } = first
    const second = await other.call(calls.listDeadLetters, { ...request, pageToken })
    expect([...first.deadLetters, ...second.deadLetters].map(({ message }) => message.slice(-5))).toEqual([
      'bad-9',
      'bad-8',
      'bad-7',
    ])
    const changed = { ...request, withSettled: true, pageToken }
    const wrong = {
      ...request,
      pageToken: nextPageToken('x', { list: 'dead-letters', filter: shopFilter, withSettled: false }),
    }
    for (const asked of [changed, wrong, { ...request, pageToken: 'rubbish' }]) {
      expect(await failureOf(instance.call(calls.listDeadLetters, asked))).toMatchObject({
        reason: 'PAGE_TOKEN_INVALID',
      })
    }
    expect(await discard({ filter: shopFilter })).toEqual({ discarded: 3 })
  })

  it.each([
    ['a name that is none', () => replay('x'), 'REQUEST_INVALID'],
    ['a name of another topic', () => replay('orders/0/0'), 'DEAD_LETTER_NOT_FOUND'],
    ['an offset where nothing is', () => replay('shop-dead-letter/0/99999'), 'DEAD_LETTER_NOT_FOUND'],
    ['no topology', () => listed({ topology: '' }), 'REQUEST_INVALID'],
    ['an unknown topology', () => listed({ topology: 'shops' }), 'TOPOLOGY_NOT_FOUND'],
    ['rejections where there are none', () => listed({ rejections: true }), 'REQUEST_INVALID'],
    [
      'a time that ends before it begins',
      () => listed({ from: new Date(2), to: new Date(1) }),
      'REQUEST_INVALID',
    ],
    ['no reason', () => discard({ filter: shopFilter, reason: ' ' }), 'REQUEST_INVALID'],
    ['nothing to discard', () => discard({}), 'REQUEST_INVALID'],
    [
      'a name and a filter',
      () => discard({ name: 'shop-dead-letter/0/0', filter: shopFilter }),
      'REQUEST_INVALID',
    ],
    [
      'a rate below zero',
      () =>
        instance.call(calls.replayDeadLetters, {
          filter: shopFilter,
          recordsPerSecond: -1,
          beyondMaxAttempts: false,
          requestId: '',
        }),
      'REQUEST_INVALID',
    ],
  ])('should refuse %s', async (_what, call: () => Promise<unknown>, reason) => {
    expect(await failureOf(call())).toMatchObject({ reason })
  })
})
