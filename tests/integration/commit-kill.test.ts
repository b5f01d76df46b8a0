/** The rows of docs/commit.md with real processes: RocksDB, SQLite, and SIGKILL at each step of a commit. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { type CommitStep, commitSteps, type ProcessingGuarantee } from '../../streams/index.ts'
import { countIntoSink, input, inputRecords, partitions } from '../simulation/cases.ts'
import { verify } from '../simulation/verify.ts'
import { append } from '../simulation/world.ts'
import { startTypeScript } from '../support/typescript-process.ts'
import { openKillWorld } from './kill-world.ts'

const program = new URL('./processes/run-until-killed.ts', import.meta.url)
const records = inputRecords()

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'order-streams-kill-'))
  const world = await openKillWorld(directory)
  await world.log.createTopics([{ name: input.name, partitions, ...input.settings }])
  await append(world.log, input.name, records)
  await world.close()
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function killedAt(guarantee: ProcessingGuarantee, step: CommitStep, nth: number): Promise<void> {
  const { ended } = startTypeScript(program, directory, guarantee, step, String(nth))
  const { signal, stderr } = await ended
  expect(signal, stderr).toBe('SIGKILL')
}

async function finish(guarantee: ProcessingGuarantee): Promise<void> {
  const world = await openKillWorld(directory)
  const app = await world.app(guarantee)
  await app.start()
  await app.drained()
  await app.stop()
  const { log, tasks } = world
  const remains = { log, tasks, clock: systemClock, rows: await world.rows() }
  await verify(remains, countIntoSink, records, guarantee)
  await world.close()
}

/** Each step is also what another one's second process is killed at. */
function next(step: CommitStep, steps: readonly CommitStep[]): CommitStep {
  return steps[(steps.indexOf(step) + 3) % steps.length]!
}

describe('exactly-once', () => {
  it.each(commitSteps)('should survive SIGKILL right after %s, and another one later', async (step) => {
    await killedAt('exactly-once', step, 5)
    await killedAt('exactly-once', next(step, commitSteps), 2)
    await finish('exactly-once')
  })
})

describe('at-least-once', () => {
  const steps = commitSteps.filter((step) => step !== 'committed')
  it.each(steps)('should lose nothing by SIGKILL right after %s', async (step) => {
    await killedAt('at-least-once', step, 5)
    await finish('at-least-once')
  })
})
