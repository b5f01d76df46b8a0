/**
 * Brings an order event into one form: spaces around texts, the case of codes, other names of statuses, and lines that
 * were sent twice. What it means is never changed; an id stays as it was but for spaces around it.
 */
import type { OrderParsed, OrderParsedLine } from '../schemas/generated/records.ts'
import { normaliseStatus } from './statuses.ts'

export interface NormalisedOrder {
  readonly order: OrderParsed
  /** Indexes, in the lines as sent, of lines that only repeated another one, and were dropped. */
  readonly repeatedLines: readonly number[]
}

export function normaliseOrder(order: OrderParsed): NormalisedOrder {
  const { lines, repeatedLines } = withoutRepeats(order.lines.map(normaliseLine))
  return {
    order: {
      order_id: trimmed(order.order_id),
      user_id: trimmed(order.user_id),
      store_id: trimmed(order.store_id),
      status: order.status === null ? null : normaliseStatus(order.status) || null,
      currency: trimmed(order.currency)?.toUpperCase() ?? null,
      order_time: order.order_time,
      total_amount: order.total_amount,
      lines,
      problems: order.problems,
    },
    repeatedLines,
  }
}

/** Text without spaces around it; null when nothing is left. */
export function trimmed(text: string | null): string | null {
  return text === null ? null : text.trim() || null
}

function normaliseLine(line: OrderParsedLine): OrderParsedLine {
  const productId = trimmed(line.product_id)
  return productId === line.product_id ? line : { ...line, product_id: productId }
}

const noIndexes: readonly number[] = []

interface DistinctLines {
  readonly lines: OrderParsedLine[]
  readonly repeatedLines: readonly number[]
}

function withoutRepeats(sent: OrderParsedLine[]): DistinctLines {
  if (areNumbersAscending(sent)) return { lines: sent, repeatedLines: noIndexes }
  const firstByNumber = new Map<number, OrderParsedLine>()
  const lines: OrderParsedLine[] = []
  const repeatedLines: number[] = []
  for (const [index, line] of sent.entries()) {
    const first = line.line_no === null ? undefined : firstByNumber.get(line.line_no)
    if (first !== undefined && isSameLine(first, line)) {
      repeatedLines.push(index)
      continue
    }
    if (line.line_no !== null && first === undefined) firstByNumber.set(line.line_no, line)
    lines.push(line)
  }
  return { lines, repeatedLines }
}

/** The usual case, in which no two lines can have the same number. */
export function areNumbersAscending(lines: readonly OrderParsedLine[]): boolean {
  let last = Number.NEGATIVE_INFINITY
  for (const { line_no } of lines) {
    if (line_no === null || line_no <= last) return false
    last = line_no
  }
  return true
}

function isSameLine(a: OrderParsedLine, b: OrderParsedLine): boolean {
  return a.product_id === b.product_id && a.quantity === b.quantity && a.line_amount === b.line_amount
}
