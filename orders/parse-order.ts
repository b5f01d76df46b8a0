/**
 * From the bytes of an order event to typed fields.
 *
 * 1. Only what is no JSON object at all is an error; whatever is wrong with a field becomes a `ParseProblem`, so that
 *    every problem of an order is told at once.
 * 2. The result is bounded whatever the input: so many lines, so many problems, so many characters of each.
 * 3. Fields are read by their names only; unknown ones, `__proto__` among them, are ignored.
 */
import { isUtf8 } from 'node:buffer'
import type { OrderParsed, OrderParsedLine, ParseProblem } from '../schemas/generated/records.ts'
import { messageOf, RecordError } from '../streams/index.ts'
import { toHundredths, toIdText, toInteger, toText } from './parse-fields.ts'
import type { ParseProblemCode } from './parse-problems.ts'
import { toTimeMs } from './parse-time.ts'

export interface ParseLimits {
  /** A larger order is not parsed. */
  readonly maxOrderBytes: number
  readonly maxLines: number
}

/** An order of a megabyte, and the dead letter about one slightly larger, fit into a record of Kafka's default size. */
export const defaultParseLimits: ParseLimits = { maxOrderBytes: 1_000_000, maxLines: 10_000 }

const maxProblems = 100
const maxValueCharacters = 200

/**
 * Parses one order event.
 * @throws RecordError ORDER_EMPTY, ORDER_TOO_LARGE, ORDER_NOT_UTF8, ORDER_NOT_JSON, ORDER_NOT_OBJECT
 */
export function parseOrder(bytes: Uint8Array, limits: ParseLimits = defaultParseLimits): OrderParsed {
  return orderFromJson(parseJsonObject(bytes, limits), limits)
}

/** The JSON object in the bytes of an order event. Throws as `parseOrder` does. */
export function parseJsonObject(bytes: Uint8Array, limits: ParseLimits = defaultParseLimits): JsonObject {
  if (bytes.length > limits.maxOrderBytes) {
    const size = `the order has ${bytes.length} bytes, more than the ${limits.maxOrderBytes} that are taken`
    throw new RecordError('ORDER_TOO_LARGE', size)
  }
  const value = parseJson(bytes)
  if (isJsonObject(value)) return value
  throw new RecordError('ORDER_NOT_OBJECT', `the order is not a JSON object but ${shortJson(value)}`)
}

/**
 * Whatever JSON the bytes hold.
 * @throws RecordError ORDER_EMPTY, ORDER_NOT_UTF8, ORDER_NOT_JSON
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw new RecordError('ORDER_NOT_UTF8', 'the order is not valid UTF-8')
  const text = withoutByteOrderMark(asBuffer(bytes).toString('utf8'))
  try {
    return JSON.parse(text)
  } catch (error) {
    if (text.trim() === '') throw new RecordError('ORDER_EMPTY', 'the order is empty')
    throw new RecordError('ORDER_NOT_JSON', `the order is not JSON: ${messageOf(error)}`, { cause: error })
  }
}

export type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Converts an order event that is parsed JSON already. */
export function orderFromJson(order: JsonObject, limits: ParseLimits = defaultParseLimits): OrderParsed {
  const problems = new Problems()
  const total = order['total_amount']
  return {
    order_id: idField(order['order_id'], 'order_id', problems),
    user_id: idField(order['user_id'], 'user_id', problems),
    store_id: idField(order['store_id'], 'store_id', problems),
    status: textField(order['status'], 'status', problems),
    currency: textField(order['currency'], 'currency', problems),
    order_time: timeField(order['order_time'], 'order_time', problems),
    total_amount: isAbsent(total) ? null : problems.number(toHundredths(total), 'total_amount', total),
    lines: linesField(order['lines'], limits.maxLines, problems),
    problems: problems.list,
  }
}

/** Collects problems, up to a limit: the last entry then says that there are more. */
class Problems {
  readonly list: ParseProblem[] = []

