/** The dashboard as lines of text, for a terminal of any size: what does not fit is left out, never wrapped. */
import { count } from '../output.ts'
import { courseChart } from './course-chart.ts'
import { topHours } from './figures.ts'
import type { DashboardFigures, DashboardModel } from './model.ts'
import { type Panel, sideBySide } from './panels.ts'
import { between, cut, duration, money, type Paint, padded, rule, secondText, widthOf } from './text.ts'
import { productPanel, userPanel } from './top-lists.ts'

export interface FrameOptions {
  readonly width: number
  /** Lines at most. */
  readonly height: number
  readonly paint: Paint
  /** Why the figures are not those of now; null when they are. */
  readonly notice: string | null
}

/** The most places that the lists of a frame have. */
export const mostPlaces = 15

/** No line is wider, and there are no more of them, than the options say. */
export function frameText(model: DashboardModel, options: FrameOptions): string {
  const { width, height, notice, paint } = options
  const head = [headLine(model, options), ...(notice === null ? [] : [paint.warning(cut(notice, width))])]
  const { figures } = model
  const body =
    figures === null
      ? ['', cut(waitingText(model), width)]
      : figureLines(figures, { ...options, height: height - head.length })
  return [...head, ...body].slice(0, height).join('\n')
}

const name = 'order-streams'

function headLine({ place, time }: DashboardModel, { width, paint }: FrameOptions): string {
  const rest = between(`  ${place}`, `${secondText(Date.parse(time))} UTC`, width - name.length)
  return paint.title(name) + rest
}

function waitingText({ waitingFor }: DashboardModel): string {
  const why = {
    database: 'no database is there yet; `order-streams start` makes it',
    tables: 'the database has no tables yet; `order-streams start` or `migrate` makes them',
    rows: 'nothing has been counted yet; `order-streams simulate` sends orders',
  }
  return `Waiting for the first rows: ${why[waitingFor ?? 'rows']}.`
}

/** Beside charts and lists: the newest order, three rules, the axis with its times, the heading of the lists. */
const otherLines = 7

function figureLines(figures: DashboardFigures, { width, height, paint }: FrameOptions): string[] {
  const foot = footLines(figures, width, paint)
  const lines = linesOf(height - otherLines - foot.length, longestList(figures))
  const { currency, newestHour, unit } = figures
  const hour = `${newestHour.start.slice(11, 16)}  ${count(newestHour.orders)} orders  ${money(newestHour.amount)} ${currency}`
  return [
    newestOrderLine(figures, width),
    rule(`Orders per ${unit} in ${currency}`, width, `newest ${hour}`, paint),
    ...courseChart(figures, { width, orderLines: lines.orders, amountLines: lines.amounts }, paint),
    rule(
      `Best of the newest ${topHours} hours; sessions`,
      width,
      `${count(figures.openSessions)} sessions open`,
      paint,
    ),
    ...sideBySide(panels(figures), { width, places: lines.places }, paint),
    rule('All orders', width, '', paint),
    ...foot,
  ]
}

/** How the height is shared out: nearly half of it for the lists, most of the rest for the orders. */
function linesOf(height: number, longest: number) {
  const places = clamp(Math.round(height * 0.45), 1, Math.min(mostPlaces, longest))
  const amounts = clamp(Math.round((height - places) * 0.4), 0, 8)
  return { places, amounts, orders: clamp(height - places - amounts, 1, 12) }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

function longestList({ topProducts, topUsers, newestSessions }: DashboardFigures): number {
  return Math.max(1, topProducts.length, topUsers.length, newestSessions.length)
}

function newestOrderLine(
  { newestOrder, behindSeconds, currencies }: DashboardFigures,
  width: number,
): string {
  const distance = duration(Math.abs(behindSeconds) * 1000)
  const when = secondText(Date.parse(newestOrder))
  const text = `newest order ${when}, ${distance} ${behindSeconds < 0 ? 'ahead of' : 'behind'} the clock`
  const orders = Object.entries(currencies).map(([currency, value]) => `${currency} ${count(value)}`)
  return orders.length < 2
    ? cut(text, width)
    : between(text, itemsThatFit(orders, width - widthOf(text) - 2), width)
}

function panels(figures: DashboardFigures): Panel[] {
  return [
    productPanel(figures.topProducts),
    userPanel(figures.topUsers),
    sessionPanel(figures.newestSessions),
  ]
}

function sessionPanel(sessions: DashboardFigures['newestSessions']): Panel {
  return {
    names: { heading: 'session', cells: sessions.map(({ userId }) => userId) },
    figures: [
      { heading: 'from', cells: sessions.map(({ start }) => start.slice(11, 16)) },
      {
        heading: 'amount',
        cells: sessions.map(({ amount, currency }) => `${money(amount)} ${currency}`),
        isOptional: true,
      },
      { heading: 'orders', cells: sessions.map(({ orders }) => count(orders)) },
    ],
  }
}

const tableNames: Readonly<Record<string, string>> = {
  order_header: 'orders',
  order_line: 'lines',
  order_event: 'events',
  order_rejection: 'rejected',
}

function footLines({ statuses, anomalies, tables }: DashboardFigures, width: number, paint: Paint): string[] {
  const all = Object.values(statuses).reduce((sum, orders) => sum + orders, 0)
  const line = (title: string, items: readonly string[]): string =>
    paint.quiet(padded(title, footTitleColumns)) + itemsThatFit(items, width - footTitleColumns)
  const statusItems = Object.entries(statuses).map(
    ([status, orders]) => `${status} ${count(orders)} (${Math.round((orders / all) * 100)} %)`,
  )
  const tableItems = tables.map(({ table, rows, rowsPerSecond }) => {
    const rate = rowsPerSecond === null || rowsPerSecond === 0 ? '' : ` ${signed(rowsPerSecond)}/s`
    return `${tableNames[table] ?? table} ${count(rows)}${rate}`
  })
  return [
    line('status', statusItems),
    ...(anomalies === null ? [] : [line('anomalies', anomalyItems(anomalies))]),
    line('rows', tableItems),
  ]
}

const footTitleColumns = 11

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${count(value)}`
}

function anomalyItems(anomalies: Readonly<Record<string, number>>): string[] {
  const items = Object.entries(anomalies).map(([type, found]) => `${type} ${count(found)}`)
  return items.length === 0 ? ['none'] : items
}

/** The first ones, with … for those that do not fit. */
function itemsThatFit(items: readonly string[], width: number): string {
  let line = ''
  for (const [index, item] of items.entries()) {
    const next = line === '' ? item : `${line}  ${item}`
    const isLast = index === items.length - 1
    if (widthOf(next) + (isLast ? 0 : 2) > width) return cut(line === '' ? item : `${line} …`, width)
    line = next
  }
  return line
}
