/** The end of a run, for people: what became of every event, whether it adds up, and where to look next. */
import { type AnomalyCounts, anomaliesText } from './anomalies.ts'
import { type Highlights, highlightsText } from './highlights.ts'
import { columns, count, counted, seconds } from './output.ts'
import type { Counts, Tally } from './tally.ts'

export interface RunFacts {
  /** Events that stage 1 processed in this run. */
  readonly newOrders: number
  readonly elapsedMs: number
}

export interface Places {
  readonly dataDir: string
  readonly databasePath: string
  readonly logPath: string | null
  /** Where the Order API listens; undefined when it does not. */
  readonly apiUrl: string | undefined
}

export function ordersPerSecond({ newOrders, elapsedMs }: RunFacts): number {
  return elapsedMs === 0 ? 0 : Math.round((newOrders * 1000) / elapsedMs)
}

/** What was found out about the orders; null where there is nothing to say. */
export interface Findings {
  readonly statistics: Highlights | null
  readonly anomalies: AnomalyCounts | null
}

/** What `--json` prints. Figures are of the whole data directory; seconds and ordersPerSecond of this run. */
export function summaryData(tally: Tally, facts: RunFacts, { statistics, anomalies }: Findings) {
  const { problems, ...figures } = tally
  return {
    ...figures,
    newOrders: facts.newOrders,
    seconds: Number((facts.elapsedMs / 1000).toFixed(3)),
    ordersPerSecond: ordersPerSecond(facts),
    /** Null when the sums cannot be expected to come out; `unchecked` says why. */
    reconciles: tally.unchecked === null ? problems.length === 0 : null,
    problems,
    /** Null when nothing was counted. */
    statistics,
    /** By type. */
    anomalies,
  }
}

export function summaryText(tally: Tally, facts: RunFacts, { statistics, anomalies }: Findings): string {
  const rate = `${seconds(facts.elapsedMs)}, ${count(ordersPerSecond(facts))} events/s`
  const sum = columns(
    [
      [
        count(tally.headers),
        'orders stored',
        `order_header, with ${counted(tally.lines, 'line')} in order_line`,
      ],
      [count(tally.updates), 'updates', 'later events of an order that was there'],
      [count(tally.repeats), 'repeats', 'dropped'],
      [count(tally.rejected), 'rejected', 'order_rejection, with every reason'],
      [count(tally.deadLetters), 'dead letters', 'no order at all; kept byte for byte'],
      [count(tally.orders), 'order events read', `${count(facts.newOrders)} in this run: ${rate}`],
    ],
    [true],
  ).split('\n')
  const rule = '─'.repeat(Math.max(...sum.map((line) => line.length)))
  const total = sum.pop()
  const reasons = [...reasonLines(tally), ...refusedLines(tally)]
  const highlights = statistics === null ? [] : ['', highlightsText(statistics)]
  const alerts = anomalies === null ? [] : ['', anomaliesText(anomalies, width)]
  return [...sum, rule, total, ...reasons, '', verdict(tally), ...highlights, ...alerts].join('\n')
}

const width = 80

function verdict({ problems, unchecked }: Tally): string {
  if (unchecked !== null) return `Not held against one another: ${unchecked}.`
  if (problems.length === 0) return 'It adds up: every event that was read is accounted for.'
  const list = problems.map((problem) => `  ${problem}`).join('\n')
  return `IT DOES NOT ADD UP. This is a defect; please report it with these sums:\n${list}`
}

function reasonLines({ reasons, deadLetterReasons }: Tally): string[] {
  return [
    ...countLines('Rejected, by reason; an order with several counts under each', reasons),
    ...countLines('Dead letters, by reason', deadLetterReasons),
  ]
}

function countLines(title: string, counts: Counts): string[] {
  const rows = Object.entries(counts).map(([code, events]) => [`  ${count(events)}`, code])
  return rows.length === 0 ? [] : ['', `${title}:`, columns(rows, [true])]
}

function refusedLines({ refusedRows }: Tally): string[] {
  return refusedRows === 0
    ? []
    : ['', `${count(refusedRows)} rows were refused by the database, or not counted: see the dead letters.`]
}

const exampleOrder = {
  order_id: 'my-first-order',
  user_id: '42',
  status: 'PAID',
  currency: 'USD',
  order_time: '2026-01-01T12:00:00Z',
  total_amount: '9.90',
  lines: [{ line_no: 1, product_id: 'tea', quantity: 1, line_amount: '9.90' }],
}

export function whereToLook({ dataDir, databasePath, logPath, apiUrl }: Places): string {
  const option = dataDir === './data' ? '' : ` --data-dir ${shellWord(dataDir)}`
  const query = 'SELECT status, count(*), sum(total_amount) FROM order_header GROUP BY status'
  const lines = [
    'Where to look next:',
    `  sqlite3 ${shellWord(databasePath)} "${query}"`,
    `  sqlite3 ${shellWord(databasePath)} "SELECT * FROM order_anomalies ORDER BY event_time DESC LIMIT 5"`,
    `  sqlite3 ${shellWord(databasePath)} "SELECT * FROM user_session ORDER BY order_count DESC LIMIT 5"`,
    `  npx order-streams dashboard${option}`,
    '  npx order-streams topology describe cleanse --format mermaid',
    ...(logPath === null ? [] : [`  ${logPath}`]),
    ...(apiUrl === undefined ? [] : ['', 'Send an order of your own, or simulate a shop:', curl(apiUrl)]),
    ...(apiUrl === undefined
      ? []
      : [`  npx order-streams simulate --to ${apiUrl} --orders 1000 --dirty 0.05`]),
    '',
    apiUrl === undefined ? 'And into the log:' : 'And into the log, once this is stopped:',
    `  npx order-streams topics read order-processed --limit 5${option}`,
    `  npx order-streams topics read order-statistics --limit 5${option}`,
    `  npx order-streams dead-letters list${option}`,
    `  npx order-streams state dump order-memory --limit 5${option}`,
  ]
  return lines.join('\n')
}

function curl(apiUrl: string): string {
  return `  curl ${apiUrl}/v1/orders -H 'content-type: application/json' -d '${JSON.stringify(exampleOrder)}'`
}

/** For a line that is to be copied into a shell. */
function shellWord(text: string): string {
  return /^[\w./~:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
