import { describe, expect, it } from 'vitest'
import { RecordError } from '../streams/index.ts'
import { assessOrder } from './assess-order.ts'
import { badOrders } from './bad-orders.ts'
import { parseOrder } from './parse-order.ts'
import { parseProblems } from './parse-problems.ts'
import { orderRules } from './rules.ts'

const receivedTimeMs = Date.UTC(2026, 0, 1)

const soundOrder = {
  order_id: '31198570044',
  user_id: '900',
  store_id: '330',
  status: 'PAID',
  currency: 'USD',
  order_time: '2017-01-01T11:53:26Z',
  total_amount: '3.50',
  lines: [
    { line_no: 1, product_id: '1095275', quantity: 1, line_amount: '0.50' },
    { line_no: 2, product_id: '1041453', quantity: 2, line_amount: '3.00' },
  ],
}

/** What becomes of the bytes: the code of the error, or the codes of the findings; empty when accepted. */
function codesOf(bytes: Buffer): { outcome: string; codes: string[] } {
  try {
    const assessment = assessOrder(parseOrder(bytes), receivedTimeMs)
    if (assessment.accepted) return { outcome: 'accepted', codes: [] }
    return { outcome: 'rejected', codes: assessment.findings.map(({ code }) => code) }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    return { outcome: 'dead-letter', codes: [error.code] }
  }
}

describe('bad orders', () => {
  it('should accept the order that they are made of', () => {
    expect(codesOf(Buffer.from(JSON.stringify(soundOrder)))).toEqual({ outcome: 'accepted', codes: [] })
  })

  it.each(badOrders)('should find $code in $name', ({ spoil, outcome, code }) => {
    const found = codesOf(spoil(soundOrder))
    expect(found.outcome).toBe(outcome)
    expect(found.codes).toContain(code)
  })

  it('should cover every rule that rejects, and every problem but those that need a huge order', () => {
    const covered = new Set(badOrders.map(({ code }) => code))
    const rejecting = orderRules.filter(({ severity }) => severity === 'reject').map(({ code }) => code)
    const needed = [...rejecting, ...Object.keys(parseProblems)]
    expect(needed.filter((code) => !covered.has(code))).toEqual(['LINES_TOO_MANY', 'PROBLEMS_TOO_MANY'])
  })

  it('should have a name for each', () => {
    expect(new Set(badOrders.map(({ name }) => name)).size).toBe(badOrders.length)
  })
})
