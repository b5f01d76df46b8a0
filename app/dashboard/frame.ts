/** The dashboard as lines of text, for a terminal of any size: what does not fit is left out, never wrapped. */
import { count } from '../output.ts'
import { courseChart, scaleColumns } from './course-chart.ts'
import { topHours } from './figures.ts'
import type { DashboardFigures, DashboardModel } from './model.ts'
import { type Panel, sideBySide } from './panels.ts'
import {
  between,
  cut,
  duration,
  money,
  noColours,
  type Paint,
  padded,
  rule,
  secondText,
  widthOf,
} from './text.ts'
import { productPanel, userPanel } from './top-lists.ts'

export interface FrameOptions {
  readonly width: number
  /** Lines at most. */
  readonly height: number
  readonly paint: Paint
  /** Why the figures are not those of now; null when they are. */
  readonly notice: string | null
}

/** In less the frame is cut off on its right. */
const leastWidth = 30

/** The most places that the lists of a frame have. */
export const mostPlaces = 15

/** No line is wider, and there are no more of them, than the options say. */
export function frameText(model: DashboardModel, options: FrameOptions): string {
  const { width, height, notice, paint } = options
  if (width < leastWidth) {
    const wider = frameText(model, { ...options, width: leastWidth, paint: noColours }).split('\n')
    return wider.map((line) => cut(line, width)).join('\n')
  }
  const head = [headLine(model, options), ...(notice === null ? [] : [paint.warning(cut(notice, width))])]
  const { figures } = model
  const body =
    figures === null
      ? ['', ...waitingLines(model).map((line) => cut(line, width))]
      : figureLines(figures, { ...options, height: height - head.length })
  return [...head, ...body].slice(0, height).join('\n')
}

const name = 'order-streams'

function headLine({ place, time }: DashboardModel, { width, paint }: FrameOptions): string {
  const rest = between(`  ${place}`, `${secondText(Date.parse(time))} UTC`, width - name.length)
  return paint.title(name) + rest
}

function waitingLines({ waitingFor }: DashboardModel): string[] {
  const why = {
    database: 'There is no database yet: `order-streams start` makes it.',
    tables: 'The database has no tables yet: `order-streams start` or `migrate` makes them.',
    rows: 'Nothing has been counted yet: `order-streams simulate` sends orders.',
  }
  return ['Waiting for the first rows.', why[waitingFor ?? 'rows']]
}

/** Beside charts and lists: the newest order, three rules, the axis with its times, the heading of the lists. */
const otherLines = 7

function figureLines(figures: DashboardFigures, { width, height, paint }: FrameOptions): string[] {
  const foot = footLines(figures, width, paint)
  const currencies = currencyLines(figures, width)
  const lines = linesOf(height - otherLines - currencies.length - foot.length, longestList(figures))
  const { currency, newestHour, unit, openSessions } = figures
  const hour = `hour ${newestHour.start.slice(11, 16)}  ${count(newestHour.orders)} orders  ${money(newestHour.amount)} ${currency}`
  const open = `${count(openSessions)} sessions open`
  return [
    newestOrderLine(figures, width),
    rule(`Orders per ${unit} in ${currency}`, width, hour, paint),
    ...courseChart(figures, { width, orderLines: lines.orders, amountLines: lines.amounts }, paint),
    ...currencies.map(paint.quiet),
    rule(`Best of the newest ${topHours} hours; sessions`, width, open, paint),
    ...sideBySide(panels(figures), { width, places: lines.places }, paint),
    rule('All orders', width, '', paint),
    ...foot,
  ]
}

/** Where orders of other currencies are left out of the charts. */
function currencyLines({ currencies, currency }: DashboardFigures, width: number): string[] {
  const others = Object.entries(currencies).filter(([name]) => name !== currency)
  const items = others.map(([name, orders]) => `${name} ${count(orders)}`)
  const title = `${' '.repeat(scaleColumns)}beside: `
  return items.length === 0 ? [] : [title + itemLines(items, width - title.length, 1).join('')]
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

function newestOrderLine({ newestOrder, behindSeconds }: DashboardFigures, width: number): string {
  const distance = duration(Math.abs(behindSeconds) * 1000)
  const when = secondText(Date.parse(newestOrder))
  return cut(
    `newest order ${when}, ${distance} ${behindSeconds < 0 ? 'ahead of' : 'behind'} the clock`,
    width,
  )
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
  const statusItems = Object.entries(statuses).map(
    ([status, orders]) => `${status} ${count(orders)} (${Math.round((orders / all) * 100)}%)`,
  )
  const anomalyItems = Object.entries(anomalies ?? {}).map(([type, found]) => `${type} ${count(found)}`)
  const tableItems = tables.map(({ table, rows, rowsPerSecond }) => {
    const rate = rowsPerSecond === null || rowsPerSecond === 0 ? '' : ` ${signed(rowsPerSecond)}/s`
    return `${tableNames[table] ?? table} ${count(rows)}${rate}`
  })
  const lines = (title: string, items: readonly string[], most: number): string[] =>
    itemLines(items, width - footTitleColumns, most).map(
      (line, index) => paint.quiet(padded(index === 0 ? title : '', footTitleColumns)) + line,
    )
  return [
    ...lines('status', statusItems, 2),
    ...(anomalies === null ? [] : lines('anomalies', anomalyItems.length === 0 ? ['none'] : anomalyItems, 2)),
    ...lines('rows', tableItems, 1),
  ]
}

const footTitleColumns = 11

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${count(value)}`
}

const ellipsis = '  …'

/** Items beside each other in so many lines at most, with … for those that have no room. */
function itemLines(items: readonly string[], width: number, most: number): string[] {
  const lines = ['']
  for (const [index, item] of items.entries()) {
    const line = lines.at(-1)!
    const next = line === '' ? item : `${line}  ${item}`
    const isInLastLine = lines.length === most
    const reserved = isInLastLine && index < items.length - 1 ? ellipsis.length : 0
    if (line === '' || widthOf(next) + reserved <= width) {
      lines[lines.length - 1] = next
    } else if (isInLastLine) {
      lines[lines.length - 1] = line + ellipsis
      break
    } else {
      lines.push(item)
    }
  }
  return lines.map((line) => cut(line, width))
}
