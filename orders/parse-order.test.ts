import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OrderParsed } from '../schemas/generated/records.ts'
import { RecordError } from '../streams/index.ts'
import { formatAmount, formatOrder } from './format-order.ts'
import { toHundredths } from './parse-fields.ts'
import { orderFromJson, parseOrder } from './parse-order.ts'
import { toTimeMs } from './parse-time.ts'

const text = fc.string({ unit: 'grapheme' })
const amount = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }).map((n) => n + 0)
const field = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const line = fc.record({
  line_no: field(fc.integer()),
  product_id: field(text),
  quantity: field(amount),
  line_amount: field(amount),
})
const order: fc.Arbitrary<OrderParsed> = fc.record({
  order_id: field(text),
  user_id: field(text),
  store_id: field(text),
  status: field(text),
  currency: field(text),
  order_time: field(
    fc
      .date({ noInvalidDate: true })
      .map((date) => date.getTime())
      .filter((ms) => ms >= 1e11),
  ),
  total_amount: field(amount),
  lines: fc.array(line),
  problems: fc.constant([]),
})

describe('parseOrder', () => {
  it('should read back whatever formatOrder writes', () => {
    fc.assert(
      fc.property(order, (sent) => void expect(parseOrder(Buffer.from(formatOrder(sent)))).toEqual(sent)),
    )
  })

  it('should end in an order or in a RecordError for any bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((json) => Buffer.from(json)),
    )
    fc.assert(
      fc.property(bytes, (sent) => {
        try {
          expect(parseOrder(Buffer.from(sent)).lines).toBeInstanceOf(Array)
        } catch (error) {
          expect(error).toBeInstanceOf(RecordError)
        }
      }),
    )
  })

  it('should report every field that it cannot convert, with its path and what was sent', () => {
    const parsed = orderFromJson({
      order_id: true,
      order_time: 'soon',
      total_amount: 'much',
      lines: [{ line_no: 1 }, { line_no: 'x', quantity: 0.5, line_amount: [1] }, null],
    })
    expect(parsed.problems).toEqual([
      { code: 'ID_NOT_TEXT', field: 'order_id', value: 'true' },
      { code: 'TIME_NOT_A_TIME', field: 'order_time', value: '"soon"' },
      { code: 'AMOUNT_NOT_A_NUMBER', field: 'total_amount', value: '"much"' },
      { code: 'LINE_NO_NOT_AN_INTEGER', field: 'lines[1].line_no', value: '"x"' },
      { code: 'QUANTITY_NOT_AN_INTEGER', field: 'lines[1].quantity', value: '0.5' },
      { code: 'AMOUNT_NOT_A_NUMBER', field: 'lines[1].line_amount', value: '[1]' },
      { code: 'LINE_NOT_AN_OBJECT', field: 'lines[2]', value: 'null' },
    ])
  })

  it('should take ids as text or as integers', () => {
    expect(orderFromJson({ order_id: 31198570044, user_id: '900', store_id: -0 })).toMatchObject({
      order_id: '31198570044',
      user_id: '900',
      store_id: '0',
      problems: [],
    })
  })

  it('should skip a byte order mark', () => {
    expect(parseOrder(Buffer.from('\ufeff{"order_id":"1"}')).order_id).toBe('1')
  })

  it('should not let a field named __proto__ stand in for others', () => {
    const parsed = parseOrder(Buffer.from('{"__proto__":{"order_id":"1"},"constructor":{"user_id":"2"}}'))
    expect(parsed).toMatchObject({ order_id: null, user_id: null })
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype)
  })

  it('should survive a field nested as deep as an order may be long', () => {
    const depth = 499_000
    const bytes = Buffer.from(`{"order_id":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    expect(parseOrder(bytes).problems).toEqual([{ code: 'ID_NOT_TEXT', field: 'order_id', value: '[…]' }])
  })

  it('should bound lines, problems and the values in them', () => {
    const lines = new Array(10_001).fill({ quantity: 'q'.repeat(500) })
    const { problems, lines: parsed } = orderFromJson({ lines })
    expect(parsed).toHaveLength(10_000)
    expect(problems).toHaveLength(100)
    expect(problems[0]).toEqual({ code: 'LINES_TOO_MANY', field: 'lines', value: '10001' })
    expect(problems[1]!.value).toHaveLength(200)
    expect(problems[99]!.code).toBe('PROBLEMS_TOO_MANY')
  })
})

describe('toHundredths', () => {
  it.each<[unknown, number | string]>([
    ['0', 0],
    ['-0.00', 0],
    ['0.5', 50],
    ['.5', 50],
    ['5.', 500],
    ['+12.50', 1250],
    [' 12.5 ', 1250],
    ['1e2', 10_000],
    ['1.25E1', 1250],
    ['125000e-4', 1250],
    ['1.500', 150],
    ['00000000000000000000000000000000000.01', 1],
    ['90071992547409.91', Number.MAX_SAFE_INTEGER],
    ['-90071992547409.91', Number.MIN_SAFE_INTEGER],
    ['90071992547409.92', 'AMOUNT_OUT_OF_RANGE'],
    ['9'.repeat(1000), 'AMOUNT_OUT_OF_RANGE'],
    ['1e99999', 'AMOUNT_OUT_OF_RANGE'],
    ['1e-99999', 'AMOUNT_TOO_PRECISE'],
    ['0e99999', 0],
    ['0.001', 'AMOUNT_TOO_PRECISE'],
    ['', 'AMOUNT_NOT_A_NUMBER'],
    ['.', 'AMOUNT_NOT_A_NUMBER'],
    ['1,50', 'AMOUNT_NOT_A_NUMBER'],
    ['1 000', 'AMOUNT_NOT_A_NUMBER'],
    ['0x10', 'AMOUNT_NOT_A_NUMBER'],
    ['$1', 'AMOUNT_NOT_A_NUMBER'],
    ['NaN', 'AMOUNT_NOT_A_NUMBER'],
    [0.1, 10],
    [0.29, 29],
    [1e2, 10_000],
    [-3, -300],
    [0.1 + 0.2, 'AMOUNT_TOO_PRECISE'],
    [9_999_999_999_999.99, 999_999_999_999_999],
    [1e13, 'AMOUNT_NOT_EXACT'],
    [Number.POSITIVE_INFINITY, 'AMOUNT_OUT_OF_RANGE'],
    [{}, 'AMOUNT_NOT_A_NUMBER'],
  ])('should make of %j: %j', (value, expected) => {
    expect(toHundredths(value)).toBe(expected)
  })

  it('should be exact for every amount with two decimals, as text and as a number', () => {
    fc.assert(fc.property(amount, (cents) => void expect(toHundredths(formatAmount(cents))).toBe(cents)))
    const carried = fc.integer({ min: -1e15 + 1, max: 1e15 - 1 }).map((n) => n + 0)
    fc.assert(
      fc.property(carried, (cents) => void expect(toHundredths(Number(formatAmount(cents)))).toBe(cents)),
    )
  })
})

describe('toTimeMs', () => {
  it.each<[unknown, number | string]>([
    ['1970-01-01T00:00:00Z', 0],
    ['2017-01-01T11:53:26Z', 1_483_271_606_000],
    ['2017-01-01 11:53:26.5z', 1_483_271_606_500],
    ['2017-01-01T12:53:26+01:00', 1_483_271_606_000],
    ['2017-01-01T06:23:26-0530', 1_483_271_606_000],
    ['2017-01-01T12:53:26+01', 1_483_271_606_000],
    ['2017-01-01T11:53Z', 1_483_271_580_000],
    ['2017-01-01T11:53:26.123999999Z', 1_483_271_606_123],
    ['2016-02-29T00:00:00Z', Date.UTC(2016, 1, 29)],
    ['1900-02-29T00:00:00Z', 'TIME_NOT_A_TIME'],
    ['2017-01-01T24:00:00Z', 'TIME_NOT_A_TIME'],
    ['2017-13-01T00:00:00Z', 'TIME_NOT_A_TIME'],
    ['2017-01-01T11:53:26', 'TIME_WITHOUT_ZONE'],
    ['2017-01-01', 'TIME_WITHOUT_ZONE'],
    ['', 'TIME_NOT_A_TIME'],
    ['1483271606', 1_483_271_606_000],
    ['1483271606123', 1_483_271_606_123],
    [1_483_271_606, 1_483_271_606_000],
    [1_483_271_606.123, 1_483_271_606_123],
    [1_483_271_606_123, 1_483_271_606_123],
    [1e18, 'TIME_OUT_OF_RANGE'],
    [Number.POSITIVE_INFINITY, 'TIME_OUT_OF_RANGE'],
    [true, 'TIME_NOT_A_TIME'],
  ])('should make of %j: %j', (value, expected) => {
    expect(toTimeMs(value)).toBe(expected)
  })

  it('should agree with Date on every ISO time of four-digit years', () => {
    const date = fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z') })
    const valid = date.filter((value) => !Number.isNaN(value.getTime()))
    fc.assert(fc.property(valid, (value) => void expect(toTimeMs(value.toISOString())).toBe(value.getTime())))
  })
})
