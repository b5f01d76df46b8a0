/** What the Order API must know of an event to append it: who it belongs to, which event it is, and when it took place. */
import { trimmed } from './normalise.ts'
import { toIdText, toText } from './parse-fields.ts'
import { type JsonObject, type ParseLimits, parseJsonObject } from './parse-order.ts'
import { toTimeMs } from './parse-time.ts'
import { defaultOrderLimits } from './rule.ts'
import { normaliseStatus } from './statuses.ts'

export interface OrderRoute {
  /** See `orderKey`. */
  readonly key: string | null
  readonly orderId: string | null
  readonly status: string | null
  /** Null when there is none, or one that no order can have. */
  readonly timeMs: number | null
}

const nowhere: OrderRoute = { key: null, orderId: null, status: null, timeMs: null }

/**
 * Never throws: bytes that are no order have no route.
 * @param nowMs a time that lies too far after it is not taken: it would drag the event time of a partition along.
 */
export function routeOrder(bytes: Buffer, nowMs: number, limits?: ParseLimits): OrderRoute {
  let order: JsonObject
  try {
    order = parseJsonObject(bytes, limits)
  } catch {
    return nowhere
  }
  const time = toTimeMs(order['order_time'])
  const status = textOf(toText(order['status']))
  return {
    key: orderKey(textOf(toIdText(order['user_id']))),
    orderId: textOf(toIdText(order['order_id'])),
    status: status === null ? null : normaliseStatus(status),
    timeMs: typeof time === 'number' && isPlausibleTime(time, nowMs) ? time : null,
  }
}

/** The key of all records about an order: its user id. Null when there is none, or one that no user can have. */
export function orderKey(userId: string | null): string | null {
  const key = trimmed(userId)
  return key !== null && key.length <= defaultOrderLimits.maxIdCharacters ? key : null
}

/** Whether an event that was received at one time can have taken place at another. */
export function isPlausibleTime(timeMs: number, receivedTimeMs: number): boolean {
  const { earliestTimeMs, maxAheadMs } = defaultOrderLimits
  return timeMs >= earliestTimeMs && timeMs <= receivedTimeMs + maxAheadMs
}

function textOf(converted: ReturnType<typeof toText>): string | null {
  return typeof converted === 'object' ? trimmed(converted.text) : null
}