  add(code: ParseProblemCode, field: string, value: unknown): null {
    if (this.list.length < maxProblems - 1) this.list.push({ code, field, value: shortJson(value) })
    else if (this.list.length < maxProblems) this.list.push({ code: 'PROBLEMS_TOO_MANY', field, value: '' })
    return null
  }

  number(converted: number | ParseProblemCode, field: string, value: unknown): number | null {
    return typeof converted === 'number' ? converted : this.add(converted, field, value)
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function idField(value: unknown, field: string, problems: Problems): string | null {
  if (isAbsent(value)) return null
  const id = toIdText(value)
  return typeof id === 'object' ? id.text : problems.add(id, field, value)
}

function textField(value: unknown, field: string, problems: Problems): string | null {
  if (isAbsent(value)) return null
  const converted = toText(value)
  return typeof converted === 'object' ? converted.text : problems.add(converted, field, value)
}

function timeField(value: unknown, field: string, problems: Problems): number | null {
  return isAbsent(value) ? null : problems.number(toTimeMs(value), field, value)
}

function linesField(value: unknown, maxLines: number, problems: Problems): OrderParsedLine[] {
  if (isAbsent(value)) return []
  if (!Array.isArray(value)) {
    problems.add('LINES_NOT_AN_ARRAY', 'lines', value)
    return []
  }
  if (value.length > maxLines) problems.add('LINES_TOO_MANY', 'lines', value.length)
  const count = Math.min(value.length, maxLines)
  const lines = new Array<OrderParsedLine>(count)
  for (let i = 0; i < count; i++) lines[i] = lineField(value[i], i, problems)
  return lines
}

const emptyLine: OrderParsedLine = { line_no: null, product_id: null, quantity: null, line_amount: null }

function lineField(line: unknown, index: number, problems: Problems): OrderParsedLine {
  if (!isJsonObject(line)) {
    problems.add('LINE_NOT_AN_OBJECT', `lines[${index}]`, line)
    return { ...emptyLine }
  }
  return {
    line_no: lineNumberField(line['line_no'], index, problems),
    product_id: productField(line['product_id'], index, problems),
    quantity: quantityField(line['quantity'], index, problems),
    line_amount: lineAmountField(line['line_amount'], index, problems),
  }
}

// The fields of a line make their path only when there is a problem: making ten strings a line would cost more than the rest.

function lineNumberField(value: unknown, index: number, problems: Problems): number | null {
  if (isAbsent(value)) return null
  const number = toInteger(value)
  if (typeof number === 'number') {
    if (number === (number | 0)) return number
    return problems.add('LINE_NO_OUT_OF_RANGE', `lines[${index}].line_no`, value)
  }
  return problems.add(`LINE_NO_${number}`, `lines[${index}].line_no`, value)
}

function productField(value: unknown, index: number, problems: Problems): string | null {
  if (isAbsent(value)) return null
  const id = toIdText(value)
  return typeof id === 'object' ? id.text : problems.add(id, `lines[${index}].product_id`, value)
}

function quantityField(value: unknown, index: number, problems: Problems): number | null {
  if (isAbsent(value)) return null
  const number = toInteger(value)
  if (typeof number === 'number') return number
  return problems.add(`QUANTITY_${number}`, `lines[${index}].quantity`, value)
}

function lineAmountField(value: unknown, index: number, problems: Problems): number | null {
  if (isAbsent(value)) return null
  const amount = toHundredths(value)
  return typeof amount === 'number' ? amount : problems.add(amount, `lines[${index}].line_amount`, value)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** A JSON value as text for people, cut short; numbers that JSON cannot write, and nesting too deep, by a stand-in. */
export function shortJson(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  let text: string
  try {
    text = JSON.stringify(value) ?? 'null'
  } catch {
    text = Array.isArray(value) ? '[…]' : '{…}'
  }
  if (text.length <= maxValueCharacters) return text
  return `${text.slice(0, maxValueCharacters - 1).replace(/\p{Surrogate}$/u, '')}…`
}
