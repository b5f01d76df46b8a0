/** The tables of stages 1 and 2, as the migrations make them. Of two rows with one key the one of the newer event stays. */
import {
  cutText,
  defineTable,
  integer,
  json,
  jsonText,
  money,
  nullable,
  orNull,
  text,
  time,
} from './table.ts'

const coordinates = { topic: text(249), partition: integer, offset: integer }
const id = text(64)
const sentId = cutText(64)

/**
 * Every order event as it was parsed, by its coordinates in the log: not validated, so what does not fit is cut or null.
 */
export const orderEventTable = defineTable({
  name: 'order_event',
  key: ['topic', 'partition', 'offset'],
  columns: {
    ...coordinates,
    order_id: nullable(sentId),
    user_id: nullable(sentId),
    store_id: nullable(sentId),
    status: nullable(cutText(32)),
    currency: nullable(cutText(16)),
    total_amount: orNull(money),
    order_time: orNull(time),
    line_count: integer,
    problem_count: integer,
  },
})

/** Each order as its newest event tells it: `updated_time` is that event's time, `order_time` the earliest event's. */
export const orderHeaderTable = defineTable({
  name: 'order_header',
  key: ['order_id'],
  columns: {
    order_id: id,
    user_id: id,
    store_id: nullable(id),
    status: text(32),
    currency: text(16),
    total_amount: money,
    line_count: integer,
    order_time: time,
    updated_time: time,
  },
  newerWins: 'updated_time',
  leastStays: 'order_time',
})

/** The lines of each order as its newest event tells them; `order_time` is that event's time. */
export const orderLineTable = defineTable({
  name: 'order_line',
  key: ['order_id', 'line_no'],
  columns: {
    order_id: id,
    line_no: integer,
    user_id: id,
    product_id: id,
    quantity: integer,
    line_amount: money,
    currency: text(16),
    status: text(32),
    order_time: time,
  },
  newerWins: 'order_time',
})

/** Every rejected event with all its reasons, by the coordinates of the record that was rejected. */
export const orderRejectionTable = defineTable({
  name: 'order_rejection',
  key: ['topic', 'partition', 'offset'],
  columns: {
    ...coordinates,
    order_id: nullable(sentId),
    user_id: nullable(sentId),
    reasons: json,
    payload: jsonText,
    rejected_time: time,
  },
})
