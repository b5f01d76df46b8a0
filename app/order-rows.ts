/** From records to rows of the order tables. */
import type { OrderLine, OrderParsed, OrderProcessed, OrderRejected } from '../schemas/generated/records.ts'
import {
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
  remove,
  type SqlRow,
  upsert,
} from '../sql/index.ts'
import type { RecordContext } from '../streams/index.ts'

export const orderTables = [orderEventTable, orderHeaderTable, orderLineTable, orderRejectionTable]

export function eventRow(event: OrderParsed, { topic, partition, offset }: RecordContext): SqlRow {
  const { order_id, user_id, store_id, status, currency, total_amount, order_time } = event
  return upsert(orderEventTable, {
    topic,
    partition,
    offset,
    order_id,
    user_id,
    store_id,
    status,
    currency,
    total_amount,
    order_time,
    line_count: event.lines.length,
    problem_count: event.problems.length,
  })
}

/** A late event's row is older than the one that is there, which then stays, but for when the order was placed. */
export function headerRow(header: OrderProcessed): SqlRow {
  const { order_id, user_id, store_id, status, currency, total_amount, line_count, order_time } = header
  return upsert(orderHeaderTable, {
    order_id,
    user_id,
    store_id,
    status,
    currency,
    total_amount,
    line_count,
    order_time: header.placed_time,
    updated_time: order_time,
  })
}

export function lineRow(line: OrderLine): SqlRow {
  const { order_id, line_no, user_id, product_id, quantity, line_amount, currency, status, order_time } = line
  if (line.removed) return remove(orderLineTable, { order_id, line_no }, { ifNotNewerThan: order_time })
  return upsert(orderLineTable, {
    order_id,
    line_no,
    user_id,
    product_id,
    quantity,
    line_amount,
    currency,
    status,
    order_time,
  })
}

/** `reasons` has each code once, in the order in which they were found. */
export function rejectionRow(rejection: OrderRejected): SqlRow {
  const { topic, partition, offset, order_id, user_id, payload, rejected_time } = rejection
  const reasons = [...new Set(rejection.reasons.map(({ code }) => code))]
  return upsert(orderRejectionTable, {
    topic,
    partition,
    offset,
    order_id,
    user_id,
    reasons,
    payload,
    rejected_time,
  })
}
