import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defineTopology } from '../dsl/stream-builder.ts'
import { openEmbedded } from '../embedded/index.ts'
import { RecordBatchBuilder } from '../records/record-batch.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
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
