/**
 * Every known way in which an order event can be broken, as data, with what must become of it. Tests state it, and the
 * simulator breaks events by it, so that what comes out of the pipeline can be reckoned up against what went in.
 */
import type { JsonObject } from './parse-order.ts'

export interface BadOrder {
  readonly name: string
  /** `dead-letter`: no order at all, stage 1 sets it aside. `rejected`: an order that stage 2 rejects. */
  readonly outcome: 'dead-letter' | 'rejected'
  /** The code that the dead letter has, or one that the rejection has among its reasons. */
  readonly code: string
  /** The bytes to send instead of a sound order. */
  readonly spoil: (order: JsonObject) => Buffer
}

type Line = Readonly<Record<string, unknown>>

function deadLetter(name: string, code: string, spoil: (text: string) => Buffer): BadOrder {
  return { name, outcome: 'dead-letter', code, spoil: (order) => spoil(JSON.stringify(order)) }
}

function rejected(name: string, code: string, change: (order: JsonObject) => JsonObject): BadOrder {
  return {
    name,
    outcome: 'rejected',
    code,
    spoil: (order) => Buffer.from(JSON.stringify(change(order))),
  }
}

/** A field of the order replaced; undefined leaves it out. */
function withField(name: string, code: string, field: string, value: unknown): BadOrder {
  return rejected(name, code, (order) => ({ ...order, [field]: value }))
}

/** A field of the order's first line replaced. */
function withLineField(name: string, code: string, field: string, value: unknown): BadOrder {
  return rejected(name, code, (order) => {
    const [first, ...others] = linesOf(order)
    return { ...order, lines: [{ ...first, [field]: value }, ...others] }
  })
}

function linesOf(order: JsonObject): readonly Line[] {
  return Array.isArray(order['lines']) ? order['lines'] : []
}

const bytes = (text: string) => Buffer.from(text)

