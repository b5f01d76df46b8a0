import { describe, expect, it } from 'vitest'
import { orderFromJson } from '../../orders/parse-order.ts'
import type { OrderMemory } from '../../schemas/generated/records.ts'
import { type Cleansed, cleanseOrder } from './cleanse-order.ts'

const noon = Date.UTC(2017, 0, 1, 12)

function sent(status: string, timeMs: number, changes: object = {}) {
  return orderFromJson({
    order_id: ' 1',
    user_id: '900',
    status,
    currency: 'usd',
    order_time: timeMs,
    total_amount: '0.50',
    lines: [{ line_no: 1, product_id: '3', quantity: 0, line_amount: '0.50' }],
    ...changes,
  })
}

/** Cleanses one after another, as the stage does: a store by order id, each record with its event's time. */
function cleanseAll(events: readonly ReturnType<typeof sent>[]): Cleansed[] {
  const store = new Map<string, OrderMemory>()
  return events.map((event, offset) => {
    const record = { topic: 'order-parsed', partition: 2, offset, timestampMs: event.order_time ?? noon }
    const result = cleanseOrder(event, record, (orderId) => store.get(orderId))
    if (result.kind === 'clean') store.set(result.header.order_id, result.memory)
    return result
  })
}

describe('cleanseOrder', () => {
  it('should split a clean order into header and lines, with its warnings', () => {
    const [result] = cleanseAll([sent('paid', noon)])
    expect(result).toMatchObject({
      kind: 'clean',
      header: {
        order_id: '1',
        status: 'PAID',
        currency: 'USD',
        event_number: 1,
        warnings: ['QUANTITY_ZERO'],
      },
      lines: [{ order_id: '1', line_no: 1, removed: false }],
    })
  })

  it('should drop a repeat, also one that is written differently', () => {
    const kinds = cleanseAll([sent('PAID', noon), sent(' paid ', noon, { order_id: 1 })]).map(
      ({ kind }) => kind,
    )
    expect(kinds).toEqual(['clean', 'repeat'])
  })

  it('should follow an order through its events, one of them late', () => {
    const results = cleanseAll([sent('PAID', noon), sent('SHIPPED', noon + 9), sent('CREATED', noon - 9)])
    const headers = results.map((result) => (result.kind === 'clean' ? result.header : undefined))
    expect(headers.map((header) => [header?.status, header?.event_number, header?.latest])).toEqual([
      ['PAID', 1, true],
      ['SHIPPED', 2, true],
      ['CREATED', 3, false],
    ])
    expect(headers.map((header) => header?.placed_time)).toEqual([noon, noon, noon - 9])
    expect(results[2]).toMatchObject({ lines: [] })
  })

  it('should reject with the coordinates of the record, and remember nothing of what it rejects', () => {
    const results = cleanseAll([sent('PAID', noon, { total_amount: 1 }), sent('PAID', noon)])
    expect(results[0]).toMatchObject({
      kind: 'rejected',
      rejection: {
        order_id: '1',
        topic: 'order-parsed',
        partition: 2,
        offset: 0,
        rejected_time: noon,
        reasons: [{ code: 'AMOUNT_NOT_SUM_OF_LINES', value: '1.00 (lines: 0.50)' }],
      },
    })
    expect(results[1]!.kind).toBe('clean')
  })

  it('should count the time ahead from the record, not from a clock', () => {
    const record = { topic: 't', partition: 0, offset: 0, timestampMs: noon }
    const day = 24 * 60 * 60 * 1000
    const kindAt = (timeMs: number) => cleanseOrder(sent('PAID', timeMs), record, () => undefined).kind
    expect(kindAt(noon + day)).toBe('clean')
    expect(kindAt(noon + day + 1)).toBe('rejected')
  })
})
