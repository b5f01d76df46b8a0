/** The statuses of an order, and the other names that shops send for them. */
import { type OrderStatus, orderStatusSymbols } from '../schemas/generated/records.ts'

const known: ReadonlySet<string> = new Set(orderStatusSymbols)

/** Read instead of the name on the left, after upper-casing. */
const aliases: ReadonlyMap<string, OrderStatus> = new Map([
  ['NEW', 'CREATED'],
  ['CANCELED', 'CANCELLED'],
  ['COMPLETE', 'COMPLETED'],
  ['REFUND', 'REFUNDED'],
])

export function isOrderStatus(text: string): text is OrderStatus {
  return known.has(text)
}

/** The status in the spelling we use; text that is no status is only trimmed and upper-cased. */
export function normaliseStatus(text: string): string {
  const upper = text.trim().toUpperCase()
  return aliases.get(upper) ?? upper
}
