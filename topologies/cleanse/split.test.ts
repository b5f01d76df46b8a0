import { describe, expect, it } from 'vitest'
import { assessOrder, type CleanOrder } from '../../orders/assess-order.ts'
import { orderFromJson } from '../../orders/parse-order.ts'
import { toHeader, toLines, toRejection } from './split.ts'

const order: CleanOrder = {
  order_id: '1',
  user_id: '2',
  store_id: null,
  status: 'PAID',
  currency: 'USD',
  order_time: 1_483_271_606_000,
  total_amount: 150,
  lines: [
    { line_no: 1, product_id: 'a', quantity: 1, line_amount: 50 },
    { line_no: 3, product_id: 'b', quantity: 2, line_amount: 100 },
  ],
}

describe('splitting an order', () => {
  it('should make a header with the number of its lines and the warnings', () => {
    const decision = { eventNumber: 2, latest: false, memory: { placed_time: 1_483_271_600_000 } }
    expect(toHeader(order, decision, ['QUANTITY_ZERO'])).toEqual({
      order_id: '1',
      user_id: '2',
      store_id: null,
      status: 'PAID',
      currency: 'USD',
      total_amount: 150,
      line_count: 2,
      order_time: 1_483_271_606_000,
      placed_time: 1_483_271_600_000,
      event_number: 2,
      latest: false,
      warnings: ['QUANTITY_ZERO'],
      product_ids: ['a', 'b'],
    })
  })

  it('should make a record of every line, and one marked removed of every line that went', () => {
    const lines = toLines(order, { eventNumber: 2, latest: true, removedLineNumbers: [2] })
    expect(
      lines.map((line) => [line.line_no, line.product_id, line.quantity, line.line_amount, line.removed]),
    ).toEqual([
      [1, 'a', 1, 50, false],
      [3, 'b', 2, 100, false],
      [2, '', 0, 0, true],
    ])
    for (const line of lines)
      expect(line).toMatchObject({ order_id: '1', user_id: '2', event_number: 2, status: 'PAID' })
  })

  it('should make no lines of an event that came late', () => {
    expect(toLines(order, { eventNumber: 2, latest: false, removedLineNumbers: [] })).toEqual([])
  })

  it('should keep all reasons and what was sent in a rejection', () => {
    const sent = orderFromJson({ order_id: ' 7 ', status: 'lost', total_amount: '1.5', lines: [] })
    const assessment = assessOrder(sent, 0)
    const findings = assessment.accepted ? [] : assessment.findings
    const rejection = toRejection(sent, findings, { topic: 'order-parsed', partition: 3, offset: 99 }, 12)
    expect(rejection).toMatchObject({
      order_id: '7',
      user_id: null,
      topic: 'order-parsed',
      partition: 3,
      offset: 99,
    })
    expect(rejection.rejected_time).toBe(12)
    expect(rejection.reasons.map(({ code }) => code)).toEqual([
      'USER_ID_MISSING',
      'CURRENCY_MISSING',
      'TIME_MISSING',
      'LINES_MISSING',
      'STATUS_UNKNOWN',
    ])
    expect(Object.keys(rejection.reasons[0]!).sort()).toEqual(['code', 'field', 'message', 'value'])
    expect(JSON.parse(rejection.payload)).toEqual({
      order_id: ' 7 ',
      status: 'lost',
      total_amount: '1.50',
      lines: [],
    })
  })
})
