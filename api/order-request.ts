/** What a request to the Order API asks for: from its body to the events to append, or to everything that is wrong. */
import { assessOrder } from '../orders/assess-order.ts'
import {
  isJsonObject,
  type JsonObject,
  orderFromJson,
  type ParseLimits,
  parseJson,
  shortJson,
} from '../orders/parse-order.ts'
import type { OrderLimits } from '../orders/rule.ts'
import { RecordError } from '../streams/index.ts'

export interface RequestLimits {
  /** Orders in one request. */
  readonly maxOrders: number
  readonly parse: ParseLimits
  readonly order: OrderLimits
}

export interface RequestProblem {
  /** Place of the order in the request, from 0. */
  readonly index: number
  /** Path of the field within the order; empty for the order itself. */
  readonly field: string
  readonly code: string
  readonly value: string | null
  readonly problem: string
  readonly remedy: string
}

export type OrderRequest =
  | { readonly kind: 'valid'; readonly events: readonly Buffer[] }
  | { readonly kind: 'too-many'; readonly count: number }
  /** `isCut`: there were so many problems that the orders after them were not looked at. */
  | { readonly kind: 'invalid'; readonly problems: readonly RequestProblem[]; readonly isCut: boolean }

const maxProblems = 1000
const orderRemedy = 'send an order as a JSON object, or several as an array of objects'
const remedies: Readonly<Record<string, string>> = {
  ORDER_NOT_UTF8: 'send JSON in UTF-8',
  ORDER_TOO_LARGE: 'send what belongs to the order only, or split it into several orders',
  ORDER_TOO_DEEP: 'send what belongs to the order only',
}

/** @param receivedTimeMs epoch milliseconds; an event may not lie too far after it */
export function readOrderRequest(body: Buffer, receivedTimeMs: number, limits: RequestLimits): OrderRequest {
  let value: unknown
  try {
    value = parseJson(body)
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    return invalid(error.code, null, error.message)
  }
  if (!Array.isArray(value)) return read([value], receivedTimeMs, limits, body)
  if (value.length === 0) {
    return invalid('ORDER_EMPTY', '[]', 'the array is empty')
  }
  if (value.length > limits.maxOrders) return { kind: 'too-many', count: value.length }
  return read(value, receivedTimeMs, limits)
}

function read(
  values: readonly unknown[],
  receivedTimeMs: number,
  limits: RequestLimits,
  body?: Buffer,
): OrderRequest {
  const problems: RequestProblem[] = []
  const events: Buffer[] = []
  let isCut = false
  for (const [index, value] of values.entries()) {
    if (!isJsonObject(value)) {
      problems.push(
        orderProblem(index, 'ORDER_NOT_OBJECT', shortJson(value), 'the order is not a JSON object'),
      )
      continue
    }
    // A single order is appended as it was sent; one of several is cut out by writing it again.
    const event = body ?? written(value)
    if (event === null) {
      problems.push(orderProblem(index, 'ORDER_TOO_DEEP', null, 'the order is nested too deep'))
      continue
    }
    if (event.length > limits.parse.maxOrderBytes) {
      const message = `the order has ${event.length} bytes, more than the ${limits.parse.maxOrderBytes} that are taken`
      problems.push(orderProblem(index, 'ORDER_TOO_LARGE', null, message))
      continue
    }
    const assessment = assessOrder(orderFromJson(value, limits.parse), receivedTimeMs, {
      limits: limits.order,
    })
    if (assessment.accepted) events.push(event)
    else {
      for (const { field, code, value: sent, message, remedy } of assessment.findings) {
        problems.push({ index, field, code, value: sent, problem: message, remedy })
      }
    }
    if (problems.length >= maxProblems && index + 1 < values.length) {
      isCut = true
      break
    }
  }
  return problems.length > 0 ? { kind: 'invalid', problems, isCut } : { kind: 'valid', events }
}

/** What is wrong with the request as a whole. */
function invalid(code: string, value: string | null, problem: string): OrderRequest {
  return { kind: 'invalid', problems: [orderProblem(0, code, value, problem)], isCut: false }
}

/** Null when the value is nested too deep: JSON can be read at any depth, but not written. */
function written(value: JsonObject): Buffer | null {
  try {
    return Buffer.from(JSON.stringify(value))
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function orderProblem(index: number, code: string, value: string | null, problem: string): RequestProblem {
  return { index, field: '', code, value, problem, remedy: remedies[code] ?? orderRemedy }
}
