/** What a frame shows and `--json` prints, from the figures of the tables and the time of the clock. */
import {
  type BucketRow,
  countedTables,
  type Figures,
  type FiguresRequest,
  ordersByCurrency,
  type Unit,
  unitMs,
  type Waiting,
} from './figures.ts'
import type { ProductFigures, UserFigures } from './top-lists.ts'

/** Times are ISO 8601 in UTC, amounts in units of their currency. */
export interface DashboardModel {
  /** By the clock. */
  readonly time: string
  /** Where the tables are. */
  readonly place: string
  /** Null once there are figures. */
  readonly waitingFor: Waiting | 'database' | null
  readonly figures: DashboardFigures | null
}

export interface DashboardFigures {
  /** By event time; as exact as the minute until the order itself is stored. */
  readonly newestOrder: string
  /** By which the newest order is older than the clock; negative when it is ahead. */
  readonly behindSeconds: number
  readonly currency: string
  /** Orders by currency in the minutes or hours of the course. */
  readonly currencies: Readonly<Record<string, number>>
  readonly unit: Unit
  /** The newest minutes or hours, the oldest first, those without orders too. */
  readonly course: readonly CoursePoint[]
  readonly newestHour: CoursePoint
  readonly topProducts: readonly ProductFigures[]
  readonly topUsers: readonly UserFigures[]
  readonly openSessions: number
  readonly newestSessions: readonly {
    readonly userId: string
    readonly start: string
    readonly end: string
    readonly orders: number
    readonly amount: number
    readonly currency: string
  }[]
  readonly statuses: Readonly<Record<string, number>>
  readonly anomalies: Readonly<Record<string, number>> | null
  readonly tables: readonly {
    readonly table: string
    readonly rows: number
    /** Null until it was counted twice. */
    readonly rowsPerSecond: number | null
  }[]
}

export interface CoursePoint {
  readonly start: string
  readonly orders: number
  readonly amount: number
}

export interface ModelFacts {
  readonly nowMs: number
  readonly place: string
  readonly request: Pick<FiguresRequest, 'buckets'>
}

export function modelOf(
  figures: Figures | Waiting | 'database',
  { nowMs, place, request }: ModelFacts,
): DashboardModel {
  const common = { time: isoTime(nowMs), place }
  return typeof figures === 'string'
    ? { ...common, waitingFor: figures, figures: null }
    : { ...common, waitingFor: null, figures: figuresOf(figures, nowMs, request.buckets) }
}

function figuresOf(figures: Figures, nowMs: number, buckets: number): DashboardFigures {
  const { unit, currency, newestStartMs, counts } = figures
  const newestOrderMs = Math.max(newestStartMs, counts.newestOrderMs ?? 0)
  const newestHourMs = newestStartMs - (newestStartMs % unitMs.hour)
  return {
    newestOrder: isoTime(newestOrderMs),
    behindSeconds: Math.round((nowMs - newestOrderMs) / 1000),
    currency,
    currencies: Object.fromEntries(
      [...ordersByCurrency(figures.buckets)].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)),
    ),
    unit,
    course: pointsOf(figures.buckets, currency, {
      buckets,
      firstMs: newestStartMs - (buckets - 1) * unitMs[unit],
      stepMs: unitMs[unit],
    }),
    newestHour: pointsOf(figures.newestHour, currency, {
      buckets: 1,
      firstMs: newestHourMs,
      stepMs: unitMs.hour,
    })[0]!,
    topProducts: figures.topProducts,
    topUsers: figures.topUsers,
    openSessions: figures.openSessions,
    newestSessions: figures.newestSessions.map(({ startMs, endMs, userId, ...rest }) => ({
      userId,
      start: isoTime(startMs),
      end: isoTime(endMs),
      ...rest,
    })),
    statuses: counts.statuses,
    anomalies: counts.anomalies,
    tables: countedTables.map((table) => ({
      table,
      rows: counts.rows[table] ?? 0,
      rowsPerSecond: rateOf(figures, table),
    })),
  }
}

function pointsOf(
  rows: readonly BucketRow[],
  currency: string,
  range: { readonly buckets: number; readonly firstMs: number; readonly stepMs: number },
): CoursePoint[] {
  const own = new Map(rows.filter((row) => row.currency === currency).map((row) => [row.startMs, row]))
  return Array.from({ length: range.buckets }, (_, index) => {
    const startMs = range.firstMs + index * range.stepMs
    const row = own.get(startMs)
    return { start: isoTime(startMs), orders: row?.orders ?? 0, amount: row?.amount ?? 0 }
  })
}

function rateOf({ counts, countsBefore }: Figures, table: string): number | null {
  if (countsBefore === null || counts.atMs <= countsBefore.atMs) return null
  const rows = (counts.rows[table] ?? 0) - (countsBefore.rows[table] ?? 0)
  return Math.round((rows * 1000) / (counts.atMs - countsBefore.atMs))
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
