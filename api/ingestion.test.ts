import { describe, expect, it } from 'vitest'
import { openOrderLog, recordsOf } from '../tests/support/order-log.ts'
import { OrderIngestion } from './ingestion.ts'

const topic = 'order-raw'
const fallbackMs = 5

function event(fields: object): Buffer {
  return Buffer.from(JSON.stringify(fields))
}

describe('OrderIngestion', () => {
  it('should append events as they came, keyed and stamped', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic })
    const sound = event({ order_id: 1, user_id: ' 900 ', status: 'paid', order_time: '2017-01-01T11:53:26Z' })
    const result = await ingestion.accept(
      [sound, Buffer.from('rubbish'), event({ user_id: 'x'.repeat(65) })],
      fallbackMs,
    )
    expect(result).toEqual({
      accepted: [
        { order_id: '1', status: 'PAID' },
        { order_id: null, status: null },
        { order_id: null, status: null },
      ],
      duplicates: 0,
    })
    const records = await recordsOf(log, topic)
    expect(records.map(({ key, timestampMs }) => [key, timestampMs]).sort()).toEqual(
      [
        ['900', 1_483_271_606_000],
        [null, fallbackMs],
        [null, fallbackMs],
      ].sort(),
    )
    expect(records.find(({ key }) => key === '900')!.value).toEqual(sound)
  })

  it('should leave out what has the order id and status of a recent event, within a call and across calls', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic })
    const paid = event({ order_id: '1', status: 'PAID' })
    expect((await ingestion.accept([paid, event({ order_id: 1, status: ' paid' })], 0)).duplicates).toBe(1)
    expect(await ingestion.accept([paid, event({ order_id: '1', status: 'SHIPPED' })], 0)).toEqual({
      accepted: [{ order_id: '1', status: 'SHIPPED' }],
      duplicates: 1,
    })
    expect(await recordsOf(log, topic)).toHaveLength(2)
  })

  it('should never leave out events without order id or status', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic })
    const noStatus = event({ order_id: '1' })
    expect(
      (await ingestion.accept([noStatus, noStatus, Buffer.alloc(0), Buffer.alloc(0)], 0)).duplicates,
    ).toBe(0)
    expect(await recordsOf(log, topic)).toHaveLength(4)
  })

  it('should remember only so many events', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic, maxRecent: 2 })
    const numbered = (number: number) => event({ order_id: number, status: 'PAID' })
    await ingestion.accept([numbered(1), numbered(2), numbered(3)], 0)
    expect((await ingestion.accept([numbered(2), numbered(3)], 0)).duplicates).toBe(2)
    expect((await ingestion.accept([numbered(1)], 0)).duplicates).toBe(0)
  })

  it('should accept an event again whose append failed', async () => {
    const { log, clock } = await openOrderLog()
    const ingestion = await OrderIngestion.open({ log, clock, topic })
    const append = log.append.bind(log)
    log.append = async () => {
      throw new Error('away')
    }
    const paid = event({ order_id: '1', status: 'PAID' })
    await expect(ingestion.accept([paid], 0)).rejects.toThrow('away')
    log.append = append
    expect((await ingestion.accept([paid], 0)).duplicates).toBe(0)
  })

  it('should refuse to open without the topic', async () => {
    const { log, clock } = await openOrderLog()
    await expect(OrderIngestion.open({ log, clock, topic: 'none' })).rejects.toMatchObject({
      code: 'TOPIC_UNKNOWN',
    })
  })
})
