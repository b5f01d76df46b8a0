/** From a clean order event to the records that cleanse writes: a header, and the order's lines. */
import type { CleanOrder, Finding } from '../../orders/assess-order.ts'
import { formatOrder } from '../../orders/format-order.ts'
import type {
  OrderLine,
  OrderMemory,
  OrderParsed,
  OrderProcessed,
  OrderRejected,
} from '../../schemas/generated/records.ts'
import type { Decision } from './memory.ts'

export function toHeader(
  order: CleanOrder,
  decision: Pick<Decision, 'eventNumber' | 'latest'> & { readonly memory: Pick<OrderMemory, 'placed_time'> },
  warnings: readonly string[],
): OrderProcessed {
  return {
    order_id: order.order_id,
    user_id: order.user_id,
    store_id: order.store_id,
    status: order.status,
    currency: order.currency,
    total_amount: order.total_amount,
    line_count: order.lines.length,
    order_time: order.order_time,
    placed_time: decision.memory.placed_time,
    event_number: decision.eventNumber,
    latest: decision.latest,
    warnings,
    product_ids: [...new Set(order.lines.map((line) => line.product_id))],
  }
}

/**
 * The lines as they are from this event on, then those that are gone, marked `removed`. A late event says nothing about
 * what the lines are now, so it has none.
 */
export function toLines(
  order: CleanOrder,
  decision: Pick<Decision, 'eventNumber' | 'latest' | 'removedLineNumbers'>,
): OrderLine[] {
  if (!decision.latest) return []
  const lines = order.lines.map((line) => toLine(order, decision.eventNumber, line, false))
  for (const line_no of decision.removedLineNumbers) {
    const gone = { line_no, product_id: '', quantity: 0, line_amount: 0 }
    lines.push(toLine(order, decision.eventNumber, gone, true))
  }
  return lines
}

function toLine(
  order: CleanOrder,
  eventNumber: number,
  line: CleanOrder['lines'][number],
  removed: boolean,
): OrderLine {
  return {
    order_id: order.order_id,
    line_no: line.line_no,
    user_id: order.user_id,
    product_id: line.product_id,
    quantity: line.quantity,
    line_amount: line.line_amount,
    currency: order.currency,
    status: order.status,
    order_time: order.order_time,
    event_number: eventNumber,
    removed,
  }
}

export interface RejectedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** @param sent the event as parsed, before normalisation: the payload shows what came. */
export function toRejection(
  sent: OrderParsed,
  findings: readonly Finding[],
  record: RejectedRecord,
  rejectedTimeMs: number,
): OrderRejected {
  return {
    order_id: sent.order_id?.trim() ?? null,
    user_id: sent.user_id?.trim() ?? null,
    reasons: findings.map(({ code, field, message, value }) => ({ code, field, message, value })),
    payload: formatOrder(sent),
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    rejected_time: rejectedTimeMs,
  }
}
