/** What there is, read committed, in the form in which the oracle says what should be. */

import { partitionsOf, readPartition } from '../../app/read-topic.ts'
import { topics } from '../../schemas/topics.ts'
import type { Database } from '../../sql/database.ts'
import {
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
} from '../../sql/order-tables.ts'
import {
  deadLetterTopic,
  keyAt,
  type Log,
  type SchemaRegistry,
  type Topic,
  valueAt,
} from '../../streams/index.ts'
import { readTable } from '../support/sql-databases.ts'
import { readStatistics, timeText } from '../support/statistics-tally.ts'
import { type Contents, Places } from './contents.ts'

export interface Stores {
  readonly log: Log
  readonly registry: SchemaRegistry
  readonly database: Database
}

export async function readContents({ log, registry, database }: Stores): Promise<Contents> {
  const places = new Places()
  for await (const { partition, offset, timestampMs, key, bytes } of recordsOf(log, topics.orderRaw.name))
    places.add('order-raw', key, { partition, offset, timestampMs, value: base64(bytes) })
  /** What the oracle calls the records of order-parsed, by their coordinates. */
  const origins = new Map<string, string>()
  for await (const { key, value, timestampMs, place } of valuesOf(log, registry, topics.orderParsed))
    origins.set(place, places.add('order-parsed', key, { timestampMs, ...value }))
  for await (const { key, value, timestampMs } of valuesOf(log, registry, topics.orderProcessed))
    places.add('order-processed', key, { timestampMs, ...value })
  for await (const { key, value, timestampMs } of valuesOf(log, registry, topics.orderLine))
    places.add('order-line', key, { timestampMs, ...value })
  for await (const { key, value, timestampMs } of valuesOf(log, registry, topics.orderRejected)) {
    const { topic, partition, offset, ...content } = value
    const place = `${topic} ${partition} ${offset}`
    places.add('order-rejected', key, { timestampMs, ...content, origin: origins.get(place) ?? place })
  }
  for (const topology of ['ingest', 'cleanse', 'statistics']) {
    for await (const { value: letter } of valuesOf(log, registry, deadLetterTopic(topology))) {
      const { topic, partition, offset, timestamp, code, attempt } = letter
      const key = letter.key === null ? null : Buffer.from(letter.key).toString('utf8')
      const value = base64(letter.value)
      const content = { topic, partition, offset, timestamp, value, topology: letter.topology, code, attempt }
      places.add(deadLetterTopic(topology).name, key, content)
    }
  }
  for (const table of [orderEventTable, orderRejectionTable]) {
    for (const row of await readTable(database, table)) {
      const { topic, partition, offset, ...columns } = row
      const place = `${topic} ${partition} ${offset}`
      const content = table === orderEventTable ? columns : { ...columns, ...jsonColumns(columns) }
      places.add(`table ${table.name}`, origins.get(place) ?? place, content)
    }
  }
  for (const table of [orderHeaderTable, orderLineTable]) {
    for (const row of await readTable(database, table)) places.add(`table ${table.name}`, null, row)
  }
  for (const [name, rows] of Object.entries(await readStatistics(database)))
    for (const row of rows) places.add(`table ${name}`, null, row)
  await addStatistics(places, log, registry)
  return places.contents()
}

/** What no table has: each batch of orders, which comes once, and the newest of what was told of each user's last hour. */
async function addStatistics(places: Places, log: Log, registry: SchemaRegistry): Promise<void> {
  const lastHours = new Map<string, Readonly<Record<string, unknown>>>()
  for await (const { key, value } of valuesOf(log, registry, topics.orderStatistics)) {
    const { window_end, figures } = value
    if (figures.kind === 'MILESTONE')
      places.add('milestones of order-statistics', null, { order: figures.order_number })
    if (figures.kind !== 'USER_LAST_HOUR') continue
    const { user_id, currency, order_count } = figures
    const total_amount = (figures.total_amount / 100).toFixed(2)
    lastHours.set(key ?? '', {
      window_end: timeText(window_end),
      user_id,
      currency,
      order_count,
      total_amount,
    })
  }
  for (const row of lastHours.values()) places.add('newest of order-statistics', null, row)
}

/** Numbers of BIGINT columns may come as text, and JSON as the database writes it. */
function jsonColumns({ reasons, payload }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { reasons: JSON.parse(String(reasons)), payload: JSON.parse(String(payload)) }
}

async function* recordsOf(log: Log, topic: string) {
  for (const place of await partitionsOf(log, topic)) {
    for await (const batch of readPartition(log, place)) {
      for (let index = 0; index < batch.length; index++) {
        const offset = batch.offsets[index]!
        yield {
          partition: place.partition,
          offset,
          timestampMs: batch.timestampsMs[index]!,
          key: keyAt(batch, index)?.toString('utf8') ?? null,
          bytes: valueAt(batch, index),
        }
      }
    }
  }
}

async function* valuesOf<K, V extends object>(log: Log, registry: SchemaRegistry, topic: Topic<K, V>) {
  const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
  for await (const { bytes, ...record } of recordsOf(log, topic.name)) {
    if (bytes === null) throw new Error(`${topic.name} has a record without a value at ${record.offset}`)
    const value = codec.decode(bytes, 0, bytes.length)
    yield { ...record, value, place: `${topic.name} ${record.partition} ${record.offset}` }
  }
}

function base64(bytes: Uint8Array | null): string {
  return Buffer.from(bytes ?? '').toString('base64')
}
