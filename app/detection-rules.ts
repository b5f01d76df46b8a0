/** The rules of detection as they lie in their topic: read, and written anew with the next version. */

import { suggestion } from '../control/did-you-mean.ts'
import type { DetectionRule } from '../schemas/generated/records.ts'
import { topics } from '../schemas/topics.ts'
import { ByteWriter, keyAt, type Log, RecordBatchBuilder, type SchemaRegistry } from '../streams/index.ts'
import {
  isRuleName,
  misfitOf,
  type RuleName,
  ruleInForce,
  ruleNames,
  type Thresholds,
  thresholdRanges,
} from '../topologies/detection/rules.ts'
import { UsageError } from './failure.ts'
import { decodeValue, readTopic } from './read-topic.ts'

const { detectionRules } = topics

export interface WrittenRule {
  readonly rule: DetectionRule
  readonly writtenMs: number
}

/** By name, the newest each; none of those that were never changed. */
export async function readRules(log: Log, registry: SchemaRegistry): Promise<Map<string, WrittenRule>> {
  const codec = await detectionRules.value.open({ registry, subject: `${detectionRules.name}-value` })
  const rules = new Map<string, WrittenRule>()
  for await (const batch of readTopic(log, detectionRules.name)) {
    for (let index = 0; index < batch.length; index++) {
      const name = keyAt(batch, index)?.toString('utf8')
      if (name === undefined) continue
      if (batch.valueStarts[index]! < 0) rules.delete(name)
      else {
        const rule = await decodeValue(codec, batch, index)
        rules.set(name, { rule, writtenMs: batch.timestampsMs[index]! })
      }
    }
  }
  return rules
}

export async function writeRule(
  log: Log,
  registry: SchemaRegistry,
  name: RuleName,
  rule: DetectionRule,
  nowMs: number,
): Promise<void> {
  const codec = await detectionRules.value.open({ registry, subject: `${detectionRules.name}-value` })
  const writer = new ByteWriter()
  codec.encode(rule, writer)
  const batch = new RecordBatchBuilder(detectionRules.name, 0)
  batch.append(Buffer.from(name, 'utf8'), writer.copy(0, writer.position), nowMs, [])
  await log.append([batch.build()])
}

/** @throws UsageError */
export function ruleNamed(name: string): RuleName {
  if (isRuleName(name)) return name
  throw new UsageError(`there is no rule "${name}": ${suggestion(name, ruleNames)}`)
}

const nothing = { amount: null, amounts: null, max_orders: null, within_ms: null, percent: null }

/** The rule's next version, as it is configured. */
export function resetRule(written: DetectionRule | undefined): DetectionRule {
  return { version: (written?.version ?? 0) + 1, mode: 'ENFORCED', ...nothing }
}

/**
 * The rule's next version, with all its thresholds as they are in force but for the changes.
 * @param changes such as `max_orders=8`, `amount.EUR=900000`, `mode=shadow`
 * @throws UsageError naming the rule, what is wrong and what may be
 */
export function changedRule(
  name: RuleName,
  written: DetectionRule | undefined,
  configured: Thresholds,
  changes: readonly string[],
): DetectionRule {
  if (changes.length === 0) throw new UsageError(`rule ${name}: name what to change: ${changeable(name)}`)
  const inForce = ruleInForce(name, written, configured[name])
  const version = (written?.version ?? 0) + 1
  const start: DetectionRule = { ...nothing, ...inForce, version }
  return changes.reduce((rule, change) => changedBy(name, rule, change), start)
}

function changedBy(name: RuleName, rule: DetectionRule, change: string): DetectionRule {
  const [, field = '', currency, text = ''] = /^(\w+)(?:\.(\w+))?=(.*)$/s.exec(change) ?? []
  if (field === 'mode' && currency === undefined) return { ...rule, mode: modeOf(name, text) }
  const isByCurrency = currency !== undefined && field === 'amount' && name === 'large-order'
  const isThreshold =
    currency === undefined && field !== 'amounts' && Object.hasOwn(thresholdRanges[name], field)
  if (!isByCurrency && !isThreshold) {
    throw new UsageError(`rule ${name}: "${change}" changes nothing that it has; write ${changeable(name)}`)
  }
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  const changed: DetectionRule =
    currency === undefined
      ? { ...rule, [field]: value }
      : { ...rule, amounts: { ...rule.amounts, [currency.toUpperCase()]: value } }
  const misfit = misfitOf(name, changed)
  if (misfit === null) return changed
  const what = change.slice(0, change.indexOf('='))
  throw new UsageError(`rule ${name}: ${what} is "${text}"; it must be ${misfit.wanted}`)
}

const modes = { enforced: 'ENFORCED', shadow: 'SHADOW', off: 'OFF' } as const

function modeOf(name: RuleName, text: string): DetectionRule['mode'] {
  const mode = Object.entries(modes).find(([word]) => word === text.toLowerCase())?.[1]
  if (mode !== undefined) return mode
  throw new UsageError(`rule ${name}: mode is "${text}"; it must be one of ${Object.keys(modes).join(', ')}`)
}

function changeable(name: RuleName): string {
  const thresholds = Object.keys(thresholdRanges[name]).map((threshold) =>
    threshold === 'amounts' ? 'amount.EUR=…' : `${threshold}=…`,
  )
  return [`mode=${Object.keys(modes).join('|')}`, ...thresholds].join(', ')
}
