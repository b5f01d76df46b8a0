/**
 * The validation rules, as data. To add one, add an entry: rejection, warnings, the Order API's answers and the list
 * of codes follow from it. All rules are checked on every order, so that a sender learns of all faults at once; a rule
 * says nothing about a field that is missing unless that is its subject.
 */
import type { OrderParsed, OrderParsedLine } from '../schemas/generated/records.ts'
import { currencyCodes } from './currencies.ts'
import { formatAmount, formatTime } from './format-order.ts'
import { areNumbersAscending } from './normalise.ts'
import { hasProblem, linePath, type Report, type Rule, type RuleSubject } from './rule.ts'
import { isOrderStatus } from './statuses.ts'

export const orderRules: readonly Rule[] = [
  required('ORDER_ID_MISSING', 'order_id'),
  required('USER_ID_MISSING', 'user_id'),
  required('STATUS_MISSING', 'status'),
  required('CURRENCY_MISSING', 'currency'),
  required('TIME_MISSING', 'order_time'),
  required('AMOUNT_MISSING', 'total_amount'),
  {
    code: 'LINES_MISSING',
    severity: 'reject',
    message: 'the order has no lines',
    remedy: 'send at least one line',
    check: ({ order }, report) => {
      if (order.lines.length === 0 && !hasProblem(order, 'lines')) report('lines', null)
    },
  },
  requiredInLine('LINE_NO_MISSING', 'line_no'),
  requiredInLine('PRODUCT_ID_MISSING', 'product_id'),
  requiredInLine('QUANTITY_MISSING', 'quantity'),
  requiredInLine('LINE_AMOUNT_MISSING', 'line_amount'),
  {
    code: 'ID_TOO_LONG',
    severity: 'reject',
    message: 'the id has more characters than are taken',
    remedy: 'send a shorter id',
    check: (subject, report) => checkIds(subject, report, (id) => id.length > subject.limits.maxIdCharacters),
  },
  {
    code: 'ID_NOT_PRINTABLE',
    severity: 'reject',
    message: 'the id holds a control character',
    remedy: 'send printable characters only',
    check: (subject, report) => checkIds(subject, report, (id) => /\p{Cc}/u.test(id)),
  },
  {
    code: 'STATUS_UNKNOWN',
    severity: 'reject',
    message: 'the status is not known',
    remedy: 'send CREATED, PAID, SHIPPED, DELIVERED, COMPLETED, CANCELLED or REFUNDED',
    check: ({ order: { status } }, report) => {
      if (status !== null && !isOrderStatus(status)) report('status', status)
    },
  },
  {
    code: 'CURRENCY_UNKNOWN',
    severity: 'reject',
    message: 'the currency is not an active code of ISO 4217',
    remedy: 'send three letters such as USD or EUR',
    check: ({ order: { currency } }, report) => {
      if (currency !== null && !currencyCodes.has(currency)) report('currency', currency)
    },
  },
  {
    code: 'TIME_TOO_OLD',
    severity: 'reject',
    message: 'the time lies before the earliest that is taken',
    remedy:
      'send the time at which the event took place; check whether seconds and milliseconds were mixed up',
    check: ({ order: { order_time }, limits }, report) => {
      if (order_time !== null && order_time < limits.earliestTimeMs)
        report('order_time', timeText(order_time))
    },
  },
  {
    code: 'TIME_IN_FUTURE',
    severity: 'reject',
    message: 'the time lies too far after the time of receipt',
    remedy: 'send the time at which the event took place; check the clock and the zone of the sender',
    check: ({ order: { order_time }, receivedTimeMs, limits }, report) => {
      const latest = receivedTimeMs + limits.maxAheadMs
      if (order_time !== null && order_time > latest) report('order_time', timeText(order_time))
    },
  },
  {
    code: 'AMOUNT_NEGATIVE',
    severity: 'reject',
    message: 'the amount is negative',
    remedy: 'send what the order cost; a refund is an event with the status REFUNDED and the same amounts',
    check: (subject, report) => checkAmounts(subject, report, (amount) => amount < 0),
  },
  {
    code: 'AMOUNT_TOO_LARGE',
    severity: 'reject',
    message: 'the amount is larger than is taken',
    remedy: 'check the decimal point; amounts are in units of the currency, not in hundredths',
    check: (subject, report) => checkAmounts(subject, report, (amount) => amount > subject.limits.maxAmount),
  },
  {
    code: 'AMOUNT_NOT_SUM_OF_LINES',
    severity: 'reject',
    message: "the total is not the sum of the lines' amounts",
    remedy: 'send a total_amount that equals the sum of all line_amount to the hundredth',
    check: ({ order }, report) => {
      const sum = sumOfLines(order)
      if (sum === null || order.total_amount === null || sum === order.total_amount) return
      report('total_amount', `${formatAmount(order.total_amount)} (lines: ${formatAmount(sum)})`)
    },
  },
  {
    code: 'LINE_NO_NEGATIVE',
    severity: 'reject',
    message: 'the line number is negative',
    remedy: 'number the lines 1, 2, 3 …',
    check: (subject, report) => checkLines(subject, report, 'line_no', (number) => number < 0),
  },
  {
    code: 'LINE_NO_DUPLICATE',
    severity: 'reject',
    message: 'two lines with different content have the same number',
    remedy: 'give each line its own number',
    check: (subject, report) => {
      if (areNumbersAscending(subject.order.lines)) return
      const seen = new Set<number>()
      // The set grows as the lines are checked: a number that is in it already is the second of its kind.
      checkLines(subject, report, 'line_no', (number) => seen.size === seen.add(number).size)
    },
  },
  {
    code: 'QUANTITY_NEGATIVE',
    severity: 'reject',
    message: 'the quantity is negative',
    remedy: 'send the pieces ordered; a return is an event with the status REFUNDED',
    check: (subject, report) => checkLines(subject, report, 'quantity', (quantity) => quantity < 0),
  },
  {
    code: 'QUANTITY_TOO_LARGE',
    severity: 'reject',
    message: 'the quantity is larger than is taken',
    remedy: 'check the unit of the quantity',
    check: (subject, report) =>
      checkLines(subject, report, 'quantity', (quantity) => quantity > subject.limits.maxQuantity),
  },
  {
    code: 'QUANTITY_ZERO',
    severity: 'warn',
    message: 'the quantity is zero',
    remedy:
      'leave lines out that were not sold; coupons and corrections of a till look like this and are fine',
    check: (subject, report) => checkLines(subject, report, 'quantity', (quantity) => quantity === 0),
  },
  {
    code: 'QUANTITY_UNUSUAL',
    severity: 'warn',
    message: 'the quantity is unusually large',
    remedy: 'check the unit; fuel and weighed goods look like this and are fine',
    check: (subject, report) => {
      const { unusualQuantity, maxQuantity } = subject.limits
      checkLines(subject, report, 'quantity', (pieces) => pieces >= unusualQuantity && pieces <= maxQuantity)
    },
  },
  {
    code: 'LINE_REPEATED',
    severity: 'warn',
    message: 'the line repeats another one and was dropped',
    remedy: 'send each line once',
    check: ({ repeatedLines }, report) => {
      for (const index of repeatedLines) report(`lines[${index}]`, null)
    },
  },
]

