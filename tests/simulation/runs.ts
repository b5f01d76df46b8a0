/** Whole runs of a case's topology: to a crash, to the end, twice at once. */
import type { CommitStep, ProcessingGuarantee, RuntimeSettings } from '../../streams/index.ts'
import { crashAt } from '../../streams/testing/index.ts'
import type { Case, TestRecord } from './cases.ts'
import { verify } from './verify.ts'
import { newProcess, openLog, run, startProcess, World } from './world.ts'

/** As `runUntilCrash`, with the crash right before the `nth` write to a database: in the middle of a restore, too. */
export async function runUntilWrite(
  world: World,
  testCase: Case,
  settings: Partial<RuntimeSettings>,
  of: 'log' | 'tasks',
  nth: number,
): Promise<World | undefined> {
  let writesLeft = nth
  let left: World | undefined
  const beforeWrite = (): void => {
    if (--writesLeft === 0) left = watched.snapshot()
  }
  const watched = new World({
    log: world.log.snapshot(of === 'log' ? { beforeWrite } : {}),
    tasks: world.tasks.snapshot(of === 'tasks' ? { beforeWrite } : {}),
    sink: world.sink,
  })
  const open = await openLog(watched)
  const { app } = await startProcess(open, watched, testCase, { settings })
  await run(open.clock, app.drained())
  return left
}

/** Runs until a crash; answers the world that it leaves, or undefined when everything was processed before. */
export async function runUntilCrash(
  world: World,
  testCase: Case,
  settings: Partial<RuntimeSettings>,
  step: CommitStep,
  nth: number,
): Promise<World | undefined> {
  let left: World | undefined
  const crash = crashAt(step, nth, () => {
    left = world.snapshot()
  })
  const open = await openLog(world)
  const { app } = await startProcess(open, world, testCase, { observer: crash.observer, settings })
  const crashed = await run(open.clock, Promise.race([crash.reached, app.drained()]))
  if (crashed !== undefined) return left
  await run(open.clock, app.stop())
  await open.log.close()
  return undefined
}

/** Processes what is left, and checks everything. */
export async function finish(
  world: World,
  testCase: Case,
  guarantee: ProcessingGuarantee,
  records: readonly TestRecord[],
  settings: Partial<RuntimeSettings> = {},
): Promise<void> {
  const open = await openLog(world)
  const { app } = await newProcess(open, world, testCase, {
    settings: { ...settings, processingGuarantee: guarantee },
  })
  // In one go: what is not committed when `drained` resolves is missing then.
  await run(
    open.clock,
    app
      .start()
      .then(() => app.drained())
      .then(() => app.stop()),
  )
  await verify({ ...open, tasks: world.tasks, rows: world.sink.rows }, testCase, records, guarantee)
}

/** How often tasks come to a step in an undisturbed run. */
export async function countSteps(
  world: World,
  testCase: Case,
  guarantee: ProcessingGuarantee,
  step: CommitStep,
): Promise<number> {
  let count = 0
  const onCommitStep = (_task: string, at: CommitStep): void => {
    if (at === step) count++
  }
  const open = await openLog(world)
  const settings = { processingGuarantee: guarantee }
  const { app } = await startProcess(open, world, testCase, { observer: { onCommitStep }, settings })
  await run(open.clock, app.drained())
  await run(open.clock, app.stop())
  return count
}
