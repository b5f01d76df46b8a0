/**
 * What became of every order event, counted where it lies: in the topics and the tables. So the figures are the same
 * however often the program was started, stopped or killed in between, and a mistake anywhere shows:
 *
 *     order-raw    = order-parsed + dead letters of stage 1
 *     order-parsed = order-processed + repeats + order-rejected + dead letters of stage 2
 *     each table   = its topic, less the rows that the database refused
 *     orders       = headers + updates + repeats + rejected + dead letters
 */
import { topics } from '../schemas/topics.ts'
import type { Database } from '../sql/index.ts'
import {
  deadLetterStatusTopic,
  deadLetterTopic,
  internalTopics,
  type Log,
  type SchemaRegistry,
  type Topic,
  valueAt,
} from '../streams/index.ts'
import { decodeValue, partitionsOf, readTopic } from './read-topic.ts'

const stages = ['ingest', 'cleanse', 'statistics', 'detection'] as const

export type Counts = Readonly<Record<string, number>>

export interface Tally {
  /** Events ever read. */
  readonly orders: number
  /** Rows of order_header: orders. */
  readonly headers: number
  /** Events of orders that had a header already. */
  readonly updates: number
  /** Events that had come before, and were dropped. */
  readonly repeats: number
  /** Rows of order_line. */
  readonly lines: number
  /** Rows of order_rejection: events that broke a rule. */
  readonly rejected: number
  /** Events that could not be processed, or whose header or rejection the database refused. */
  readonly deadLetters: number
  /** Dead letters about other rows that the database refused, and about what could not be counted or judged. */
  readonly refusedRows: number
  /** Rejected events by code; one with several counts under each. */
  readonly reasons: Counts
  /** Dead letters by code. */
  readonly deadLetterReasons: Counts
  /** Which sums do not come out; empty when all do. */
  readonly problems: readonly string[]
  /** Why the sums cannot be expected to come out; null when they must. */
  readonly unchecked: string | null
}

/** Counts everything. While events are being processed the sums cannot come out. */
export async function takeTally(log: Log, registry: SchemaRegistry, database: Database): Promise<Tally> {
  const [orders, parsed, rejectedRecords] = [
    await countRecords(log, topics.orderRaw.name),
    await countRecords(log, topics.orderParsed.name),
    await countRecords(log, topics.orderRejected.name),
  ]
  const processed = await countProcessed(log, registry)
  const repeats = await countRepeats(log)
  const dead = await countDeadLetters(log, registry)
  const rows = await countRows(database)
  const refused = {
    events: dead.at('ingest', topics.orderParsed.name),
    headers: dead.at('cleanse', topics.orderProcessed.name),
    lines: dead.at('cleanse', topics.orderLine.name),
    rejections: dead.at('cleanse', topics.orderRejected.name),
  }
  const notParsed = dead.at('ingest', topics.orderRaw.name)
  const notCleansed = dead.at('cleanse', topics.orderParsed.name)
  const refusedRows = refused.events + refused.lines + dead.of('statistics') + dead.of('detection')

  const tally = {
    orders,
    headers: rows.headers,
    updates: processed.events - refused.headers - rows.headers,
    repeats,
    lines: rows.lines,
    rejected: rows.rejections,
    deadLetters: dead.total - refusedRows,
    refusedRows,
    reasons: await countReasons(database),
    deadLetterReasons: dead.byCode,
  }
  const sums = new Sums()
  sums.check('order-raw', orders, { 'order-parsed': parsed, 'dead letters of ingest': notParsed })
  sums.check('order-parsed', parsed, {
    'order-processed': processed.events,
    repeats,
    'order-rejected': rejectedRecords,
    'dead letters of cleanse': notCleansed,
  })
  sums.check('order-parsed', parsed, { 'rows of order_event': rows.events, refused: refused.events })
  sums.check('order-rejected', rejectedRecords, {
    'rows of order_rejection': rows.rejections,
    refused: refused.rejections,
  })
  // Two users may send the same order id: then there is one header for two first events, and the lines of both.
  const isShared = processed.firstEvents !== rows.headers && (await processed.orderIds()) === rows.headers
  if (refused.headers === 0 && refused.lines === 0 && !isShared) {
    sums.check('orders in order-processed', processed.firstEvents, { 'rows of order_header': rows.headers })
    sums.check('line_count over order_header', rows.lineCount, { 'rows of order_line': rows.lines })
  }
  const { headers, updates, rejected, deadLetters } = tally
  sums.check('orders', orders, { headers, updates, repeats, rejected, 'dead letters': deadLetters })
  if (await hasDeleted(log)) {
    return {
      ...tally,
      problems: [],
      unchecked: 'retention has deleted records that would have to be counted',
    }
  }
  if (await hasReplayed(log, registry)) {
    const unchecked = 'dead letters or rejections were replayed, and count once for each attempt'
    return { ...tally, problems: [], unchecked }
  }
  return { ...tally, problems: sums.problems, unchecked: null }
}

