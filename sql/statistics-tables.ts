/** The tables of stage 3, as the migrations make them. A row is replaced as a whole whenever its window changes. */
import { defineTable, integer, money, text, time } from './table.ts'

const id = text(64)
const currency = text(16)

export const orderStatisticsMinuteTable = defineTable({
  name: 'order_statistics_minute',
  key: ['window_start', 'currency'],
  columns: { window_start: time, currency, order_count: integer, total_amount: money },
})

export const orderStatisticsHourTable = defineTable({
  name: 'order_statistics_hour',
  key: ['window_start', 'currency'],
  columns: { window_start: time, currency, order_count: integer, total_amount: money },
})

/** Each user's orders of an hour. */
export const userStatisticsTable = defineTable({
  name: 'user_statistics',
  key: ['window_start', 'user_id', 'currency'],
  columns: { window_start: time, user_id: id, currency, order_count: integer, total_amount: money },
})

/** Each product's sales of an hour. */
export const productStatisticsTable = defineTable({
  name: 'product_statistics',
  key: ['window_start', 'product_id', 'currency'],
  columns: {
    window_start: time,
    product_id: id,
    currency,
    order_count: integer,
    quantity: integer,
    sales_amount: money,
  },
})

/** The order events of a minute by status, and how many orders entered it by them. */
export const orderStatusStatisticsTable = defineTable({
  name: 'order_status_statistics',
  key: ['window_start', 'status'],
  columns: { window_start: time, status: text(32), order_count: integer, entered_count: integer },
})

/** Orders of a user that follow each other closely; a session that has become part of an earlier one is removed. */
export const userSessionTable = defineTable({
  name: 'user_session',
  key: ['user_id', 'session_start'],
  columns: {
    user_id: id,
    session_start: time,
    session_end: time,
    order_count: integer,
    total_amount: money,
    currency,
  },
})
