/** How many anomalies of each type there are, for the end of a run. */
import { type AnomalyType, anomalyTypeSymbols } from '../schemas/generated/records.ts'
import type { Database } from '../sql/index.ts'
import { rule } from './dashboard/text.ts'
import { columns, count } from './output.ts'

export type AnomalyCounts = Readonly<Record<AnomalyType, number>>

export async function countAnomalies(database: Database): Promise<AnomalyCounts> {
  const rows = await database.query('SELECT type, count(*) AS alerts FROM order_anomalies GROUP BY type')
  const counts = new Map(rows.map((row) => [row['type'], Number(row['alerts'])]))
  // One for each symbol, which are the keys.
  return Object.fromEntries(anomalyTypeSymbols.map((type) => [type, counts.get(type) ?? 0])) as AnomalyCounts
}

const meanings: Readonly<Record<AnomalyType, string>> = {
  LARGE_ORDER: 'large orders',
  BURST: 'bursts of orders of a user',
  UNPAID_TIMEOUT: 'orders not paid in time',
  UNPAID_RESOLVED: 'orders paid after that',
  ILLEGAL_TRANSITION: 'changes of status that may not be',
  REPEAT_PURCHASE: 'a product again within the hour',
  ESCALATING_AMOUNT: 'orders of a user, each for much more',
}

export function anomaliesText(counts: AnomalyCounts, width: number): string {
  const rows = anomalyTypeSymbols.map((type) => [count(counts[type]), type, meanings[type]])
  return [rule('Anomalies, in order_anomalies', width), columns(rows, [true])].join('\n')
}