export const badOrders: readonly BadOrder[] = [
  deadLetter('an empty line', 'ORDER_EMPTY', () => Buffer.alloc(0)),
  deadLetter('a line of spaces', 'ORDER_EMPTY', () => bytes('   ')),
  deadLetter('an order cut off in the middle', 'ORDER_NOT_JSON', (text) =>
    bytes(text.slice(0, text.length / 2)),
  ),
  deadLetter('text that is not JSON', 'ORDER_NOT_JSON', () => bytes('order_id=4711;status=PAID')),
  deadLetter('a bare NaN, which JSON lacks', 'ORDER_NOT_JSON', (text) =>
    bytes(text.replace(/"total_amount":"[^"]*"/, '"total_amount":NaN')),
  ),
  deadLetter('Latin-1 instead of UTF-8', 'ORDER_NOT_UTF8', (text) =>
    Buffer.from(text.replace('{', '{"note":"caf\u00e9",'), 'latin1'),
  ),
  deadLetter('UTF-16 instead of UTF-8', 'ORDER_NOT_UTF8', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')),
  deadLetter('a list of orders', 'ORDER_NOT_OBJECT', (text) => bytes(`[${text}]`)),
  deadLetter('a null', 'ORDER_NOT_OBJECT', () => bytes('null')),
  deadLetter('more than a megabyte', 'ORDER_TOO_LARGE', (text) =>
    bytes(text.replace('{', `{"note":"${'x'.repeat(1_000_000)}",`)),
  ),

  withField('no order id', 'ORDER_ID_MISSING', 'order_id', undefined),
  withField('a blank order id', 'ORDER_ID_MISSING', 'order_id', '  '),
  withField('an order id of the wrong type', 'ID_NOT_TEXT', 'order_id', { id: 1 }),
  withField('an order id that JSON rounds', 'ID_NOT_EXACT', 'order_id', 2 ** 60),
  withField('an order id that is too long', 'ID_TOO_LONG', 'order_id', 'x'.repeat(65)),
  withField('an order id with a line feed in it', 'ID_NOT_PRINTABLE', 'order_id', '47\n11'),
  withField('an order id with half a character', 'TEXT_NOT_WELL_FORMED', 'order_id', '47\ud83d'),
  withField('a null user id', 'USER_ID_MISSING', 'user_id', null),
  withField('no status', 'STATUS_MISSING', 'status', undefined),
  withField('an unknown status', 'STATUS_UNKNOWN', 'status', 'TELEPORTED'),
  withField('a status of the wrong type', 'TEXT_EXPECTED', 'status', 3),
  withField('no currency', 'CURRENCY_MISSING', 'currency', undefined),
  withField('an unknown currency', 'CURRENCY_UNKNOWN', 'currency', 'XYZ'),
  withField('no time', 'TIME_MISSING', 'order_time', undefined),
  withField('a time that is none', 'TIME_NOT_A_TIME', 'order_time', 'yesterday'),
  withField('a day that no month has', 'TIME_NOT_A_TIME', 'order_time', '2017-02-30T12:00:00Z'),
  withField('a time without a zone', 'TIME_WITHOUT_ZONE', 'order_time', '2017-01-01T11:53:26'),
  withField('a time beyond all dates', 'TIME_OUT_OF_RANGE', 'order_time', 1e18),
  withField('a time far in the future', 'TIME_IN_FUTURE', 'order_time', '2999-01-01T00:00:00Z'),
  withField('an ancient time', 'TIME_TOO_OLD', 'order_time', '1066-10-14T09:00:00Z'),
  withField('no total', 'AMOUNT_MISSING', 'total_amount', undefined),
  withField('a total that is no number', 'AMOUNT_NOT_A_NUMBER', 'total_amount', 'NaN'),
  withField('a total of the wrong type', 'AMOUNT_NOT_A_NUMBER', 'total_amount', true),
  withField('a total with three decimals', 'AMOUNT_TOO_PRECISE', 'total_amount', '1.005'),
  withField('a total that overflows', 'AMOUNT_OUT_OF_RANGE', 'total_amount', '92233720368547758.08'),
  withField('a total that JSON rounds', 'AMOUNT_NOT_EXACT', 'total_amount', 1e15),
  withField('a total above the limit', 'AMOUNT_TOO_LARGE', 'total_amount', '90000000000000.00'),
  withField('a negative total', 'AMOUNT_NEGATIVE', 'total_amount', '-0.01'),
  withField('a total that is not the sum', 'AMOUNT_NOT_SUM_OF_LINES', 'total_amount', '123456.78'),

  withField('no lines', 'LINES_MISSING', 'lines', undefined),
  withField('an empty list of lines', 'LINES_MISSING', 'lines', []),
  withField('lines that are no list', 'LINES_NOT_AN_ARRAY', 'lines', 'two'),
  withField('a line that is no object', 'LINE_NOT_AN_OBJECT', 'lines', [7]),
  withLineField('a line without number', 'LINE_NO_MISSING', 'line_no', null),
  withLineField('a line number that is no integer', 'LINE_NO_NOT_AN_INTEGER', 'line_no', 1.5),
  withLineField('a line number beyond 32 bits', 'LINE_NO_OUT_OF_RANGE', 'line_no', 2 ** 31),
  withLineField('a negative line number', 'LINE_NO_NEGATIVE', 'line_no', -1),
  rejected('two different lines with one number', 'LINE_NO_DUPLICATE', (order) => {
    const [first, ...others] = linesOf(order)
    return { ...order, lines: [first, { ...first, product_id: 'another', line_amount: '0.00' }, ...others] }
  }),
  withLineField('a line without product', 'PRODUCT_ID_MISSING', 'product_id', undefined),
  withLineField('a line without quantity', 'QUANTITY_MISSING', 'quantity', undefined),
  withLineField('a quantity in words', 'QUANTITY_NOT_AN_INTEGER', 'quantity', 'two'),
  withLineField('a quantity that overflows', 'QUANTITY_OUT_OF_RANGE', 'quantity', 1e300),
  withLineField('a quantity above the limit', 'QUANTITY_TOO_LARGE', 'quantity', 1_000_000_001),
  withLineField('a negative quantity', 'QUANTITY_NEGATIVE', 'quantity', -1),
  withLineField('a line without amount', 'LINE_AMOUNT_MISSING', 'line_amount', undefined),
  withLineField('a negative line amount', 'AMOUNT_NEGATIVE', 'line_amount', '-0.01'),
  withLineField('an infinite line amount', 'AMOUNT_NOT_A_NUMBER', 'line_amount', 'Infinity'),
]
