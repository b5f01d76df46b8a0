/** The commit under crashes at each of its steps, over deterministic adapters: the rows of docs/commit.md. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CommitStep, commitSteps, type ProcessingGuarantee } from '../../streams/index.ts'
import { crashAt } from '../../streams/testing/faults.ts'
import { type Case, cases, inputRecords, type TestRecord } from './cases.ts'
import { verify } from './verify.ts'
import { openLog, run, startProcess, type World, worldWithInput } from './world.ts'

const guarantees: readonly ProcessingGuarantee[] = ['exactly-once', 'at-least-once']

/** Runs until a crash; answers the world that it leaves, or undefined when everything was processed before. */
async function runUntilCrash(
  world: World,
  testCase: Case,
  guarantee: ProcessingGuarantee,
  step: CommitStep,
  nth: number,
): Promise<World | undefined> {
  let left: World | undefined
  const crash = crashAt(step, nth, () => {
    left = world.snapshot()
  })
  const open = await openLog(world)
  const { app } = await startProcess(open, world, testCase, {
    observer: crash.observer,
    settings: { processingGuarantee: guarantee },
  })
  const ended = await run(open.clock, Promise.race([crash.reached, app.drained()]))
  if (ended !== undefined) return left
  await run(open.clock, app.stop())
  await open.log.close()
  return undefined
}

/** How often tasks come to a step in an undisturbed run. */
async function countSteps(
  world: World,
  testCase: Case,
  guarantee: ProcessingGuarantee,
  step: CommitStep,
): Promise<number> {
  let count = 0
  const onCommitStep = (_task: string, at: CommitStep): void => void (at === step && count++)
  const open = await openLog(world)
  const settings = { processingGuarantee: guarantee }
  const { app } = await startProcess(open, world, testCase, { observer: { onCommitStep }, settings })
  await run(open.clock, app.drained())
  await run(open.clock, app.stop())
  return count
}

async function finish(
  world: World,
  testCase: Case,
  guarantee: ProcessingGuarantee,
  records: readonly TestRecord[],
): Promise<void> {
  const open = await openLog(world)
  const { app } = await startProcess(open, world, testCase, { settings: { processingGuarantee: guarantee } })
  await run(open.clock, app.drained())
  await run(open.clock, app.stop())
  await verify(world, open, testCase, records, guarantee)
}

function stepsOf(testCase: Case, guarantee: ProcessingGuarantee): CommitStep[] {
  return commitSteps.filter((step) => {
    if (step === 'committed') return guarantee === 'exactly-once'
    return !step.startsWith('sink-') || testCase.output === undefined
  })
}

for (const guarantee of guarantees) {
  for (const testCase of cases) {
    describe(`${testCase.name}, ${guarantee}`, () => {
      it('should give the expected results undisturbed', async () => {
        const records = inputRecords()
        await finish(await worldWithInput(records), testCase, guarantee, records)
      })

      it.each(stepsOf(testCase, guarantee))('should mend a crash right after %s', async (step) => {
        const records = inputRecords()
        const last = await countSteps(await worldWithInput(records), testCase, guarantee, step)
        for (const nth of [1, 2, 5, last]) {
          const left = await runUntilCrash(await worldWithInput(records), testCase, guarantee, step, nth)
          if (left === undefined) throw new Error(`commit ${nth} never came to ${step}`)
          await finish(left, testCase, guarantee, records)
        }
      })
    })
  }
}

describe('random crashes', () => {
  it('should mend any sequence of crashes, and of power failures', async () => {
    const crash = fc.record({
      step: fc.constantFrom(...commitSteps),
      nth: fc.integer({ min: 1, max: 6 }),
      lose: fc.constantFrom('nothing' as const, 'unsynced' as const),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cases),
        fc.constantFrom(...guarantees),
        fc.array(crash, { minLength: 1, maxLength: 5 }),
        async (testCase, guarantee, crashes) => {
          const records = inputRecords(20)
          let world = await worldWithInput(records)
          for (const { step, nth, lose } of crashes) {
            const left = await runUntilCrash(world, testCase, guarantee, step, nth)
            world = left?.snapshot(lose) ?? world.snapshot()
          }
          await finish(world, testCase, guarantee, records)
        },
      ),
      { numRuns: 60 },
    )
    expect(true).toBe(true)
  })
})
