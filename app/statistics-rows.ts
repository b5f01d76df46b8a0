/** From statistics to rows of their tables. */
import type { OrderStatistic } from '../schemas/generated/records.ts'
import {
  orderStatisticsHourTable,
  orderStatisticsMinuteTable,
  orderStatusStatisticsTable,
  productStatisticsTable,
  remove,
  type SqlRow,
  upsert,
  userSessionTable,
  userStatisticsTable,
} from '../sql/index.ts'

export const statisticsTables = [
  orderStatisticsMinuteTable,
  orderStatisticsHourTable,
  userStatisticsTable,
  productStatisticsTable,
  orderStatusStatisticsTable,
  userSessionTable,
]

/** None for what is only in the topic: batches, and the hour up to each order. */
export function statisticRows({ window_start, window_end, figures }: OrderStatistic): SqlRow[] {
  switch (figures.kind) {
    case 'MINUTE':
    case 'HOUR': {
      const { currency, order_count, total_amount } = figures
      const table = figures.kind === 'MINUTE' ? orderStatisticsMinuteTable : orderStatisticsHourTable
      return [upsert(table, { window_start, currency, order_count, total_amount })]
    }
    case 'USER_HOUR': {
      const { user_id, currency, order_count, total_amount } = figures
      return [upsert(userStatisticsTable, { window_start, user_id, currency, order_count, total_amount })]
    }
    case 'PRODUCT_HOUR': {
      const { product_id, currency, order_count, quantity, sales_amount } = figures
      return [
        upsert(productStatisticsTable, {
          window_start,
          product_id,
          currency,
          order_count,
          quantity,
          sales_amount,
        }),
      ]
    }
    case 'STATUS_MINUTE': {
      const { status, order_count, entered_count } = figures
      return [upsert(orderStatusStatisticsTable, { window_start, status, order_count, entered_count })]
    }
    case 'USER_SESSION': {
      const { user_id, order_count, total_amount, currency } = figures
      const key = { user_id, session_start: window_start }
      if (figures.removed) return [remove(userSessionTable, key)]
      const session_end = window_end
      return [upsert(userSessionTable, { ...key, session_end, order_count, total_amount, currency })]
    }
    case 'USER_LAST_HOUR':
    case 'MILESTONE':
      return []
  }
}
