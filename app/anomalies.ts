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
  UNPAID_RESOLVED: 'of them paid later',
  ILLEGAL_TRANSITION: 'changes of status that may not be',
  REPEAT_PURCHASE: 'orders of a product that the user had just ordered',
  ESCALATING_AMOUNT: 'series of orders of a user, each for much more',
}

/** Those that there are, and in one line those that there are none of. */
export function anomaliesText(counts: AnomalyCounts, width: number): string {
  const found = anomalyTypeSymbols.filter((type) => counts[type] > 0)
  const none = anomalyTypeSymbols.filter((type) => counts[type] === 0).map((type) => meanings[type])
  const rows = found.map((type) => [count(counts[type]), meanings[type], type])
  return [
    rule('Anomalies, in order_anomalies', width),
    ...(rows.length === 0 ? [] : [columns(rows, [true])]),
    ...(none.length === 0 ? [] : wrapped(`no ${none.join(', no ')}`, width)),
  ].join('\n')
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
