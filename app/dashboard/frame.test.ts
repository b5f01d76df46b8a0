import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { barsThatFit } from './course-chart.ts'
import { type FrameOptions, frameText } from './frame.ts'
import type { CoursePoint, DashboardFigures, DashboardModel } from './model.ts'
import { colours, noColours, widthOf } from './text.ts'

const options: FrameOptions = { width: 80, height: 23, paint: noColours, notice: null }
const newestHourMs = Date.UTC(2017, 0, 31, 23)

function courseOf(hours: number): CoursePoint[] {
  return Array.from({ length: hours }, (_, index) => {
    const startMs = newestHourMs - (hours - 1 - index) * 3_600_000
    const orders = (new Date(startMs).getUTCHours() + 2) % 24
    return { start: new Date(startMs).toISOString(), orders, amount: orders === 3 ? 2_159.4 : orders * 10 }
  })
}

const figures: DashboardFigures = {
  newestOrder: '2017-01-31T23:56:23.000Z',
  behindSeconds: 309_488_685,
  currency: 'USD',
  currencies: { USD: 1_177 },
  unit: 'hour',
  course: courseOf(barsThatFit(80)),
  newestHour: { start: '2017-01-31T23:00:00.000Z', orders: 52, amount: 1_475.45 },
  topProducts: [
    { productId: '6534178', orders: 23, quantity: 219_650, sales: 503.05 },
    { productId: '綠茶', orders: 1, quantity: 1, sales: 88.88 },
  ],
  topUsers: [{ userId: '2294', orders: 1, amount: 262.32 }],
  openSessions: 25,
  newestSessions: [
    {
      userId: '2500',
      start: '2017-01-31T23:56:23.000Z',
      end: '2017-01-31T23:56:23.000Z',
      orders: 1,
      amount: 45.64,
      currency: 'USD',
    },
  ],
  statuses: { CREATED: 2_721, PAID: 10_000 },
  anomalies: null,
  tables: [
    { table: 'order_header', rows: 12_721, rowsPerSecond: 3_100 },
    { table: 'order_line', rows: 124_051, rowsPerSecond: 0 },
    { table: 'order_rejection', rows: 0, rowsPerSecond: null },
  ],
}

const model: DashboardModel = {
  time: '2026-11-23T01:07:08.000Z',
  place: './data',
  waitingFor: null,
  figures,
}

function linesOf(changes: Partial<DashboardFigures>, of: Partial<FrameOptions> = {}): string[] {
  return frameText({ ...model, figures: { ...figures, ...changes } }, { ...options, ...of }).split('\n')
}

