import { describe, expect, it } from 'vitest'
import type { DetectionRule } from '../schemas/generated/records.ts'
import { defaultThresholds } from '../topologies/detection/rules.ts'
import { changedRule, resetRule, ruleNamed } from './detection-rules.ts'

const written: DetectionRule = {
  version: 4,
  mode: 'SHADOW',
  amount: 7,
  amounts: { EUR: 8 },
  max_orders: null,
  within_ms: null,
  percent: null,
}

describe('a rule that is changed', () => {
  it('should have the next version, and all its thresholds: what is not named stays', () => {
    expect(changedRule('burst', undefined, defaultThresholds, ['max_orders=8'])).toEqual({
      version: 1,
      mode: 'ENFORCED',
      amount: null,
      amounts: null,
      max_orders: 8,
      within_ms: 60_000,
      percent: null,
    })
    const changes = ['mode=enforced', 'amount.usd=9', 'amount.JPY=10']
    expect(changedRule('large-order', written, defaultThresholds, changes)).toEqual({
      ...written,
      version: 5,
      mode: 'ENFORCED',
      amounts: { EUR: 8, USD: 9, JPY: 10 },
    })
  })

  it('should be as configured when it is put back, and remember its version', () => {
    const nothing = { amount: null, amounts: null, max_orders: null, within_ms: null, percent: null }
    expect(resetRule(written)).toEqual({ version: 5, mode: 'ENFORCED', ...nothing })
  })

  it.each([
    ['burst', 'max_orders=101', 'rule burst: max_orders is "101"; it must be a whole number from 1 to 100'],
    ['burst', 'max_orders=2.5', 'rule burst: max_orders is "2.5"; it must be a whole number from 1 to 100'],
    [
      'burst',
      'mode',
      'rule burst: "mode" changes nothing that it has; write mode=enforced|shadow|off, max_orders=…, within_ms=…',
    ],
    [
      'large-order',
      'amounts=5',
      'rule large-order: "amounts=5" changes nothing that it has; write mode=enforced|shadow|off, amount=…, amount.EUR=…',
    ],
    [
      'illegal-transition',
      'mode=no',
      'rule illegal-transition: mode is "no"; it must be one of enforced, shadow, off',
    ],
    [
      'escalating-amount',
      'percent=100',
      'rule escalating-amount: percent is "100"; it must be a whole number from 101 to 100000',
    ],
  ] as const)('should refuse %s %s, saying what may be', (name, change, message) => {
    expect(() => changedRule(name, undefined, defaultThresholds, [change])).toThrow(message)
  })

  it('should refuse a rule that there is not, and a change of nothing', () => {
    expect(() => ruleNamed('large')).toThrow(
      /^there is no rule "large": there are large-order, burst, unpaid/,
    )
    expect(() => changedRule('unpaid', undefined, defaultThresholds, [])).toThrow(
      'rule unpaid: name what to change: mode=enforced|shadow|off, within_ms=…',
    )
  })
})
