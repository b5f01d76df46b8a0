import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { assessOrder } from './assess-order.ts'
import { formatOrder } from './format-order.ts'
import { orderFromJson, parseOrder } from './parse-order.ts'
import { defaultOrderLimits } from './rule.ts'
import { orderRules } from './rules.ts'

const receivedTimeMs = Date.UTC(2017, 0, 2)

function orderWith(changes: Record<string, unknown>) {
  return orderFromJson({
    order_id: '1',
    user_id: '2',
    status: 'PAID',
    currency: 'USD',
    order_time: '2017-01-01T11:53:26Z',
    total_amount: '0.50',
    lines: [{ line_no: 1, product_id: '3', quantity: 1, line_amount: '0.50' }],
    ...changes,
  })
}

function codesOf(changes: Record<string, unknown>, limits = defaultOrderLimits): string[] {
  const assessment = assessOrder(orderWith(changes), receivedTimeMs, { limits })
  return assessment.accepted ? [] : assessment.findings.map(({ code }) => code)
}

describe('assessOrder', () => {
  it('should bring texts into one form', () => {
    const sent = orderWith({
      order_id: ' 1 ',
      user_id: '\t2',
      store_id: ' ',
      status: ' canceled',
      currency: 'usd ',
    })
    expect(assessOrder(sent, receivedTimeMs)).toMatchObject({
      accepted: true,
      order: { order_id: '1', user_id: '2', store_id: null, status: 'CANCELLED', currency: 'USD' },
      warnings: [],
    })
  })

  it('should tell every fault at once, each with its field, what was sent and a remedy', () => {
    const assessment = assessOrder(
      orderWith({ order_id: null, status: 'LOST', total_amount: 'x', lines: [{ line_no: 1, quantity: -1 }] }),
      receivedTimeMs,
    )
    expect(assessment.accepted).toBe(false)
    if (assessment.accepted) return
    expect(assessment.findings.map(({ code, field, value }) => [code, field, value])).toEqual([
      ['AMOUNT_NOT_A_NUMBER', 'total_amount', '"x"'],
      ['ORDER_ID_MISSING', 'order_id', null],
      ['PRODUCT_ID_MISSING', 'lines[0].product_id', null],
      ['LINE_AMOUNT_MISSING', 'lines[0].line_amount', null],
      ['STATUS_UNKNOWN', 'status', 'LOST'],
      ['QUANTITY_NEGATIVE', 'lines[0].quantity', '-1'],
    ])
    for (const { message, remedy } of assessment.findings) expect(`${message}${remedy}`).toMatch(/\w+ \w+/)
  })

  it('should not call a field missing that could not be converted', () => {
    expect(codesOf({ lines: 7 })).toEqual(['LINES_NOT_AN_ARRAY'])
    expect(codesOf({ lines: [7] })).toEqual(['LINE_NOT_AN_OBJECT'])
    expect(codesOf({ order_time: 'x' })).toEqual(['TIME_NOT_A_TIME'])
  })

  it('should drop a line that was sent twice, and warn', () => {
    const line = { line_no: 1, product_id: '3', quantity: 1, line_amount: '0.50' }
    const assessment = assessOrder(
      orderWith({ lines: [line, { ...line, product_id: ' 3 ' }] }),
      receivedTimeMs,
    )
    expect(assessment).toMatchObject({ accepted: true, warnings: ['LINE_REPEATED'] })
    expect(assessment.order.lines).toHaveLength(1)
  })

  it('should name lines by their place in what was sent, also after one was dropped', () => {
    const line = { line_no: 1, product_id: '3', quantity: 1, line_amount: '0.50' }
    const other = { ...line, line_no: 2, quantity: -1 }
    const assessment = assessOrder(orderWith({ lines: [line, line, other] }), receivedTimeMs)
    expect(assessment.accepted ? [] : assessment.findings.map(({ field }) => field)).toEqual([
      'total_amount',
      'lines[2].quantity',
    ])
  })

  it('should warn of quantities of zero and in the thousands, once each', () => {
    const lines = [0, 0, 1000, 25_000].map((quantity, index) => {
      return { line_no: index + 1, product_id: '3', quantity, line_amount: index === 3 ? '0.50' : '0.00' }
    })
    expect(assessOrder(orderWith({ lines }), receivedTimeMs)).toMatchObject({
      accepted: true,
      warnings: ['QUANTITY_ZERO', 'QUANTITY_UNUSUAL'],
    })
  })

  it('should take times up to the bounds and none beyond', () => {
    const latest = receivedTimeMs + defaultOrderLimits.maxAheadMs
    expect(codesOf({ order_time: '2000-01-01T00:00:00Z' })).toEqual([])
    expect(codesOf({ order_time: '1999-12-31T23:59:59.999Z' })).toEqual(['TIME_TOO_OLD'])
    expect(codesOf({ order_time: latest })).toEqual([])
    expect(codesOf({ order_time: latest + 1 })).toEqual(['TIME_IN_FUTURE'])
  })

  it('should obey the limits that it is given', () => {
    const limits = { ...defaultOrderLimits, maxAmount: 49, maxIdCharacters: 0 }
    expect(new Set(codesOf({}, limits))).toEqual(new Set(['ID_TOO_LONG', 'AMOUNT_TOO_LARGE']))
  })

  it('should compare the total to the hundredth', () => {
    expect(codesOf({ total_amount: '0.51' })).toEqual(['AMOUNT_NOT_SUM_OF_LINES'])
  })

  it('should take a rule that is added to the list', () => {
    const noPets = {
      code: 'NO_PETS',
      severity: 'reject' as const,
      message: 'pets are not sold',
      remedy: 'ask elsewhere',
      check: (_: unknown, report: (field: string, value: string | null) => void) => report('lines', 'cat'),
    }
    const assessment = assessOrder(orderWith({}), receivedTimeMs, { rules: [...orderRules, noPets] })
    expect(assessment).toMatchObject({ accepted: false, findings: [{ code: 'NO_PETS', value: 'cat' }] })
  })

  it('should accept every real order of the sample, and write each as it was sent', () => {
    const packed = readFileSync(new URL('../samples/orders-2017-01.ndjson.gz', import.meta.url))
    const sent = gunzipSync(packed).toString().trimEnd().split('\n')
    const warnings: Record<string, number> = {}
    let lines = 0
    for (const text of sent) {
      const parsed = parseOrder(Buffer.from(text))
      const assessment = assessOrder(parsed, Date.UTC(2026, 0, 1))
      if (!assessment.accepted) throw new Error(`rejected ${text}: ${JSON.stringify(assessment.findings)}`)
      if (formatOrder(parsed) !== text) throw new Error(`written as ${formatOrder(parsed)}, sent as ${text}`)
      lines += assessment.order.lines.length
      for (const code of assessment.warnings) warnings[code] = (warnings[code] ?? 0) + 1
    }
    expect({ orders: sent.length, lines, warnings }).toEqual({
      orders: 12_721,
      lines: 124_051,
      warnings: { QUANTITY_UNUSUAL: 1028, QUANTITY_ZERO: 512 },
    })
  })
})
