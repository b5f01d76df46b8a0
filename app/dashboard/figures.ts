/**
 * What the tables say now, in a few queries: each reads a stretch of a key or an index, so it takes as long on years of
 * orders as on a day's. Counting all rows does not, so it is done as rarely as it is slow.
 */
import { orderStatusSymbols } from '../../schemas/generated/records.ts'
import { type Database, type DatabaseRow, type SqlValue, timeText } from '../../sql/index.ts'
import { type ProductFigures, topProducts, topUsers, type UserFigures } from './top-lists.ts'

export type Unit = 'minute' | 'hour'

export const unitMs = { minute: 60_000, hour: 3_600_000 } as const

export interface FiguresRequest {
  /** So many of the newest minutes or hours. */
  readonly buckets: number
  /** Undefined: whichever shows more of what is there. */
  readonly unit: Unit | undefined
  /** Undefined: the one with most orders in these minutes or hours. */
  readonly currency: string | undefined
  /** So many of the best products and users, and of the newest sessions. */
  readonly places: number
  /** As long after its last order a user's session can go on. */
  readonly sessionGapMs: number
}

/** A row of the statistics by minute or hour. */
export interface BucketRow {
  readonly startMs: number
  readonly currency: string
  readonly orders: number
  readonly amount: number
}

export interface Session {
  readonly userId: string
  readonly startMs: number
  readonly endMs: number
  readonly orders: number
  readonly amount: number
  readonly currency: string
}

export interface Counts {
  /** When they were counted, by the clock. */
  readonly atMs: number
  /** Orders by their status, in the order in which an order has them. */
  readonly statuses: Readonly<Record<string, number>>
  readonly newestOrderMs: number | null
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>
  /** By type; null as long as there is no such table. */
  readonly anomalies: Readonly<Record<string, number>> | null
}

export interface Figures {
  readonly unit: Unit
  /** The start of the newest minute or hour that has orders. */
  readonly newestStartMs: number
  /** The one that the amounts are of. */
  readonly currency: string
  readonly buckets: readonly BucketRow[]
  /** Of the hour that is the newest. */
  readonly newestHour: readonly BucketRow[]
  readonly topProducts: readonly ProductFigures[]
  readonly topUsers: readonly UserFigures[]
  readonly openSessions: number
  readonly newestSessions: readonly Session[]
  readonly counts: Counts
  /** The counts before those; null for the first. */
  readonly countsBefore: Counts | null
}

/** The best products and users are those of so many newest hours. */
export const topHours = 24

/** An average minute of so many orders shows more than an hour does. */
const busyMinuteOrders = 5
/** Fewer hours are no course. */
const fewHours = 3
/** Counting may take a twentieth of the time. */
const restPerCounting = 19

export const countedTables = ['order_header', 'order_line', 'order_rejection', 'order_event'] as const
const statisticsTables = [
  'order_statistics_minute',
  'order_statistics_hour',
  'product_statistics',
  'user_statistics',
  'user_session',
]
const anomalyTable = 'order_anomalies'

/** Why there are no figures yet. */
export type Waiting = 'tables' | 'rows'

export class FigureReader {
  private readonly database: Database
  private readonly now: () => number
  private tables: ReadonlySet<string> = new Set()
  private counts: Counts | null = null
  private countsBefore: Counts | null = null
  private countAgainAtMs = 0

  /** @param now epoch milliseconds */
  constructor(database: Database, now: () => number) {
    this.database = database
    this.now = now
  }

  /** @throws SINK_UNAVAILABLE, SINK_FAILED */
  async read(request: FiguresRequest): Promise<Figures | Waiting> {
    if (!(await this.hasTables())) return 'tables'
    const [newest] = await this.database.query(
      'SELECT MAX(window_start) AS minute_start FROM order_statistics_minute',
    )
    const minuteStart = newest?.['minute_start'] ?? null
    if (minuteStart === null) return 'rows'
    const course = await this.readCourse(request, msOf(minuteStart))
    const { newestHourMs } = course
    const currency = request.currency ?? currencyOfMost(course.buckets)
    if (currency === null) return 'rows'
    const hours = { firstMs: newestHourMs - (topHours - 1) * unitMs.hour, lastMs: newestHourMs }
    const top = { currency, places: request.places, hours }
    return {
      unit: course.unit,
      newestStartMs: course.newestStartMs,
      currency,
      buckets: course.buckets,
      newestHour: course.newestHour,
      topProducts: await topProducts(this.database, top),
      topUsers: await topUsers(this.database, top),
      ...(await this.readSessions(request, msOf(minuteStart))),
      ...(await this.readCounts()),
    }
  }

  private async hasTables(): Promise<boolean> {
    const wanted = [...statisticsTables, ...countedTables]
    // The last one to be there is that of the anomalies, which older schemas do not have.
    if (!this.tables.has(anomalyTable)) {
      const rows = await this.database.query(
        this.database.dialect === 'sqlite'
          ? "SELECT name FROM sqlite_master WHERE type = 'table'"
          : 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()',
      )
      this.tables = new Set(rows.map((row) => String(row['name'])))
    }
    return wanted.every((table) => this.tables.has(table))
  }

  private async readCourse({ unit: asked, buckets }: FiguresRequest, newestMinuteMs: number) {
    const newestHourMs = startOf(newestMinuteMs, 'hour')
    const minutes = asked === 'hour' ? [] : await this.bucketRows('minute', newestMinuteMs, buckets)
    const hours = await this.bucketRows('hour', newestHourMs, asked === 'minute' ? 1 : buckets)
    const unit = asked ?? betterUnit(minutes, hours, buckets)
    const shown = unit === 'minute' ? minutes : hours
    return {
      unit,
      newestHourMs,
      newestStartMs: unit === 'minute' ? newestMinuteMs : newestHourMs,
      buckets: shown,
      newestHour: hours.filter(({ startMs }) => startMs === newestHourMs),
    }
  }

