import { describe, expect, it } from 'vitest'
import type { OrderStatistic } from '../schemas/generated/records.ts'
import { statisticRows } from './statistics-rows.ts'

const window = { window_start: 3_600_000, window_end: 7_200_000 }
const orders = { currency: 'USD', order_count: 2, total_amount: 150 }

function written(figures: OrderStatistic['figures']): unknown[] {
  return statisticRows({ ...window, figures }).map(({ kind, table, values }) => [kind, table.name, values])
}

describe('statisticRows', () => {
  it('should write each kind of window into the table of its own', () => {
    const start = { window_start: 3_600_000 }
    expect(written({ kind: 'MINUTE', ...orders })).toEqual([
      ['upsert', 'order_statistics_minute', { ...start, ...orders }],
    ])
    expect(written({ kind: 'HOUR', ...orders })).toEqual([
      ['upsert', 'order_statistics_hour', { ...start, ...orders }],
    ])
    expect(written({ kind: 'USER_HOUR', user_id: '900', ...orders })).toEqual([
      ['upsert', 'user_statistics', { ...start, user_id: '900', ...orders }],
    ])
    const sales = { product_id: 'tea', currency: 'USD', order_count: 1, quantity: 2, sales_amount: 3 }
    expect(written({ kind: 'PRODUCT_HOUR', ...sales })).toEqual([
      ['upsert', 'product_statistics', { ...start, ...sales }],
    ])
    const status = { status: 'PAID', order_count: 3, entered_count: 2 }
    expect(written({ kind: 'STATUS_MINUTE', ...status })).toEqual([
      ['upsert', 'order_status_statistics', { ...start, ...status }],
    ])
  })

  it('should write a session from its first to its last order, and remove one that is no more', () => {
    const session = { kind: 'USER_SESSION', user_id: '900', ...orders } as const
    const key = { user_id: '900', session_start: 3_600_000 }
    expect(written({ ...session, removed: false })).toEqual([
      ['upsert', 'user_session', { ...key, session_end: 7_200_000, ...orders }],
    ])
    expect(written({ ...session, removed: true })).toEqual([['remove', 'user_session', key]])
  })

  it('should write nothing of what has no table', () => {
    expect(written({ kind: 'USER_LAST_HOUR', user_id: '900', ...orders })).toEqual([])
    expect(
      written({ kind: 'MILESTONE', order_number: 100, order_id: '1', user_id: '900', totals: [] }),
    ).toEqual([])
  })
})
