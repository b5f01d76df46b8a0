/** The rules of detection: their thresholds, what these may be, and which hold when an event is judged. */
import type { DetectionRule } from '../../schemas/generated/records.ts'
import { days, hours, minutes } from '../../streams/index.ts'

/** What is looked for, by the name of each rule. Amounts are in hundredths of the currency. */
export interface Thresholds {
  /** Orders of more than `amount` are large; `amounts` has currencies of which other amounts are. */
  readonly 'large-order': { readonly amount: number; readonly amounts: Readonly<Record<string, number>> }
  /** More orders of a user than `max_orders` that lie less than `within_ms` apart. */
  readonly burst: { readonly max_orders: number; readonly within_ms: number }
  /** How long an order has to be paid. */
  readonly unpaid: { readonly within_ms: number }
  readonly 'illegal-transition': Readonly<Record<never, never>>
  /** The same product in another order that lies less than this before. */
  readonly 'repeat-purchase': { readonly within_ms: number }
  /** Three orders of a user in one currency, each of at least so many percent of the one before, less than this apart. */
  readonly 'escalating-amount': { readonly percent: number; readonly within_ms: number }
}

export type RuleName = keyof Thresholds

/** A rule as it holds: 0 is the version of the configuration. */
export type RuleInForce<N extends RuleName> = Thresholds[N] & Pick<DetectionRule, 'version' | 'mode'>

export const defaultThresholds: Thresholds = {
  'large-order': { amount: 1_000_000, amounts: {} },
  burst: { max_orders: 5, within_ms: minutes(1) },
  unpaid: { within_ms: minutes(30) },
  'illegal-transition': {},
  'repeat-purchase': { within_ms: hours(1) },
  'escalating-amount': { percent: 150, within_ms: hours(1) },
}

export const ruleNames = Object.keys(defaultThresholds) as RuleName[]

export function isRuleName(name: string): name is RuleName {
  return Object.hasOwn(defaultThresholds, name)
}

/** Orders are remembered this long to hold later ones against them, and no longer; what is forgotten soon costs little. */
export const longestMemoryMs = { burst: hours(1), 'escalating-amount': hours(6), 'repeat-purchase': days(1) }

export type ThresholdName = 'amount' | 'amounts' | 'max_orders' | 'within_ms' | 'percent'

interface Range {
  readonly least: number
  readonly most: number
}

const anyAmount: Range = { least: 0, most: 7_000_000_000_000_000 }
const remembered = (rule: keyof typeof longestMemoryMs): Range => ({ least: 1, most: longestMemoryMs[rule] })

/** What the thresholds of each rule may be, whole numbers all of them; `amounts` has such values by currency. */
export const thresholdRanges: {
  readonly [N in RuleName]: { readonly [T in keyof Thresholds[N] & string]: Range }
} = {
  'large-order': { amount: anyAmount, amounts: anyAmount },
  burst: { max_orders: { least: 1, most: 100 }, within_ms: remembered('burst') },
  unpaid: { within_ms: { least: 1, most: days(30) } },
  'illegal-transition': {},
  'repeat-purchase': { within_ms: remembered('repeat-purchase') },
  'escalating-amount': { percent: { least: 101, most: 100_000 }, within_ms: remembered('escalating-amount') },
}

/** A threshold that is not what it may be. */
export interface Misfit {
  readonly threshold: string
  readonly value: unknown
  /** Completes "it must be …". */
  readonly wanted: string
}

/** What is wrong with a rule as it was written; null when it can hold. */
export function misfitOf(name: RuleName, rule: DetectionRule): Misfit | null {
  for (const [threshold, { least, most }] of Object.entries<Range>(thresholdRanges[name])) {
    const value = rule[threshold as ThresholdName]
    const values = typeof value === 'object' && value !== null ? Object.values(value) : [value]
    const wrong = values.find(
      (one) => one !== null && !(Number.isSafeInteger(one) && one >= least && one <= most),
    )
    if (wrong !== undefined)
      return { threshold, value: wrong, wanted: `a whole number from ${least} to ${most}` }
  }
  return null
}

/** A rule where none was written, or what was written cannot hold: as it is configured. */
export function ruleInForce<N extends RuleName>(
  name: N,
  written: DetectionRule | undefined,
  configured: Thresholds[N],
): RuleInForce<N> {
  if (written === undefined || misfitOf(name, written) !== null)
    return { ...configured, version: 0, mode: 'ENFORCED' }
  const own: Record<string, unknown> = { ...configured }
  for (const threshold of Object.keys(configured))
    own[threshold] = written[threshold as ThresholdName] ?? own[threshold]
  // Every threshold of the rule is there: the configured one, or one of the same type.
  return { ...(own as Thresholds[N]), version: written.version, mode: written.mode }
}

/** The rules in force at any moment. One that was not written anew since it was last asked for is the same object. */
export class RuleBook {
  private readonly written: (name: RuleName) => DetectionRule | undefined
  private readonly configured: Thresholds
  private readonly known = new Map<
    RuleName,
    { readonly written: DetectionRule | undefined; readonly rule: unknown }
  >()

  constructor(written: (name: RuleName) => DetectionRule | undefined, configured: Thresholds) {
    this.written = written
    this.configured = configured
  }

  of<N extends RuleName>(name: N): RuleInForce<N> {
    const written = this.written(name)
    const known = this.known.get(name)
    // What is known under a name was made for it.
    if (known !== undefined && known.written === written) return known.rule as RuleInForce<N>
    const rule = ruleInForce(name, written, this.configured[name])
    this.known.set(name, { written, rule })
    return rule
  }
}
