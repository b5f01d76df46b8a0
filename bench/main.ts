/** `npm run bench`: what the engine costs, without any broker. See RESULTS.md for figures and how they were taken. */
import { measurePipeline } from './embedded-pipeline.ts'
import { measureTaskLoop, taskLoopAllocations } from './task-loop.ts'

const plan = [
  { keys: 1_000, cacheMiB: 2048, records: 4_000_000 },
  { keys: 100_000, cacheMiB: 2048, records: 4_000_000 },
  { keys: 1_000_000, cacheMiB: 2048, records: 4_000_000 },
  { keys: 5_000_000, cacheMiB: 4096, records: 4_000_000 },
  { keys: 1_000_000, cacheMiB: 16, records: 1_000_000 },
]

for (const { keys, cacheMiB, records } of plan) {
  const result = await measureTaskLoop(keys, cacheMiB, records)
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

process.stdout.write('Bytes allocated per record, by function (1,000 keys):\n')
for (const { where, bytesPerRecord } of await taskLoopAllocations(1_000, 2_000_000)) {
  process.stdout.write(`${String(bytesPerRecord).padStart(8)}  ${where}\n`)
}

process.stdout.write('A pipeline on the embedded log, exactly-once:\n')
for (const pipeline of ['by key', 'by a new key'] as const) {
  for (const commitIntervalMs of [100, 1000]) {
    process.stdout.write(`${JSON.stringify(await measurePipeline(pipeline, 1_000_000, commitIntervalMs))}\n`)
  }
}
