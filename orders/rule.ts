/** What a validation rule is, and what it gets to see. */
import type { OrderParsed } from '../schemas/generated/records.ts'

/** Bounds that rules compare with. Amounts are hundredths of the currency's unit. */
export interface OrderLimits {
  /** Events before this are rejected; epoch milliseconds. */
  readonly earliestTimeMs: number
  /** How far after its receipt an event may claim to take place, for clocks that are fast. */
  readonly maxAheadMs: number
  readonly maxAmount: number
  readonly maxQuantity: number
  /** From here on a quantity is accepted with a warning. */
  readonly unusualQuantity: number
  readonly maxIdCharacters: number
}

export const defaultOrderLimits: OrderLimits = {
  earliestTimeMs: 946_684_800_000, // 2000-01-01T00:00:00Z
  maxAheadMs: 24 * 60 * 60 * 1000,
  maxAmount: 1_000_000_000_000, // 10,000,000,000.00
  maxQuantity: 1_000_000_000,
  unusualQuantity: 1000,
  maxIdCharacters: 64,
}

export interface RuleSubject {
  /** After normalisation. */
  readonly order: OrderParsed
  /** See `NormalisedOrder`. */
  readonly repeatedLines: readonly number[]
  readonly receivedTimeMs: number
  readonly limits: OrderLimits
}

/** Tells of a violation: the path of the field, and what it holds, null when nothing. */
export type Report = (field: string, value: string | null) => void

export interface Rule {
  /** Stable: users count, filter and translate by it. */
  readonly code: string
  /** `reject` keeps the order out, `warn` lets it pass with the code in its `warnings`. */
  readonly severity: 'reject' | 'warn'
  /** What is wrong, as a clause. */
  readonly message: string
  /** What the sender can do. */
  readonly remedy: string
  readonly check: (subject: RuleSubject, report: Report) => void
}

/** The path of a line's field as it was sent: repeated lines that were dropped count. */
export function linePath(subject: RuleSubject, index: number, field: string): string {
  let sentIndex = index
  for (const repeated of subject.repeatedLines) if (repeated <= sentIndex) sentIndex++
  return `lines[${sentIndex}].${field}`
}

/** Whether parsing found fault with the field, or with the line or list that it is in: then it is not called missing too. */
export function hasProblem(order: OrderParsed, field: string): boolean {
  return order.problems.some((problem) => field === problem.field || field.startsWith(`${problem.field}.`))
}
