import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  api,
  errorAnswer,
  partitionAnswer,
  producedAnswer,
  producedBatch,
  ScriptedBroker,
} from '../../../tests/kafka/scripted-broker.ts'
import type { TransactionalProducer } from '../../ports/log.ts'
import { valuesBatch } from '../../testing/plain-records.ts'

let broker: ScriptedBroker
beforeEach(() => {
  broker = new ScriptedBroker()
  broker.topics.set('t', 1)
})
afterEach(async () => {
  await broker.close()
})

describe('appends', () => {
  it('should repeat a request whose answer was lost with the same bytes and sequence number', async () => {
    broker.on(api.produce, ({ number }) => (number === 1 ? 'hang up' : producedAnswer('t', 0, 17)))
    const log = await broker.openLog()
    expect(await log.append([valuesBatch('t', 0, 'a', 'b')])).toEqual([17])
    const [first, second] = broker.bodies(api.produce)
    expect(first!.equals(second!)).toBe(true)
    await log.append([valuesBatch('t', 0, 'c')])
    expect(producedBatch(broker.bodies(api.produce)[2]!)).toMatchObject({ producerId: 1000, sequence: 2 })
  })

  it('should ask who leads when the leader has moved', async () => {
    broker.on(api.produce, ({ number }) => producedAnswer('t', number === 1 ? 6 : 0))
    const log = await broker.openLog()
    await log.append([valuesBatch('t', 0, 'a')])
    expect(broker.requests.map(({ apiKey }) => apiKey).slice(-3)).toEqual([
      api.produce,
      api.metadata,
      api.produce,
    ])
  })

  it('should fail after its budget, and go on under a new identity', async () => {
    broker.on(api.produce, () => 'hang up')
    const log = await broker.openLog()
    await expect(log.append([valuesBatch('t', 0, 'a')])).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    broker.on(api.produce, () => producedAnswer('t', 0))
    await log.append([valuesBatch('t', 0, 'b')])
    expect(producedBatch(broker.bodies(api.produce).at(-1)!)).toMatchObject({ epoch: 2, sequence: 0 })
  })

  it('should split a batch that is too large for the topic, down to the record at fault', async () => {
    let next = 0
    broker.on(api.produce, ({ body }) => {
      const { bytes, count } = producedBatch(body)
      if (bytes.includes('large') || count > 2) return producedAnswer('t', 10)
      next += count
      return producedAnswer('t', 0, next - count)
    })
    const log = await broker.openLog()
    const values = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    expect(await log.append([valuesBatch('t', 0, ...values)])).toEqual([0])
    expect(next).toBe(7)
    const sequences = broker.bodies(api.produce).map((body) => producedBatch(body).sequence)
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    const refused = log.append([valuesBatch('t', 0, 'h', 'large')])
    await expect(refused).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
  })

  it('should write what is appended at the same time in one request', async () => {
    broker.on(api.produce, ({ number }) => producedAnswer('t', 0, number === 1 ? 0 : 100))
    const log = await broker.openLog()
    const first = log.append([valuesBatch('t', 0, 'a')])
    await expect.poll(() => broker.count(api.produce)).toBe(1)
    await first
    const offsets = await Promise.all(
      ['b', 'c', 'd'].map((value) => log.append([valuesBatch('t', 0, value, value)])),
    )
    expect(offsets).toEqual([[100], [102], [104]])
    expect(broker.count(api.produce)).toBe(2)
  })
})

describe('a batch that is sent twice', () => {
  it('should be written twice, with an offset each', async () => {
    broker.on(api.produce, () => producedAnswer('t', 0, 50))
    const log = await broker.openLog()
    const batch = valuesBatch('t', 0, 'a', 'b')
    expect(await log.append([batch, batch])).toEqual([50, 52])
    expect(producedBatch(broker.bodies(api.produce)[0]!).count).toBe(4)
  })
})

