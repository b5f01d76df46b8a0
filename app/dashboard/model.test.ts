import { describe, expect, it } from 'vitest'
import type { Counts, Figures } from './figures.ts'
import { modelOf } from './model.ts'

const hourMs = 3_600_000
const newestHourMs = Date.UTC(2017, 0, 31, 23)

const counts: Counts = {
  atMs: 10_000,
  statuses: { PAID: 3 },
  newestOrderMs: newestHourMs + 56 * 60_000 + 23_000,
  rows: { order_header: 3, order_line: 24, order_event: 5, order_rejection: 0 },
  anomalies: null,
}

const figures: Figures = {
  unit: 'hour',
  newestStartMs: newestHourMs,
  currency: 'USD',
  buckets: [
    { startMs: newestHourMs - 2 * hourMs, currency: 'USD', orders: 4, amount: 40.5 },
    { startMs: newestHourMs, currency: 'EUR', orders: 9, amount: 1 },
    { startMs: newestHourMs, currency: 'USD', orders: 2, amount: 7 },
  ],
  newestHour: [{ startMs: newestHourMs, currency: 'USD', orders: 2, amount: 7 }],
  topProducts: [],
  topUsers: [],
  openSessions: 1,
  newestSessions: [],
  counts,
  countsBefore: null,
}

const facts = { nowMs: counts.newestOrderMs! + 90_400, place: './data', request: { buckets: 4 } }

function of(changes: Partial<Figures>) {
  return modelOf({ ...figures, ...changes }, facts).figures!
}

describe('modelOf', () => {
  it('should say what it waits for', () => {
    expect(modelOf('tables', facts)).toEqual({
      time: '2017-01-31T23:57:53.400Z',
      place: './data',
      waitingFor: 'tables',
      figures: null,
    })
  })

  it('should have a point for every hour up to the newest, in the currency chosen', () => {
    expect(of({}).course).toEqual([
      { start: '2017-01-31T20:00:00.000Z', orders: 0, amount: 0 },
      { start: '2017-01-31T21:00:00.000Z', orders: 4, amount: 40.5 },
      { start: '2017-01-31T22:00:00.000Z', orders: 0, amount: 0 },
      { start: '2017-01-31T23:00:00.000Z', orders: 2, amount: 7 },
    ])
    expect(of({ currency: 'EUR' }).course.map(({ orders }) => orders)).toEqual([0, 0, 0, 9])
    expect(of({}).currencies).toEqual({ EUR: 9, USD: 6 })
  })

  it('should tell the hour of the newest minute', () => {
    const newestStartMs = newestHourMs + 56 * 60_000
    expect(of({ unit: 'minute', newestStartMs, buckets: [] })).toMatchObject({
      course: [{}, {}, {}, { start: '2017-01-31T23:56:00.000Z', orders: 0 }],
      newestHour: { start: '2017-01-31T23:00:00.000Z', orders: 2, amount: 7 },
    })
  })

  it('should tell how far the newest order is behind the clock, or ahead of it', () => {
    expect(of({})).toMatchObject({ newestOrder: '2017-01-31T23:56:23.000Z', behindSeconds: 90 })
    const newestStartMs = newestHourMs + hourMs
    expect(of({ newestStartMs })).toMatchObject({
      newestOrder: '2017-02-01T00:00:00.000Z',
      behindSeconds: -127,
    })
  })

  it('should tell how fast rows become more, once they were counted twice', () => {
    expect(of({}).tables[0]).toEqual({ table: 'order_header', rows: 3, rowsPerSecond: null })
    const countsBefore = { ...counts, atMs: 8_000, rows: { ...counts.rows, order_line: 4 } }
    expect(of({ countsBefore }).tables.slice(0, 2)).toEqual([
      { table: 'order_header', rows: 3, rowsPerSecond: 0 },
      { table: 'order_line', rows: 24, rowsPerSecond: 10 },
    ])
  })
})
