import { describe, expect, it } from 'vitest'
import { anomalyTypeSymbols } from '../schemas/generated/records.ts'
import type { AnomalyCounts } from './anomalies.ts'
import { summaryData, summaryText, whereToLook } from './summary.ts'
import type { Tally } from './tally.ts'

const tally: Tally = {
  orders: 1234,
  headers: 1000,
  updates: 200,
  repeats: 20,
  lines: 5000,
  rejected: 10,
  deadLetters: 4,
  refusedRows: 0,
  reasons: { AMOUNT_MISSING: 9, STATUS_UNKNOWN: 2 },
  deadLetterReasons: { ORDER_NOT_JSON: 4 },
  problems: [],
  unchecked: null,
}
const nothing = { statistics: null, anomalies: null }
const facts = { newOrders: 617, elapsedMs: 2000 }

describe('summaryText', () => {
  it('should lead from what became of the events to how many were read', () => {
    const text = summaryText(tally, facts, nothing)
    expect(text).toMatch(/^1,000 {2}orders stored .*5,000 lines in order_line\n {2}200 {2}updates/)
    expect(text).toMatch(/─\n1,234 {2}order events read +617 in this run: 2\.0 s, 309 events\/s\n/)
    expect(text).toMatch(/Rejected, by reason[^\n]*\n {2}9 {2}AMOUNT_MISSING\n {2}2 {2}STATUS_UNKNOWN\n/)
    expect(text).toMatch(/Dead letters, by reason:\n {2}4 {2}ORDER_NOT_JSON\n\nIt adds up/)
  })

  it('should end with what stands out in the statistics', () => {
    const hour = { hour: '2017-01-01T12:00:00.000Z', orders: 63, amount: 1 }
    const statistics = { currency: 'USD', busiestHours: [hour], topProducts: [], topUsers: [] }
    expect(summaryText(tally, facts, { ...nothing, statistics })).toMatch(
      /It adds up.*\n\n── Busiest hours.* in USD ─+\nhour.*\n2017-01-01 12:00 {6}63$/,
    )
    expect(summaryData(tally, facts, { ...nothing, statistics })).toMatchObject({ statistics })
  })

  it('should end with how much detection found of each kind', () => {
    const none = Object.fromEntries(anomalyTypeSymbols.map((type) => [type, 0])) as AnomalyCounts
    const anomalies = { ...none, BURST: 2, REPEAT_PURCHASE: 1234 }
    const text = summaryText(tally, facts, { ...nothing, anomalies })
    expect(text).toMatch(
      /It adds up.*\n\n── Anomalies.*─\n {4}0 {2}LARGE_ORDER +large orders\n {4}2 {2}BURST +bursts .*\n(.*\n)+1,234 {2}REPEAT_PURCHASE +a product/,
    )
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(summaryData(tally, facts, { ...nothing, anomalies })).toMatchObject({ anomalies })
  })

  it('should fit into a terminal of 80 columns, also with millions of orders', () => {
    const many = 1_234_567
    const large = { ...tally, orders: many, headers: many, lines: many * 10 }
    const lines = summaryText(large, { newOrders: many, elapsedMs: 9_999_900 }, nothing).split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('should say loudly when it does not add up, and which sum', () => {
    expect(summaryText({ ...tally, problems: ['orders 3 is not 2'] }, facts, nothing)).toMatch(
      /IT DOES NOT ADD UP\..*\n {2}orders 3 is not 2$/,
    )
  })

  it('should say when the sums cannot come out, and why', () => {
    const unchecked = 'retention has deleted records'
    expect(summaryText({ ...tally, unchecked }, facts, nothing)).toMatch(
      /Not held against one another: retention has deleted records\.$/,
    )
    expect(summaryData({ ...tally, unchecked }, facts, nothing)).toMatchObject({
      reconciles: null,
      unchecked,
    })
  })

  it('should mention rows that the database refused', () => {
    expect(summaryText({ ...tally, refusedRows: 3 }, facts, nothing)).toContain(
      '3 rows were refused by the database',
    )
  })
})

describe('summaryData', () => {
  it('should have the figures of the directory, and speed and time of this run', () => {
    expect(summaryData(tally, facts, nothing)).toMatchObject({
      orders: 1234,
      reasons: { AMOUNT_MISSING: 9, STATUS_UNKNOWN: 2 },
      newOrders: 617,
      seconds: 2,
      ordersPerSecond: 309,
      reconciles: true,
    })
    expect(summaryData({ ...tally, problems: ['x'] }, { newOrders: 0, elapsedMs: 0 }, nothing)).toMatchObject(
      {
        reconciles: false,
        problems: ['x'],
        ordersPerSecond: 0,
      },
    )
  })
})

describe('whereToLook', () => {
  const places = { dataDir: './data', databasePath: 'data/orders.db', logPath: null, apiUrl: undefined }

  it('should give commands that can be copied, also with a path that a shell would take apart', () => {
    expect(whereToLook(places)).toContain('\n  npx order-streams dead-letters list\n')
    expect(whereToLook({ ...places, dataDir: "a b's" })).toContain(`list --data-dir 'a b'\\''s'\n`)
  })

  it('should tell of the Order API only where it listens', () => {
    expect(whereToLook(places)).not.toContain('curl')
    expect(whereToLook({ ...places, apiUrl: 'http://127.0.0.1:8081' })).toContain(
      'curl http://127.0.0.1:8081/v1/orders',
    )
  })
})