function required(code: string, field: Exclude<keyof OrderParsed, 'lines' | 'problems'>): Rule {
  return {
    code,
    severity: 'reject',
    message: `${field} is missing`,
    remedy: `send ${field}`,
    check: ({ order }, report) => {
      if (order[field] === null && !hasProblem(order, field)) report(field, null)
    },
  }
}

function requiredInLine(code: string, field: keyof OrderParsedLine): Rule {
  return {
    code,
    severity: 'reject',
    message: `${field} of the line is missing`,
    remedy: `send ${field} with every line`,
    check: (subject, report) => {
      for (let i = 0; i < subject.order.lines.length; i++) {
        if (subject.order.lines[i]![field] !== null) continue
        const path = linePath(subject, i, field)
        if (!hasProblem(subject.order, path)) report(path, null)
      }
    },
  }
}

type NumberOfLine = 'line_no' | 'quantity' | 'line_amount'

function checkLines(
  subject: RuleSubject,
  report: Report,
  field: NumberOfLine,
  isWrong: (value: number) => boolean,
): void {
  const { lines } = subject.order
  for (let i = 0; i < lines.length; i++) {
    const value = lines[i]![field]
    if (value === null || !isWrong(value)) continue
    report(linePath(subject, i, field), field === 'line_amount' ? formatAmount(value) : String(value))
  }
}

function checkAmounts(subject: RuleSubject, report: Report, isWrong: (amount: number) => boolean): void {
  const total = subject.order.total_amount
  if (total !== null && isWrong(total)) report('total_amount', formatAmount(total))
  checkLines(subject, report, 'line_amount', isWrong)
}

function checkIds(subject: RuleSubject, report: Report, isWrong: (id: string) => boolean): void {
  const { order } = subject
  if (order.order_id !== null && isWrong(order.order_id)) report('order_id', order.order_id)
  if (order.user_id !== null && isWrong(order.user_id)) report('user_id', order.user_id)
  if (order.store_id !== null && isWrong(order.store_id)) report('store_id', order.store_id)
  for (let i = 0; i < order.lines.length; i++) {
    const productId = order.lines[i]!.product_id
    if (productId !== null && isWrong(productId)) report(linePath(subject, i, 'product_id'), productId)
  }
}

/** Null when the lines are not all there, so that one missing amount is not reported as a wrong total too. */
function sumOfLines(order: OrderParsed): number | null {
  if (order.lines.length === 0 || hasProblem(order, 'lines')) return null
  let sum = 0
  for (const line of order.lines) {
    if (line.line_amount === null) return null
    sum += line.line_amount
  }
  return sum
}

function timeText(timeMs: number): string {
  return String(formatTime(timeMs))
}
