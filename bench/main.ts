/**
 * `npm run bench`: what the engine costs, without any broker; `npm run bench -- JOB …` runs some of the jobs only. See RESULTS.md for
 * figures and how they were taken.
 */
import { measurePipeline } from './embedded-pipeline.ts'
import { measureLongWindow } from './long-window.ts'
import { measureBursts } from './pattern-burst.ts'
import { measureTaskLoop, taskLoopAllocations } from './task-loop.ts'

const plan = [
  { keys: 1_000, cacheMiB: 2048, records: 4_000_000 },
  { keys: 100_000, cacheMiB: 2048, records: 4_000_000 },
  { keys: 1_000_000, cacheMiB: 2048, records: 4_000_000 },
  { keys: 5_000_000, cacheMiB: 4096, records: 4_000_000 },
  { keys: 1_000_000, cacheMiB: 16, records: 1_000_000 },
]

const jobs: Readonly<Record<string, () => Promise<void>>> = {
  'task-loop': async () => {
    for (const { keys, cacheMiB, records } of plan) print(await measureTaskLoop(keys, cacheMiB, records))
  },
  allocations: async () => {
    process.stdout.write('Bytes allocated per record, by function (1,000 keys):\n')
    for (const { where, bytesPerRecord } of await taskLoopAllocations(1_000, 2_000_000)) {
      process.stdout.write(`${String(bytesPerRecord).padStart(8)}  ${where}\n`)
    }
  },
  pipeline: async () => {
    process.stdout.write('A pipeline on the embedded log, exactly-once:\n')
    for (const pipeline of ['by key', 'by a new key'] as const) {
      for (const commitIntervalMs of [100, 1000]) {
        print(await measurePipeline(pipeline, 1_000_000, commitIntervalMs))
      }
    }
  },
  burst: async () => {
    process.stdout.write('Six orders of a user within a minute, 100,000 users:\n')
    for (const load of ['bursts', 'scattered'] as const) print(await measureBursts(load, 600_000))
  },
  'long-window': async () => {
    process.stdout.write('Open partial matches on one key:\n')
    for (const openRuns of [100, 1_000, 10_000, 50_000]) print(await measureLongWindow(openRuns, 500_000))
  },
}

function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

const asked = process.argv.slice(2)
for (const name of asked.length > 0 ? asked : Object.keys(jobs)) {
  const job = jobs[name]
  if (job === undefined) {
    process.stderr.write(`there is no job ${name}; choose of ${Object.keys(jobs).join(', ')}\n`)
    process.exitCode = 2
    break
  }
  await job()
}