async function hasReplayed(log: Log, registry: SchemaRegistry): Promise<boolean> {
  for (const stage of stages) {
    for await (const { replayed_as } of valuesOf(log, registry, deadLetterStatusTopic(stage)))
      if (replayed_as !== null) return true
  }
  return false
}

/** Dead letters are kept for a while only; the other topics for ever, unless somebody deletes from them. */
async function hasDeleted(log: Log): Promise<boolean> {
  const { orderRaw, orderParsed, orderProcessed, orderRejected } = topics
  const counted = [orderRaw, orderParsed, orderProcessed, orderRejected, ...stages.map(deadLetterTopic)]
  const existing = new Set((await log.describeTopics()).map(({ name }) => name))
  for (const { name } of counted) {
    if (!existing.has(name)) continue
    const ranges = await log.offsetRanges(await partitionsOf(log, name))
    if (ranges.some(({ start }) => start > 0)) return true
  }
  return false
}

class Sums {
  readonly problems: string[] = []

  check(name: string, whole: number, parts: Counts): void {
    const sum = Object.values(parts).reduce((total, part) => total + part, 0)
    if (whole === sum) return
    const list = Object.entries(parts).map(([part, count]) => `${part} ${count}`)
    this.problems.push(`${name} ${whole} is not ${list.join(' + ')} = ${sum}`)
  }
}

async function countRecords(log: Log, topic: string): Promise<number> {
  let count = 0
  for await (const batch of readTopic(log, topic)) count += batch.length
  return count
}

/** All values of a topic, decoded. */
async function* valuesOf<K, V>(log: Log, registry: SchemaRegistry, topic: Topic<K, V>) {
  const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
  for await (const batch of readTopic(log, topic.name)) {
    for (let index = 0; index < batch.length; index++) {
      if (batch.valueStarts[index]! >= 0) yield await decodeValue(codec, batch, index)
    }
  }
}

async function countProcessed(log: Log, registry: SchemaRegistry) {
  let events = 0
  let firstEvents = 0
  for await (const header of valuesOf(log, registry, topics.orderProcessed)) {
    events++
    if (header.event_number === 1) firstEvents++
  }
  const orderIds = async (): Promise<number> => {
    const ids = new Set<string>()
    for await (const header of valuesOf(log, registry, topics.orderProcessed)) ids.add(header.order_id)
    return ids.size
  }
  return { events, firstEvents, orderIds }
}

/** From the newest record of each partition of the changelog: the row's timestamp in 8 bytes, then the count in 8. */
async function countRepeats(log: Log): Promise<number> {
  const byPartition = new Map<number, number>()
  for await (const batch of readTopic(log, internalTopics.changelog('cleanse', 'repeat-count'))) {
    const row = valueAt(batch, batch.length - 1)
    byPartition.set(batch.partition, row === null ? 0 : Number(row.readBigInt64BE(8)))
  }
  return [...byPartition.values()].reduce((sum, count) => sum + count, 0)
}

async function countDeadLetters(log: Log, registry: SchemaRegistry) {
  const byPlace = new Map<string, number>()
  const byTopology = new Map<string, number>()
  const byCode = new Counter()
  let total = 0
  for (const topology of stages) {
    for await (const letter of valuesOf(log, registry, deadLetterTopic(topology))) {
      const place = `${letter.topology} ${letter.sub_topology}`
      byPlace.set(place, (byPlace.get(place) ?? 0) + 1)
      byTopology.set(topology, (byTopology.get(topology) ?? 0) + 1)
      byCode.add(letter.code)
      total++
    }
  }
  const at = (topology: string, subTopology: string) => byPlace.get(`${topology} ${subTopology}`) ?? 0
  const of = (topology: (typeof stages)[number]) => byTopology.get(topology) ?? 0
  return { total, at, of, byCode: byCode.sorted() }
}

class Counter {
  private readonly counts = new Map<string, number>()

  add(name: string, count = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + count)
  }

  /** The most frequent first, then by name. */
  sorted(): Counts {
    return Object.fromEntries([...this.counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)))
  }
}

async function countRows(database: Database) {
  const [row] = await database.query(`SELECT
    (SELECT count(*) FROM order_event) AS events,
    (SELECT count(*) FROM order_header) AS headers,
    (SELECT coalesce(sum(line_count), 0) FROM order_header) AS line_count,
    (SELECT count(*) FROM order_line) AS order_lines,
    (SELECT count(*) FROM order_rejection) AS rejections`)
  const at = (column: string) => Number(row?.[column] ?? 0)
  return {
    events: at('events'),
    headers: at('headers'),
    lineCount: at('line_count'),
    lines: at('order_lines'),
    rejections: at('rejections'),
  }
}

async function countReasons(database: Database): Promise<Counts> {
  const rows = await database.query(
    'SELECT reason.value AS code, count(*) AS events FROM order_rejection, json_each(order_rejection.reasons) AS reason GROUP BY code',
  )
  const counter = new Counter()
  for (const row of rows) counter.add(String(row['code']), Number(row['events']))
  return counter.sorted()
}
