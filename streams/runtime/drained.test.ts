import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { summing } from '../dsl/aggregators.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { openEmbedded } from '../embedded/index.ts'
import { keyAt, RecordBatchBuilder, valueAt } from '../records/record-batch.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { hours, minutes, tumbling } from '../time/windows.ts'
import { followToEnd } from './follow-to-end.ts'
import { StreamsApp } from './streams-app.ts'

const visits = topic('visits', { key: serdes.string, value: serdes.string })
const counts = topic('counts', { key: serdes.string, value: nullable(serdes.long) })

const countByPage = defineTopology('visits-by-page', (builder) => {
  builder
    .stream(visits)
    .groupBy((page) => page, serdes.string)
    .count({ store: 'pages' })
    .toStream()
    .to(counts)
})

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'drained-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('should let tasks commit what they have when somebody waits for it, whatever the commit interval', async () => {
  const ports = await openEmbedded(directory, { sync: false })
  const hourMs = 3_600_000
  const app = new StreamsApp({ topologies: [countByPage], ...ports, settings: { commitIntervalMs: hourMs } })
  await app.start()
  const batch = new RecordBatchBuilder(visits.name, 0)
  for (const page of ['a', 'b', 'a']) batch.append(Buffer.from('visitor'), Buffer.from(page), 1)
  await ports.log.append([batch.build()])
  await app.drained()
  const ranges = await ports.log.offsetRanges(
    [0, 1, 2, 3].map((partition) => ({ topic: 'counts', partition })),
  )
  expect(ranges.reduce((sum, { end }) => sum + end, 0)).toBe(2)
  await app.stop()
  await ports.close()
})

const perMinute = topic('per-minute', { key: serdes.string, value: nullable(serdes.long) })
const perHour = topic('per-hour', { key: serdes.string, value: nullable(serdes.long) })

/** Two topologies, the second behind the first, each with windows that close. */
const chain = [
  defineTopology('minutes', (builder) => {
    builder
      .stream(visits)
      .groupBy((page) => page, serdes.string)
      .windowedBy(tumbling(minutes(1)))
      .emit('on-close')
      .count({ store: 'minutes' })
      .toStream(({ key }) => key)
      .to(perMinute)
  }),
  defineTopology('hours', (builder) => {
    builder
      .stream(perMinute, { disorderMs: minutes(1) })
      .groupByKey()
      .windowedBy(tumbling(hours(1)))
      .emit('on-close')
      .aggregate(
        summing((count: number | null) => count ?? 0),
        { store: 'hours' },
      )
      .toStream(({ key, startMs }) => `${key}@${startMs}`)
      .to(perHour)
  }),
]

/** Runs until everything is processed and nothing more is said to come. */
async function runToEnd(visitTimesMs: readonly number[]): Promise<string[]> {
  const ports = await openEmbedded(directory, { sync: false })
  const app = new StreamsApp({ topologies: chain, ...ports })
  await app.start()
  const batch = new RecordBatchBuilder(visits.name, 0)
  for (const timestampMs of visitTimesMs)
    batch.append(Buffer.from('visitor'), Buffer.from('page'), timestampMs)
  await ports.log.append([batch.build()])
  await app.drained({ endOfInput: true })
  await app.stop()
  const ranges = await ports.log.offsetRanges(
    [0, 1, 2, 3].map((partition) => ({ topic: perHour.name, partition })),
  )
  const written: string[] = []
  await followToEnd(
    ports,
    ranges.map(({ start, ...place }) => ({ ...place, offset: start })),
    (records) => {
      for (let index = 0; index < records.length; index++)
        written.push(`${keyAt(records, index)} ${valueAt(records, index)?.readBigInt64BE()}`)
    },
  )
  await ports.close()
  return written.sort()
}

it('should close all windows at the end of input, of one topology after the other, and take more in another run', async () => {
  const hourMs = hours(1)
  const first = [`page@0 3`, `page@${hourMs} 1`]
  expect(await runToEnd([0, 10, minutes(5), hourMs + 1])).toEqual(first)
  const later = [hourMs + minutes(2), 3 * hourMs]
  // The hour that was closed at the end of the first run stays closed.
  expect(await runToEnd(later)).toEqual([...first, `page@${3 * hourMs} 1`].sort())
})
