/** Port calls that fail in the middle of a commit: the driver opens the task anew, and the results are right. */
import { describe, expect, it } from 'vitest'
import {
  type CommitStep,
  type ErrorCode,
  type ProcessingGuarantee,
  StreamsError,
  type TaskObserver,
} from '../../streams/index.ts'
import { Faults, type FaultyCall } from '../../streams/testing/index.ts'
import { cases, inputRecords, keyedCount } from './cases.ts'
import { finish } from './runs.ts'
import { verify } from './verify.ts'
import { openLog, run, startProcess, World, worldWithInput } from './world.ts'

interface FaultRow {
  readonly call: FaultyCall
  readonly code: ErrorCode
  readonly when: 'before' | 'after'
  readonly guarantees: readonly ProcessingGuarantee[]
  readonly sinkOnly?: boolean
}

const both = ['exactly-once', 'at-least-once'] as const
const exactly = ['exactly-once'] as const
const rows: readonly FaultRow[] = [
  { call: 'send', code: 'LOG_UNAVAILABLE', when: 'before', guarantees: both },
  { call: 'send', code: 'LOG_UNAVAILABLE', when: 'after', guarantees: both },
  { call: 'send-offsets', code: 'LOG_UNAVAILABLE', when: 'before', guarantees: both },
  { call: 'send-offsets', code: 'LOG_UNAVAILABLE', when: 'after', guarantees: both },
  { call: 'commit', code: 'TRANSACTION_OUTCOME_UNKNOWN', when: 'before', guarantees: exactly },
  { call: 'commit', code: 'TRANSACTION_OUTCOME_UNKNOWN', when: 'after', guarantees: exactly },
  { call: 'commit', code: 'TRANSACTION_ABORTED', when: 'before', guarantees: exactly },
  { call: 'open-producer', code: 'LOG_UNAVAILABLE', when: 'before', guarantees: exactly },
  { call: 'open-producer', code: 'LOG_UNAVAILABLE', when: 'after', guarantees: exactly },
  { call: 'open-sink', code: 'SINK_UNAVAILABLE', when: 'before', guarantees: both, sinkOnly: true },
  { call: 'open-sink', code: 'SINK_UNAVAILABLE', when: 'after', guarantees: both, sinkOnly: true },
  { call: 'prepare-rows', code: 'SINK_UNAVAILABLE', when: 'before', guarantees: both, sinkOnly: true },
  { call: 'prepare-rows', code: 'SINK_UNAVAILABLE', when: 'after', guarantees: both, sinkOnly: true },
  { call: 'commit-rows', code: 'SINK_UNAVAILABLE', when: 'before', guarantees: both, sinkOnly: true },
  { call: 'commit-rows', code: 'SINK_UNAVAILABLE', when: 'after', guarantees: both, sinkOnly: true },
]

function faultsOf({ call, code, when }: FaultRow): Faults {
  const faults = new Faults()
  for (const nth of call.startsWith('open') ? [1, 2] : [2, 3, 7]) {
    faults.place({ call, nth, when, error: new StreamsError(code, `${call} fails ${when} it took effect`) })
  }
  return faults
}

describe('a call that fails', () => {
  for (const row of rows) {
    it.each(row.guarantees)(
      `should be mended by opening the task again: ${row.call} with ${row.code} ${row.when} it took effect (%s)`,
      async (guarantee) => {
        for (const testCase of row.sinkOnly === true
          ? cases.filter(({ sinkReads }) => sinkReads !== undefined)
          : cases) {
          const records = inputRecords(20)
          const world = await worldWithInput(records)
          const faults = faultsOf(row)
          const open = await openLog(world)
          const { app } = await startProcess(open, world, testCase, {
            faults,
            settings: { processingGuarantee: guarantee },
          })
          await run(open.clock, app.drained())
          await run(open.clock, app.stop())
          expect(faults.struck.length).toBeGreaterThanOrEqual(2)
          await verify({ ...open, tasks: world.tasks, rows: world.sink.rows }, testCase, records, guarantee)
        }
      },
    )
  }

  it('should stop the topology when it never succeeds', async () => {
    const world = await worldWithInput(inputRecords(5))
    const faults = new Faults()
    // The first one records what was started.
    for (let nth = 2; nth <= 40; nth++)
      faults.place({ call: 'send', nth, error: new StreamsError('TRANSACTION_ABORTED', 'too slow') })
    const open = await openLog(world)
    const { app } = await startProcess(open, world, keyedCount, { faults, settings: { taskMaxAttempts: 3 } })
    await expect(run(open.clock, app.drained())).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await expect(app.failed).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await run(open.clock, app.stop())
    expect(app.status()[0]!.state).toMatchObject({ kind: 'failed' })
  })
})

/** A world whose next write to the log's database, or to a task's, fails once armed. */
function failingWrites(world: World, of: 'log' | 'tasks', code: ErrorCode) {
  let armed = false
  const beforeWrite = (): void => {
    if (!armed) return
    armed = false
    throw new StreamsError(code, `no write to the ${of} database`)
  }
  const { log, tasks, sink } = world.snapshot()
  return {
    arm: () => {
      armed = true
    },
    world: new World({
      log: of === 'log' ? log.snapshot({ beforeWrite }) : log,
      tasks: of === 'tasks' ? tasks.snapshot({ beforeWrite }) : tasks,
      sink,
    }),
  }
}

/** Calls back when a task has come to a step for the `nth` time. */
function at(step: CommitStep, nth: number, callback: () => void): TaskObserver {
  let left = nth
  return {
    onCommitStep: (_task, reached) => {
      if (reached === step && --left === 0) callback()
    },
  }
}

describe('a disk that is full', () => {
  const full = [
    ...cases.map((testCase) => ({ name: testCase.name, testCase, of: 'log' as const })),
    ...cases
      .filter(({ store }) => store !== undefined)
      .map((testCase) => ({ name: testCase.name, testCase, of: 'tasks' as const })),
  ]
  it.each(full)(
    'should stop the app with a clear error, and a restart goes on: $name, database of $of',
    async ({ testCase, of }) => {
      for (const guarantee of both) {
        const records = inputRecords()
        const { world, arm } = failingWrites(await worldWithInput(records), of, 'STORAGE_FULL')
        const open = await openLog(world)
        const { app } = await startProcess(open, world, testCase, {
          observer: at('encoded', 3, arm),
          settings: { processingGuarantee: guarantee },
        })
        await expect(run(open.clock, app.drained())).rejects.toMatchObject({
          code: 'STORAGE_FULL',
          message: `no write to the ${of} database`,
        })
        await run(open.clock, app.stop())
        await finish(world.snapshot(), testCase, guarantee, records)
      }
    },
  )
})

describe('a database that is damaged', () => {
  it('should be deleted and restored from the changelog', async () => {
    for (const nth of [1, 3, 8]) {
      const records = inputRecords()
      const { world, arm } = failingWrites(await worldWithInput(records), 'tasks', 'STATE_CORRUPT')
      const open = await openLog(world)
      const { app } = await startProcess(open, world, keyedCount, {
        observer: at('committed', nth, arm),
      })
      await run(open.clock, app.drained())
      await run(open.clock, app.stop())
      await verify(
        { ...open, tasks: world.tasks, rows: world.sink.rows },
        keyedCount,
        records,
        'exactly-once',
      )
    }
  })
})
