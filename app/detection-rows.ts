/** From what detection found to rows of its tables. */
import type { OrderAnomaly, OrderStatusChange, UserBehavior } from '../schemas/generated/records.ts'
import {
  decimalText,
  orderAnomaliesTable,
  orderStatusHistoryTable,
  type SqlRow,
  timeText,
  upsert,
  userBehaviorTable,
} from '../sql/index.ts'

export const detectionTables = [orderAnomaliesTable, orderStatusHistoryTable, userBehaviorTable]

export function anomalyRow({ details, ...anomaly }: OrderAnomaly): SqlRow {
  return upsert(orderAnomaliesTable, { ...anomaly, details: detailsText(details) })
}

export function historyRow(change: OrderStatusChange): SqlRow {
  return upsert(orderStatusHistoryTable, change)
}

export function behaviorRow(behavior: UserBehavior): SqlRow {
  return upsert(userBehaviorTable, behavior)
}

/** As the columns of tables have it: amounts in units of the currency, times as texts in UTC. The kind is in a column. */
function detailsText({ kind, ...details }: OrderAnomaly['details']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).map(([name, value]) => [name, shown(name, value)]))
}

function shown(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => shown(name, one))
  if (typeof value !== 'number') return value
  if (name === 'amounts' || name.endsWith('_amount')) return decimalText(value)
  return name.endsWith('_time') ? timeText(value) : value
}
