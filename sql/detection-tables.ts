/** The tables of stage 4, as the migrations make them. */
import { boolean, defineTable, integer, json, money, nullable, text, time } from './table.ts'

const id = text(64)

/** What was found: what is found again has the same row. */
export const orderAnomaliesTable = defineTable({
  name: 'order_anomalies',
  key: ['anomaly_id'],
  columns: {
    anomaly_id: text(160),
    type: text(32),
    severity: text(16),
    order_id: id,
    user_id: id,
    event_time: time,
    detected_time: time,
    rule_version: integer,
    details: json,
  },
})

/** How each order went from status to status; `legal` is null of what came too late to be judged. */
export const orderStatusHistoryTable = defineTable({
  name: 'order_status_history',
  key: ['order_id', 'sequence'],
  columns: {
    order_id: id,
    sequence: integer,
    user_id: id,
    from_status: nullable(text(32)),
    to_status: text(32),
    event_time: time,
    legal: nullable(boolean),
  },
})

/** How each user orders; the amount is of the currency that most of the orders are in. */
export const userBehaviorTable = defineTable({
  name: 'user_behavior',
  key: ['user_id'],
  columns: {
    user_id: id,
    order_count: integer,
    total_amount: money,
    currency: text(16),
    average_gap_ms: nullable(integer),
    favorite_products: json,
    first_seen: time,
    last_seen: time,
  },
})
