/**
 * What must come of order events, reckoned event by event without the topologies: an order's life is followed in a few plain
 * lines. Broken events know what must become of them; the texts of their reasons are those of `orders/`, which has tests of its own.
 *
 * All events of a user are in one partition, in the order in which they were written, so that everything about a user - and an
 * order is one user's - has one right result.
 */
import type { SimulatedEvent } from '../../api/simulator/simulate-orders.ts'
import { assessOrder } from '../../orders/assess-order.ts'
import { formatOrder } from '../../orders/format-order.ts'
import { isPlausibleTime } from '../../orders/order-route.ts'
import { parseOrder } from '../../orders/parse-order.ts'
import type { OrderParsed } from '../../schemas/generated/records.ts'
import type { SentOrder } from '../support/sent-order.ts'
import { StatisticsTally } from '../support/statistics-tally.ts'
import { type Contents, Places } from './contents.ts'

/** An event where it lies in the topic `order-raw`. */
export interface WrittenEvent {
  readonly event: SimulatedEvent
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly timestampMs: number
}

interface Order {
  placedTimeMs: number
  latestTimeMs: number
  eventCount: number
  readonly seen: Set<string>
  header: Record<string, unknown>
  lines: Record<string, unknown>[]
}

/** So many orders are a batch, whichever they are. */
const milestoneOrders = 100

export class Oracle {
  /** By partition: records of order-parsed, and of order-processed. */
  readonly parsedCounts: number[]
  readonly processedCounts: number[]
  private readonly places = new Places()
  private readonly orders = new Map<string, Order>()
  private readonly statistics = new StatisticsTally()

  constructor(partitions: number) {
    this.parsedCounts = Array.from({ length: partitions }, () => 0)
    this.processedCounts = Array.from({ length: partitions }, () => 0)
  }

  take(written: WrittenEvent): void {
    const { event, partition, offset, key, timestampMs } = written
    const value = event.bytes.toString('base64')
    this.places.add('order-raw', key, { partition, offset, timestampMs, value })
    if (event.fault?.outcome === 'dead-letter') {
      this.places.add('ingest-dead-letter', key, {
        topic: 'order-raw',
        partition,
        offset,
        timestamp: timestampMs,
        value,
        topology: 'ingest',
        code: event.fault.code,
        attempt: 1,
      })
      return
    }
    const parsed = event.fault === null ? soundOrder(event.bytes) : parseOrder(event.bytes)
    const time = parsed.order_time
    const recordTimeMs = time !== null && isPlausibleTime(time, timestampMs) ? time : timestampMs
    // Of equal records each is told by its number, as what comes of them names them by their coordinates.
    const origin = this.places.add('order-parsed', key, { timestampMs: recordTimeMs, ...parsed })
    this.parsedCounts[partition]! += 1
    this.places.add('table order_event', origin, eventRow(parsed))
    if (event.fault === null) {
      const isNew = this.followOrder(parsed, partition, recordTimeMs)
      if (isNew) this.statistics.take(JSON.parse(event.bytes.toString('utf8')))
    } else this.reject(parsed, { code: event.fault.code, key, origin, recordTimeMs })
  }

  /** How many events the statistics have counted when they have counted all. */
  get countedEvents(): number {
    return this.statistics.eventCount
  }

  /** By order. */
  eventCounts(): Map<string, number> {
    return new Map([...this.orders].map(([id, { eventCount }]) => [id, eventCount]))
  }

  contents(): Contents {
    const tables = new Places()
    for (const { header, lines } of this.orders.values()) {
      tables.add('table order_header', null, header)
      for (const line of lines) tables.add('table order_line', null, line)
    }
    for (const [name, rows] of Object.entries(this.statistics.rows()))
      for (const row of rows) tables.add(`table ${name}`, null, row)
    for (const row of this.statistics.lastHours()) tables.add('newest of order-statistics', null, row)
    for (let order = milestoneOrders; order <= this.statistics.orderCount; order += milestoneOrders)
      tables.add('milestones of order-statistics', null, { order })
    return new Map([...this.places.contents(), ...tables.contents()])
  }

