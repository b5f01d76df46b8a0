import { describe, expect, it } from 'vitest'
import type { OrderAnomaly } from '../schemas/generated/records.ts'
import { anomalyRow, behaviorRow, historyRow } from './detection-rows.ts'

const noon = Date.UTC(2017, 0, 1, 12)

const found = {
  anomaly_id: 'LARGE_ORDER/1/2017-01-01T12:00:00.000Z',
  severity: 'WARNING',
  order_id: '1',
  user_id: '900',
  event_time: noon,
  detected_time: noon + 1,
  rule_version: 3,
} as const

function detailsOf(type: OrderAnomaly['type'], details: OrderAnomaly['details']): unknown {
  return anomalyRow({ ...found, type, details }).values['details']
}

describe('rows of detection', () => {
  it('should have the columns of an anomaly, and what else there is to say as JSON for people', () => {
    const details = {
      kind: 'LARGE_ORDER',
      total_amount: 1_200_050,
      limit_amount: 1_000_000,
      currency: 'USD',
    } as const
    const row = anomalyRow({ ...found, type: 'LARGE_ORDER', details })
    expect(row.table.name).toBe('order_anomalies')
    expect(row.values).toEqual({
      ...found,
      type: 'LARGE_ORDER',
      details: { total_amount: '12000.50', limit_amount: '10000.00', currency: 'USD' },
    })
  })

  it('should write amounts and times of all details as the tables have them', () => {
    const escalating = {
      kind: 'ESCALATING_AMOUNT',
      order_ids: ['1', '2', '3'],
      amounts: [100, 150, 225],
      currency: 'USD',
      first_time: noon,
      percent: 150,
      within_ms: 60_000,
    } as const
    expect(detailsOf('ESCALATING_AMOUNT', escalating)).toEqual({
      order_ids: ['1', '2', '3'],
      amounts: ['1.00', '1.50', '2.25'],
      currency: 'USD',
      first_time: '2017-01-01 12:00:00.000',
      percent: 150,
      within_ms: 60_000,
    })
  })

  it('should take histories and behavior as they are', () => {
    const change = {
      order_id: '1',
      user_id: '900',
      sequence: 1,
      from_status: null,
      to_status: 'PAID',
      event_time: noon,
      legal: null,
    } as const
    expect(historyRow(change)).toMatchObject({ kind: 'upsert', values: change })
    const behavior = {
      user_id: '900',
      order_count: 1,
      total_amount: 5,
      currency: 'USD',
      average_gap_ms: null,
      favorite_products: [],
      first_seen: noon,
      last_seen: noon,
    }
    expect(behaviorRow(behavior)).toMatchObject({ kind: 'upsert', values: behavior })
  })
})
