/** Normalises and validates an order event: either it is clean, or every reason why it is not is told. */
import type { OrderParsed, OrderStatus, ParseProblem, RejectionReason } from '../schemas/generated/records.ts'
import { assertNever } from '../streams/index.ts'
import { normaliseOrder } from './normalise.ts'
import { parseProblemText } from './parse-problems.ts'
import { defaultOrderLimits, type OrderLimits, type Rule, type RuleSubject } from './rule.ts'
import { orderRules } from './rules.ts'

/** An order event that passed every rule: nothing that it needs is missing. */
export interface CleanOrder {
  readonly order_id: string
  readonly user_id: string
  readonly store_id: string | null
  readonly status: OrderStatus
  readonly currency: string
  readonly order_time: number
  readonly total_amount: number
  readonly lines: readonly CleanLine[]
}

export interface CleanLine {
  readonly line_no: number
  readonly product_id: string
  readonly quantity: number
  readonly line_amount: number
}

/** A reason with what the sender can do about it. */
export interface Finding extends RejectionReason {
  readonly remedy: string
}

export type Assessment =
  | { readonly accepted: true; readonly order: CleanOrder; readonly warnings: readonly string[] }
  | { readonly accepted: false; readonly order: OrderParsed; readonly findings: readonly Finding[] }

export interface AssessOptions {
  readonly limits?: OrderLimits
  readonly rules?: readonly Rule[]
}

const maxFindings = 100
const maxValueCharacters = 200
const noWarnings: readonly string[] = []

/** @param receivedTimeMs epoch milliseconds; how far ahead an event's time may be is counted from here. */
export function assessOrder(
  sent: OrderParsed,
  receivedTimeMs: number,
  options: AssessOptions = {},
): Assessment {
  const { order, repeatedLines } = normaliseOrder(sent)
  const findings = order.problems.map(findingOfProblem)
  let warnings: string[] | undefined
  const subject: RuleSubject = {
    order,
    repeatedLines,
    receivedTimeMs,
    limits: options.limits ?? defaultOrderLimits,
  }
  let rule: Rule
  const report = (field: string, value: string | null): void => {
    switch (rule.severity) {
      case 'reject':
        if (findings.length < maxFindings) findings.push(findingOfRule(rule, field, value))
        return
      case 'warn':
        warnings ??= []
        if (warnings.at(-1) !== rule.code) warnings.push(rule.code)
        return
      default:
        assertNever(rule.severity)
    }
  }
  for (rule of options.rules ?? orderRules) rule.check(subject, report)
  if (findings.length > 0) return { accepted: false, order, findings }
  // The rules have just shown that nothing is missing and that the status is known.
  return { accepted: true, order: order as CleanOrder, warnings: warnings ?? noWarnings }
}

function findingOfProblem({ code, field, value }: ParseProblem): Finding {
  return { code, field, value, ...parseProblemText(code) }
}

function findingOfRule(rule: Rule, field: string, value: string | null): Finding {
  const shown = value === null ? null : value.slice(0, maxValueCharacters)
  return { code: rule.code, field, message: rule.message, value: shown, remedy: rule.remedy }
}