  /** Answers false for a repeat. */
  private followOrder(parsed: OrderParsed, partition: number, timestampMs: number): boolean {
    const [orderId, userId, timeMs] = [parsed.order_id!, parsed.user_id!, parsed.order_time!]
    const order = this.orders.get(orderId) ?? {
      placedTimeMs: timeMs,
      latestTimeMs: timeMs,
      eventCount: 0,
      seen: new Set(),
      header: {},
      lines: [],
    }
    const identity = `${parsed.status} ${timeMs}`
    if (order.seen.has(identity)) return false
    this.orders.set(orderId, order)
    order.seen.add(identity)
    order.eventCount++
    order.placedTimeMs = Math.min(order.placedTimeMs, timeMs)
    const latest = timeMs >= order.latestTimeMs
    const { store_id, status, currency, total_amount } = parsed
    const header = { order_id: orderId, user_id: userId, store_id, status, currency, total_amount }
    this.places.add('order-processed', userId, {
      timestampMs,
      ...header,
      line_count: parsed.lines.length,
      order_time: timeMs,
      placed_time: order.placedTimeMs,
      event_number: order.eventCount,
      latest,
      product_ids: [...new Set(parsed.lines.map(({ product_id }) => product_id))],
      warnings: [],
    })
    this.processedCounts[partition]! += 1
    if (latest) {
      order.latestTimeMs = timeMs
      const common = { order_id: orderId, user_id: userId, currency, status, order_time: timeMs }
      for (const line of parsed.lines) {
        this.places.add('order-line', userId, {
          timestampMs,
          ...common,
          ...line,
          event_number: order.eventCount,
          removed: false,
        })
      }
      order.header = { ...header, total_amount: decimal(total_amount), line_count: parsed.lines.length }
      order.lines = parsed.lines.map((line) => ({
        ...common,
        ...line,
        line_amount: decimal(line.line_amount),
        order_time: sqlTime(timeMs),
      }))
    }
    order.header = {
      ...order.header,
      order_time: sqlTime(order.placedTimeMs),
      updated_time: sqlTime(order.latestTimeMs),
    }
    return true
  }

  private reject(
    parsed: OrderParsed,
    about: { code: string; key: string | null; origin: string; recordTimeMs: number },
  ): void {
    const { code, key, origin, recordTimeMs } = about
    const assessment = assessOrder(parsed, recordTimeMs)
    const findings = assessment.accepted ? [] : assessment.findings
    const reasons = findings.map(({ code, field, message, value }) => ({ code, field, message, value }))
    const codes = [...new Set(reasons.map((reason) => reason.code))]
    if (!codes.includes(code)) throw new Error(`an event that is to be rejected for ${code} is not`)
    const common = { order_id: parsed.order_id?.trim() ?? null, user_id: parsed.user_id?.trim() ?? null }
    const payload = formatOrder(parsed)
    this.places.add('order-rejected', key, {
      timestampMs: recordTimeMs,
      ...common,
      reasons,
      payload,
      origin,
      rejected_time: recordTimeMs,
    })
    this.places.add('table order_rejection', origin, {
      order_id: cut(common.order_id, 64),
      user_id: cut(common.user_id, 64),
      reasons: codes,
      payload: JSON.parse(payload),
      rejected_time: sqlTime(recordTimeMs),
    })
  }
}

/** Of an event that is as the simulator makes them: all fields there, amounts with two decimals. */
function soundOrder(bytes: Buffer): OrderParsed {
  const sent: Required<SentOrder> = JSON.parse(bytes.toString('utf8'))
  const hundredths = (amount: string): number => Number(amount.replace('.', ''))
  return {
    ...sent,
    order_time: Date.parse(sent.order_time),
    total_amount: hundredths(sent.total_amount),
    lines: sent.lines.map((line) => ({ ...line, line_amount: hundredths(line.line_amount) })),
    problems: [],
  }
}

/** What cannot be stored is null, and texts are cut: events are kept before they are judged. */
function eventRow(parsed: OrderParsed): Record<string, unknown> {
  const { order_id, user_id, store_id, status, currency, total_amount, order_time } = parsed
  return {
    order_id: cut(order_id, 64),
    user_id: cut(user_id, 64),
    store_id: cut(store_id, 64),
    status: cut(status, 32),
    currency: cut(currency, 16),
    total_amount: total_amount === null || Math.abs(total_amount) > 7e15 ? null : decimal(total_amount),
    order_time: order_time === null || !isSqlTime(order_time) ? null : sqlTime(order_time),
    line_count: parsed.lines.length,
    problem_count: parsed.problems.length,
  }
}

function cut(text: string | null, characters: number): string | null {
  return text === null ? null : text.slice(0, characters)
}

function decimal(hundredths: number | null): string {
  return (hundredths! / 100).toFixed(2)
}

function isSqlTime(timeMs: number): boolean {
  const year = new Date(timeMs).getUTCFullYear()
  return year >= 1000 && year <= 9999
}

function sqlTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('T', ' ').replace('Z', '')
}