  private async bucketRows(unit: Unit, newestStartMs: number, buckets: number): Promise<BucketRow[]> {
    const firstMs = newestStartMs - (buckets - 1) * unitMs[unit]
    const rows = await this.database.query(
      `SELECT window_start, currency, order_count, total_amount FROM order_statistics_${unit} WHERE window_start >= ? ORDER BY window_start, currency`,
      [timeText(firstMs)],
    )
    return rows.map((row) => ({
      startMs: msOf(row['window_start']),
      currency: String(row['currency']),
      orders: Number(row['order_count']),
      amount: Number(row['total_amount']),
    }))
  }

  private async readSessions({ places, sessionGapMs }: FiguresRequest, newestMinuteMs: number) {
    const newest = await this.database.query(
      'SELECT user_id, session_start, session_end, order_count, total_amount, currency FROM user_session ' +
        `ORDER BY session_start DESC, user_id DESC LIMIT ${places}`,
    )
    const openFrom = timeText(newestMinuteMs - sessionGapMs)
    // Sessions that began so long ago and go on are not looked for: that has no index.
    const beganFrom = timeText(newestMinuteMs - sessionGapMs - topHours * unitMs.hour)
    const [open] = await this.database.query(
      'SELECT COUNT(*) AS sessions FROM user_session WHERE session_start >= ? AND session_end >= ?',
      [beganFrom, openFrom],
    )
    return { openSessions: Number(open?.['sessions']), newestSessions: newest.map(sessionOf) }
  }

  private async readCounts(): Promise<Pick<Figures, 'counts' | 'countsBefore'>> {
    const startMs = this.now()
    if (this.counts === null || startMs >= this.countAgainAtMs) {
      const counts = await this.countRows(startMs)
      const endMs = this.now()
      this.countAgainAtMs = endMs + restPerCounting * (endMs - startMs)
      this.countsBefore = this.counts
      this.counts = counts
    }
    return { counts: this.counts, countsBefore: this.countsBefore }
  }

  private async countRows(atMs: number): Promise<Counts> {
    const byStatus = await this.database.query(
      'SELECT status, COUNT(*) AS orders, MAX(order_time) AS newest FROM order_header GROUP BY status',
    )
    const statuses = countsOf([...byStatus].sort(byLifecycle), 'status', 'orders')
    const headers = Object.values(statuses).reduce((sum, orders) => sum + orders, 0)
    const others = countedTables.filter((table) => table !== 'order_header')
    const [row] = await this.database.query(
      `SELECT ${others.map((table) => `(SELECT COUNT(*) FROM ${table}) AS ${table}`).join(', ')}`,
    )
    const counted = others.map((table): [string, number] => [table, Number(row?.[table])])
    const newest = byStatus.map((status) => msOf(status['newest']))
    return {
      atMs,
      statuses,
      newestOrderMs: newest.length === 0 ? null : Math.max(...newest),
      rows: { order_header: headers, ...Object.fromEntries(counted) },
      anomalies: this.tables.has(anomalyTable)
        ? countsOf(
            await this.database.query(
              `SELECT type, COUNT(*) AS found FROM ${anomalyTable} GROUP BY type ORDER BY type`,
            ),
            'type',
            'found',
          )
        : null,
    }
  }
}

/** The currency of most orders, of several the first in the alphabet; null for no rows. */
export function currencyOfMost(rows: readonly BucketRow[]): string | null {
  const [most] = [...ordersByCurrency(rows)].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return most?.[0] ?? null
}

export function ordersByCurrency(rows: readonly BucketRow[]): ReadonlyMap<string, number> {
  const orders = new Map<string, number>()
  for (const row of rows) orders.set(row.currency, (orders.get(row.currency) ?? 0) + row.orders)
  return orders
}

function betterUnit(minutes: readonly BucketRow[], hours: readonly BucketRow[], buckets: number): Unit {
  const orders = minutes.reduce((sum, row) => sum + row.orders, 0)
  const hoursWithOrders = new Set(hours.map(({ startMs }) => startMs)).size
  return orders >= busyMinuteOrders * buckets || hoursWithOrders < fewHours ? 'minute' : 'hour'
}

function sessionOf(row: DatabaseRow): Session {
  return {
    userId: String(row['user_id']),
    startMs: msOf(row['session_start']),
    endMs: msOf(row['session_end']),
    orders: Number(row['order_count']),
    amount: Number(row['total_amount']),
    currency: String(row['currency']),
  }
}

function countsOf(rows: readonly DatabaseRow[], name: string, counted: string): Record<string, number> {
  return Object.fromEntries(rows.map((row) => [String(row[name]), Number(row[counted])]))
}

const lifecycle: readonly string[] = orderStatusSymbols

function byLifecycle(a: DatabaseRow, b: DatabaseRow): number {
  return lifecycle.indexOf(String(a['status'])) - lifecycle.indexOf(String(b['status']))
}

function startOf(ms: number, unit: Unit): number {
  return ms - (ms % unitMs[unit])
}

/** A time of the tables, which is text in UTC on every dialect. */
function msOf(time: SqlValue | undefined): number {
  return Date.parse(`${String(time).replace(' ', 'T')}Z`)
}
