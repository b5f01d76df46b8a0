/** Orders and amounts of the newest minutes or hours: two charts above one axis of time. */
import { count, counted } from '../output.ts'
import { columnChart } from './column-chart.ts'
import { type Unit, unitMs } from './figures.ts'
import type { CoursePoint, DashboardFigures } from './model.ts'
import { minuteText, type Paint, padded } from './text.ts'

/** The largest value stands left of the bars. */
const labelColumns = 14
export const scaleColumns = labelColumns + 2
const leastBars = 8
/** A time is named every so many minutes or hours, the fewest that leave it room. */
const labelEvery = {
  minute: [1, 2, 5, 10, 15, 30, 60, 120, 360, 720],
  hour: [1, 2, 3, 6, 12, 24, 48, 96, 192, 384],
} as const
const leastColumnsPerLabel = 8

/** So many minutes or hours have room beside each other. */
export function barsThatFit(width: number): number {
  return Math.max(leastBars, width - scaleColumns)
}

export interface CourseChartSize {
  readonly width: number
  /** Of each chart; the axis takes two more. */
  readonly orderLines: number
  readonly amountLines: number
}

export function courseChart(
  { course, unit, currency }: Pick<DashboardFigures, 'course' | 'unit' | 'currency'>,
  { width, orderLines, amountLines }: CourseChartSize,
  paint: Paint,
): string[] {
  const columns = barsThatFit(width)
  const shown = course.slice(-columns)
  const barColumns = Math.max(1, Math.floor(columns / shown.length))
  const orders = shown.map((point) => point.orders)
  const amounts = shown.map((point) => point.amount)
  return [
    ...withScale(columnChart(orders, orderLines, barColumns), counted(Math.max(...orders), 'order'), {
      bars: paint.orders,
      scale: paint.quiet,
    }),
    ...withScale(
      columnChart(amounts, amountLines, barColumns),
      `${count(Math.max(...amounts))} ${currency}`,
      {
        bars: paint.amounts,
        scale: paint.quiet,
      },
    ),
    ...axis(shown, unit, barColumns).map(paint.quiet),
  ]
}

function withScale(
  lines: readonly string[],
  largest: string,
  paint: { readonly bars: (text: string) => string; readonly scale: (text: string) => string },
): string[] {
  return lines.map((line, index) => {
    const scale =
      index === 0 ? `${padded(largest, labelColumns, 'right')} ┤` : `${' '.repeat(labelColumns)} │`
    return paint.scale(scale) + paint.bars(line.trimEnd())
  })
}

/** The line under the bars, and times under it, as dense as they can be read. */
function axis(points: readonly CoursePoint[], unit: Unit, barColumns: number): [string, string] {
  const columns = points.length * barColumns
  const step = labelEvery[unit].find((bars) => bars * barColumns >= leastColumnsPerLabel)
  let [line, labels] = ['', '']
  for (const [index, { start }] of points.entries()) {
    const column = index * barColumns
    const startMs = Date.parse(start)
    const label = labelOf(startMs, unit)
    const isTick =
      step !== undefined && startMs % (step * unitMs[unit]) === 0 && column + label.length <= columns
    line += (isTick ? '┬' : '─') + '─'.repeat(barColumns - 1)
    if (isTick) labels = labels.padEnd(column) + label
  }
  return [`${' '.repeat(labelColumns)} └${line}`, `${' '.repeat(scaleColumns)}${labels}`]
}

/** The day at midnight, else the time of day. */
function labelOf(startMs: number, unit: Unit): string {
  const text = minuteText(startMs)
  const isMidnight = startMs % (24 * unitMs.hour) === 0
  return unit === 'hour' && isMidnight ? text.slice(5, 10) : text.slice(11)
}
