/** The commit under crashes at each of its steps, over deterministic adapters: the rows of docs/commit.md. */
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { commitSteps, type ProcessingGuarantee } from '../../streams/index.ts'
import { cases, externalSink, inputRecords, partitions } from './cases.ts'
import { countSteps, finish, runUntilCrash, runUntilWrite } from './runs.ts'
import { stepsOf, worldWithInput } from './world.ts'

const guarantees: readonly ProcessingGuarantee[] = ['exactly-once', 'at-least-once']

for (const guarantee of guarantees) {
  for (const testCase of cases) {
    const settings = { processingGuarantee: guarantee }
    describe(`${testCase.name}, ${guarantee}`, () => {
      it('should give the expected results undisturbed', async () => {
        const records = inputRecords()
        await finish(await worldWithInput(records), testCase, guarantee, records)
      })

      it.each(stepsOf(testCase, guarantee))('should mend a crash right after %s', async (step) => {
        const records = inputRecords()
        const last = await countSteps(await worldWithInput(records), testCase, guarantee, step)
        for (const nth of [1, 2, 5, last]) {
          const left = await runUntilCrash(await worldWithInput(records), testCase, settings, step, nth)
          if (left === undefined) throw new Error(`commit ${nth} never came to ${step}`)
          await finish(left, testCase, guarantee, records)
        }
      })
    })
  }
}

describe('a sink that is behind the log', () => {
  const settings = { processingGuarantee: 'exactly-once' as const }
  const records = inputRecords()

  it('should not have dead letters published again, however its rows are then cut into commits', async () => {
    const behind = await runUntilCrash(await worldWithInput(records), externalSink, settings, 'committed', 5)
    const smaller = { ...settings, sinkMaxRows: 1 }
    const half = await runUntilCrash(behind!, externalSink, smaller, 'state-applied', 1)
    await finish(half!, externalSink, 'exactly-once', records)
  })

  it('should be waited for by drained(), though the group stands at the end', async () => {
    const world = await worldWithInput(records)
    const inOneCommit = { ...settings, sinkMaxRows: 1_000, batchMaxRecords: 1_000, commitIntervalMs: 1_000 }
    const behind = await runUntilCrash(world, externalSink, inOneCommit, 'committed', partitions)
    const inSmallCommits = { sinkMaxRows: 1, batchMaxRecords: 1, commitIntervalMs: 1 }
    await finish(behind!, externalSink, 'exactly-once', records, inSmallCommits)
  })
})

describe('random crashes', () => {
  it('should mend any sequence of crashes, and of power failures', async () => {
    const lose = fc.constantFrom('nothing' as const, 'unsynced' as const)
    const crash = fc.oneof(
      fc.record({ step: fc.constantFrom(...commitSteps), nth: fc.integer({ min: 1, max: 6 }), lose }),
      fc.record({
        writeOf: fc.constantFrom('log' as const, 'tasks' as const),
        nth: fc.integer({ min: 1, max: 25 }),
        lose,
      }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cases),
        fc.constantFrom(...guarantees),
        fc.array(crash, { minLength: 1, maxLength: 5 }),
        async (testCase, guarantee, crashes) => {
          const records = inputRecords(20)
          let world = await worldWithInput(records)
          const settings = { processingGuarantee: guarantee }
          for (const planned of crashes) {
            const left =
              'step' in planned
                ? await runUntilCrash(world, testCase, settings, planned.step, planned.nth)
                : await runUntilWrite(world.snapshot(), testCase, settings, planned.writeOf, planned.nth)
            world = left?.snapshot(planned.lose) ?? world.snapshot()
          }
          await finish(world, testCase, guarantee, records)
        },
      ),
      { numRuns: 60 },
    )
  })
})