describe('transactions', () => {
  let producer: TransactionalProducer
  beforeEach(async () => {
    broker.on(api.addPartitions, () => partitionAnswer('t', 0))
    broker.on(api.produce, () => producedAnswer('t', 0))
    broker.on(api.endTransaction, () => errorAnswer(0))
    const log = await broker.openLog()
    producer = await log.openTransactionalProducer({ transactionalId: 'task', timeoutMs: 300 })
  })

  const send = () => producer.send([valuesBatch('t', 0, 'a')])

  it('should wait until the markers of the transaction before are written', async () => {
    broker.on(api.addPartitions, ({ number }) => partitionAnswer('t', number < 4 ? 51 : 0))
    await send()
    expect(broker.count(api.addPartitions)).toBe(4)
    expect(broker.count(api.produce)).toBe(1)
  })

  it('should repeat a commit whose answer was lost', async () => {
    broker.on(api.endTransaction, ({ number }) => (number === 1 ? 'hang up' : errorAnswer(0)))
    await send()
    await producer.commit()
    expect(broker.count(api.endTransaction)).toBe(2)
  })

  it('should find the coordinator again when it has moved', async () => {
    broker.on(api.endTransaction, ({ number }) => errorAnswer(number === 1 ? 16 : 0))
    await send()
    const before = broker.count(api.findCoordinator)
    await producer.commit()
    expect(broker.count(api.findCoordinator)).toBe(before + 1)
  })

  it.each([
    ['no answer comes', () => 'hang up' as const],
    [
      'a repeated one finds another epoch',
      (number: number) => (number === 1 ? ('hang up' as const) : errorAnswer(47)),
    ],
    [
      'a repeated one finds no transaction',
      (number: number) => (number === 1 ? ('hang up' as const) : errorAnswer(48)),
    ],
    ['the coordinator did not write it in time', (number: number) => errorAnswer(number === 1 ? 15 : 47)],
  ])('should say that the outcome of a commit is unknown when %s', async (_case, answer) => {
    broker.on(api.endTransaction, ({ number }) => answer(number))
    await send()
    await expect(producer.commit()).rejects.toMatchObject({ code: 'TRANSACTION_OUTCOME_UNKNOWN' })
    // What is left of it, if anything, is ended, and the next one has an epoch of its own, asked for with the old one.
    broker.on(api.endTransaction, () => errorAnswer(48))
    await producer.abort()
    const identity = broker.bodies(api.initProducerId).at(-1)!
    expect([identity.readBigInt64BE(9), identity.readInt16BE(17)]).toEqual([1000n, 1])
    await send()
    expect(producedBatch(broker.bodies(api.produce).at(-1)!)).toMatchObject({ epoch: 2, sequence: 0 })
  })

  it.each([
    [47, 'PRODUCER_FENCED'],
    [90, 'PRODUCER_FENCED'],
    [48, 'TRANSACTION_ABORTED'],
  ])(
    'should say that a commit surely did not take place when it is refused with %i',
    async (answer, code) => {
      await send()
      broker.on(api.endTransaction, () => errorAnswer(answer))
      await expect(producer.commit()).rejects.toMatchObject({ code })
    },
  )

  it('should take a new epoch after any failure, with sequence numbers from the start', async () => {
    await send()
    broker.on(api.produce, () => producedAnswer('t', 45))
    await expect(send()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await expect(send()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await expect(producer.commit()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    expect(broker.count(api.endTransaction)).toBe(0)
    await producer.abort()
    broker.on(api.produce, () => producedAnswer('t', 0))
    await send()
    await producer.commit()
    expect(producedBatch(broker.bodies(api.produce).at(-1)!)).toMatchObject({ epoch: 2, sequence: 0 })
  })

  it('should ask for a new epoch only right after its own was found to be the current one', async () => {
    await send()
    broker.on(api.produce, () => producedAnswer('t', 45))
    await expect(send()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    broker.on(api.initProducerId, ({ number }) => (writer) => {
      writer.int16(number < 4 ? 51 : 0)
      writer.int64(1000)
      writer.int16(number)
      writer.noTags()
    })
    await producer.abort()
    const kinds = [api.endTransaction, api.initProducerId] as readonly number[]
    const asked = broker.requests.map(({ apiKey }) => apiKey).filter((apiKey) => kinds.includes(apiKey))
    // The first one opened the producer.
    expect(asked.slice(1)).toEqual([...kinds, ...kinds, ...kinds])

    await expect(send()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    broker.on(api.endTransaction, () => errorAnswer(47))
    const before = broker.count(api.initProducerId)
    await expect(producer.abort()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
    expect(broker.count(api.initProducerId)).toBe(before)
  })

  it('should keep its epoch over an orderly abort, with sequence numbers going on', async () => {
    await send()
    await producer.abort()
    await send()
    expect(producedBatch(broker.bodies(api.produce).at(-1)!)).toMatchObject({ epoch: 1, sequence: 1 })
  })

  it('should be fenced for good, and never take the id back', async () => {
    await send()
    broker.on(api.produce, () => producedAnswer('t', 47))
    const fenced = { code: 'PRODUCER_FENCED' }
    await expect(send()).rejects.toMatchObject(fenced)
    await expect(producer.commit()).rejects.toMatchObject(fenced)
    await expect(producer.abort()).rejects.toMatchObject(fenced)
    await producer.close()
    expect(broker.count(api.initProducerId)).toBe(1)
    expect(broker.count(api.endTransaction)).toBe(0)
  })

  it('should abort what is open when it is closed', async () => {
    await send()
    await producer.close()
    expect(broker.bodies(api.endTransaction).map((body) => body.at(-1))).toEqual([0])
    await expect(send()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('a log that is closed while its broker hangs', () => {
  it('should end in seconds, and what was under way with it', async () => {
    broker.on(api.produce, () => 'silence')
    broker.on(api.addPartitions, () => partitionAnswer('t', 0))
    const log = await broker.openLog({ retryBudgetMs: 60_000 })
    const producer = await log.openTransactionalProducer({ transactionalId: 'id', timeoutMs: 60_000 })
    const outcomes = Promise.allSettled([
      log.append([valuesBatch('t', 0, 'a')]),
      producer.send([valuesBatch('t', 0, 'b')]),
    ])
    await expect.poll(() => broker.count(api.produce)).toBe(2)
    const begun = performance.now()
    await log.close()
    expect(performance.now() - begun).toBeLessThan(10_000)
    expect(await outcomes).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
  }, 20_000)
})