describe('frameText', () => {
  it('should show everything in a terminal of 80 by 24', () => {
    expect(linesOf({})).toEqual([
      'order-streams  ./data                                    2026-11-23 01:07:08 UTC',
      'newest order 2017-01-31 23:56:23, 9.8 years behind the clock',
      '── Orders per hour in USD ─────────────── hour 23:00  52 orders  1,475.45 USD ──',
      '     23 orders ┤          ▁▃▆█                    ▁▃▆█                    ▁▃▆█',
      '               │       ▁▄▆████                 ▁▄▆████                 ▁▄▆████',
      '               │    ▂▅▇███████              ▂▅▇███████              ▂▅▇███████',
      '               │ ▃▅███████████           ▃▅███████████           ▃▅███████████',
      '               │██████████████       ▁▃▆██████████████       ▁▃▆██████████████',
      '               │██████████████    ▂▄▇█████████████████    ▂▄▇█████████████████',
      '               │██████████████ ▂▅▇████████████████████ ▂▅▇████████████████████ ▂',
      '     2,159 USD ┤                 █                       █',
      '               │                 █                       █',
      '               │                 █                       █',
      '               │▁▂▂▂▂▂▂▃▃▃▃▃▃▃ ▁▁█▁▁▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▃ ▁▁█▁▁▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▃ ▁',
      '               └────┬───────────┬───────────┬───────────┬───────────┬───────────',
      '                    12:00       01-30       12:00       01-31       12:00',
      '── Best of the newest 24 hours; sessions ─────────────────── 25 sessions open ──',
      'product   orders   sales   user      orders  amount   session     from  orders',
      '6534178       23  503.05   2294           1  262.32   2500       23:56       1',
      '綠茶           1   88.88',
      '── All orders ──────────────────────────────────────────────────────────────────',
      'status     CREATED 2,721 (21%)  PAID 10,000 (79%)',
      'rows       orders 12,721 +3,100/s  lines 124,051  rejected 0',
    ])
  })

  it('should name the times under the bars, every day or every few hours, as they have room', () => {
    const axisOf = (hours: number) =>
      linesOf({ course: courseOf(hours) })
        .find((line) => /^ +\S*\d\d[:-]\d\d/.test(line) && !line.includes('orders'))
        ?.trim()
        .split(/ +/)
    expect(axisOf(64)).toEqual(['12:00', '01-30', '12:00', '01-31', '12:00'])
    expect(axisOf(24)).toEqual(['01-31', '06:00', '12:00', '18:00'])
    expect(axisOf(6)).toEqual(['18:00', '19:00', '20:00', '21:00', '22:00', '23:00'])
  })

  it('should name what is beside the currency of the charts', () => {
    const [line] = linesOf({ currencies: { USD: 20, EUR: 3, JPY: 1_200 } }).filter((text) =>
      text.includes('EUR'),
    )
    expect(line?.trim()).toBe('beside: EUR 3  JPY 1,200')
  })

  it('should tell the anomalies where they are looked for, and that there are none', () => {
    const anomaliesOf = (anomalies: DashboardFigures['anomalies']) =>
      linesOf({ anomalies }).find((line) => line.startsWith('anomalies'))
    expect(anomaliesOf(null)).toBeUndefined()
    expect(anomaliesOf({})).toBe('anomalies  none')
    expect(anomaliesOf({ BURST: 2, LARGE_ORDER: 1_200 })).toBe('anomalies  BURST 2  LARGE_ORDER 1,200')
  })

  it('should use two lines for many statuses, and say when some have no room', () => {
    const statuses = { CREATED: 158, PAID: 80, SHIPPED: 40, DELIVERED: 190, COMPLETED: 2_819, CANCELLED: 430 }
    const statusLines = (width: number) => linesOf({ statuses }, { width }).slice(-3, -1)
    expect(statusLines(80)).toEqual([
      'status     CREATED 158 (4%)  PAID 80 (2%)  SHIPPED 40 (1%)  DELIVERED 190 (5%)',
      '           COMPLETED 2,819 (76%)  CANCELLED 430 (12%)',
    ])
    expect(statusLines(50)).toEqual([
      'status     CREATED 158 (4%)  PAID 80 (2%)',
      '           SHIPPED 40 (1%)  DELIVERED 190 (5%)  …',
    ])
  })

  it('should say what it waits for, and why figures are not of now', () => {
    const waiting = { ...model, waitingFor: 'tables', figures: null } as const
    expect(frameText(waiting, options).split('\n').slice(1)).toEqual([
      '',
      'Waiting for the first rows.',
      'The database has no tables yet: `order-streams start` or `migrate` makes them.',
    ])
    expect(linesOf({}, { notice: 'it does not answer' })[1]).toBe('it does not answer')
  })

  it('should tell orders from a clock that is ahead', () => {
    expect(linesOf({ behindSeconds: -61 })[1]).toMatch(/, 1 min 1 s ahead of the clock$/)
  })

  it('should never be wider or higher than the terminal, with colours or without', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 70 })
    fc.assert(
      fc.property(
        fc.record({
          width: fc.integer({ min: 1, max: 240 }),
          height: fc.integer({ min: 1, max: 70 }),
          paint: fc.constantFrom(noColours, colours),
          notice: fc.option(text),
        }),
        fc.array(text, { maxLength: 8 }),
        fc.nat(300),
        (size, names, hours) => {
          const topProducts = names.map((productId) => ({ productId, orders: 1, quantity: 1e9, sales: 1e12 }))
          const counts = Object.fromEntries(names.map((name) => [name, 1e9]))
          const changes = { topProducts, statuses: counts, anomalies: counts, currencies: counts }
          const lines = linesOf({ ...changes, course: courseOf(hours + 1) }, size)
          expect(lines.length).toBeLessThanOrEqual(size.height)
          for (const line of lines) {
            expect(widthOf(stripVTControlCharacters(line))).toBeLessThanOrEqual(size.width)
          }
        },
      ),
    )
  })

  it('should fill a large terminal', () => {
    expect(linesOf({ course: courseOf(184) }, { width: 200, height: 50 }).length).toBeGreaterThan(30)
  })
})
