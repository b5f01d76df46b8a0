import { describe, expect, it } from 'vitest'
import { lineRow, rejectionRow } from './order-rows.ts'

const line = {
  order_id: '1',
  line_no: 2,
  user_id: '900',
  product_id: '3',
  quantity: 1,
  line_amount: 50,
  currency: 'USD',
  status: 'PAID',
  order_time: 1000,
  event_number: 2,
  removed: false,
} as const

describe('lineRow', () => {
  it('should write a line, and remove one that is gone unless a newer event put it there', () => {
    expect(lineRow(line)).toMatchObject({ kind: 'upsert', values: { line_no: 2, line_amount: 50 } })
    expect(lineRow({ ...line, removed: true })).toMatchObject({
      kind: 'remove',
      values: { order_id: '1', line_no: 2 },
      ifNotNewerThan: 1000,
    })
  })
})

describe('rejectionRow', () => {
  it('should name each reason once, in the order in which they were found', () => {
    const reasons = ['B', 'A', 'B'].map((code) => ({ code, field: '', message: '', value: null }))
    const place = { topic: 'order-parsed', partition: 0, offset: 7 }
    const order = { order_id: null, user_id: null, payload: '{}', rejected_time: 1 }
    expect(rejectionRow({ ...place, ...order, reasons })).toMatchObject({
      values: { ...place, reasons: ['B', 'A'], payload: '{}' },
    })
  })
})
