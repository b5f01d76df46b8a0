/** The Order API's JSON form of an order event: the inverse of `parseOrder`, with amounts as text and times in UTC. */
import type { OrderParsed, OrderParsedLine } from '../schemas/generated/records.ts'

/** Fields that are null are left out. Problems are not part of the form: what could not be converted is not there. */
export function formatOrder(order: OrderParsed): string {
  return JSON.stringify({
    order_id: order.order_id ?? undefined,
    user_id: order.user_id ?? undefined,
    store_id: order.store_id ?? undefined,
    status: order.status ?? undefined,
    currency: order.currency ?? undefined,
    order_time: order.order_time === null ? undefined : formatTime(order.order_time),
    total_amount: order.total_amount === null ? undefined : formatAmount(order.total_amount),
    lines: order.lines.map(formatLine),
  })
}

function formatLine(line: OrderParsedLine): Record<string, unknown> {
  return {
    line_no: line.line_no ?? undefined,
    product_id: line.product_id ?? undefined,
    quantity: line.quantity ?? undefined,
    line_amount: line.line_amount === null ? undefined : formatAmount(line.line_amount),
  }
}

/** Hundredths as decimal text: 50 is "0.50". Exact for every safe integer. */
export function formatAmount(hundredths: number): string {
  const digits = String(Math.abs(hundredths)).padStart(3, '0')
  return `${hundredths < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** Milliseconds as ISO 8601 in UTC without needless decimals; as epoch milliseconds where ISO has no four-digit year. */
export function formatTime(timeMs: number): string | number {
  const text = new Date(timeMs).toISOString()
  // Before 1973 a bare number would be read as seconds.
  if (text.length > 24) return timeMs
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text
}
