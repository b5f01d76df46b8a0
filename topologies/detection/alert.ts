/** What was found, before it is known where it goes: raised, or only counted. */
import type { AnomalySeverity, AnomalyType, OrderAnomaly, RuleMode } from '../../schemas/generated/records.ts'

/** What raises alerts: a rule as it was when it did. */
export interface RaisingRule {
  readonly version: number
  readonly mode: RuleMode
}

export interface Alert {
  readonly mode: Exclude<RuleMode, 'OFF'>
  readonly anomaly: Omit<OrderAnomaly, 'detected_time'>
}

const severities: Readonly<Record<AnomalyType, AnomalySeverity>> = {
  LARGE_ORDER: 'WARNING',
  BURST: 'CRITICAL',
  UNPAID_TIMEOUT: 'WARNING',
  UNPAID_RESOLVED: 'INFO',
  ILLEGAL_TRANSITION: 'CRITICAL',
  REPEAT_PURCHASE: 'INFO',
  ESCALATING_AMOUNT: 'WARNING',
}

export type Found = Pick<OrderAnomaly, 'order_id' | 'user_id' | 'event_time' | 'details'>

/** None of a rule that is off. */
export function alertsOf({ version, mode }: RaisingRule, found: Found): Alert[] {
  if (mode === 'OFF') return []
  const type = found.details.kind
  return [
    {
      mode,
      anomaly: {
        anomaly_id: anomalyId(found),
        type,
        severity: severities[type],
        ...found,
        rule_version: version,
      },
    },
  ]
}

/** Says what was found, and nothing of when or by whom: who finds it again gives it the same id. */
function anomalyId({ order_id, event_time, details }: Found): string {
  const id = `${details.kind}/${order_id}/${new Date(event_time).toISOString()}`
  return details.kind === 'ILLEGAL_TRANSITION' ? `${id}/${details.from_status}-${details.to_status}` : id
}
