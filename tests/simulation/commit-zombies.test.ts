/** Owners that come and go in the middle of a commit: zombies, revoked tasks, stops, transactions that take too long. */
import { describe, expect, it } from 'vitest'
import { type ProcessingGuarantee, StreamsError } from '../../streams/index.ts'
import { crashAt, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { cases, externalSink, input, inputRecords, keyedCount } from './cases.ts'
import { finish } from './runs.ts'
import { verify } from './verify.ts'
import { append, openLog, run, settle, startProcess, stepsOf, worldWithInput } from './world.ts'

const exactlyOnce = { processingGuarantee: 'exactly-once' as const }

for (const testCase of cases) {
  describe(`a zombie: ${testCase.name}`, () => {
    it.each(stepsOf(testCase, 'exactly-once'))(
      'should write nothing more after it slept at %s',
      async (step) => {
        for (const nth of [1, 4]) {
          const records = inputRecords()
          const [before, after] = [records.slice(0, 100), records.slice(100)]
          const world = await worldWithInput(before)
          const open = await openLog(world)
          const sleep = crashAt(step, nth)
          const zombie = await startProcess(open, world, testCase, {
            observer: sleep.observer,
            settings: exactlyOnce,
            instanceId: 'zombie',
          })
          const taskId = await run(open.clock, sleep.reached)
          await zombie.expel()

          const heir = {
            tasks: nth === 1 ? new MemoryStoreProvider() : world.tasks.snapshot(),
            sink: world.sink,
          }
          const { app } = await startProcess(open, heir, testCase, {
            settings: exactlyOnce,
            instanceId: 'heir',
          })
          sleep.release()
          await append(open.log, input.name, after)
          await run(open.clock, app.drained())
          await settle(open.clock)
          await append(open.log, input.name, [])
          await run(open.clock, app.stop())

          await verify(
            { ...open, tasks: heir.tasks, rows: heir.sink.rows },
            testCase,
            records,
            'exactly-once',
          )
          const [status] = zombie.app.status()
          expect(status!.tasks.get(taskId)).toMatchObject({
            kind: 'given-up',
            error: expect.any(StreamsError),
          })
        }
      },
    )
  })
}

describe('a task that is revoked', () => {
  for (const testCase of [keyedCount, externalSink]) {
    it.each(stepsOf(testCase, 'exactly-once'))(
      `should be taken over though its owner is at %s (${testCase.name})`,
      async (step) => {
        const records = inputRecords()
        const world = await worldWithInput(records.slice(0, 100))
        const open = await openLog(world)
        const hold = crashAt(step, 3)
        const owner = await startProcess(open, world, testCase, {
          observer: hold.observer,
          settings: exactlyOnce,
          instanceId: 'owner',
        })
        await run(open.clock, hold.reached)
        const other = { tasks: new MemoryStoreProvider(), sink: world.sink }
        const joiner = await startProcess(open, other, testCase, {
          settings: exactlyOnce,
          instanceId: 'joiner',
        })
        await settle(open.clock)
        hold.release()
        await append(open.log, input.name, records.slice(100))
        await run(open.clock, Promise.all([owner.app.drained(), joiner.app.drained()]))
        expect(joiner.app.status()[0]!.tasks.size).toBeGreaterThan(0)
        expect(owner.app.status()[0]!.tasks.size).toBeGreaterThan(0)
        await run(open.clock, Promise.all([owner.app.stop(), joiner.app.stop()]))
        await open.log.close()
        await finish(world.snapshot(), testCase, 'exactly-once', records)
      },
    )
  }
})

describe('an application that is stopped', () => {
  const guarantees: readonly ProcessingGuarantee[] = ['exactly-once', 'at-least-once']
  for (const guarantee of guarantees) {
    it.each(stepsOf(externalSink, guarantee))(
      `should finish the commit that is at %s (${guarantee})`,
      async (step) => {
        const records = inputRecords()
        const world = await worldWithInput(records)
        const open = await openLog(world)
        const hold = crashAt(step, 2)
        const { app } = await startProcess(open, world, externalSink, {
          observer: hold.observer,
          settings: { processingGuarantee: guarantee },
        })
        await run(open.clock, hold.reached)
        const stopped = app.stop()
        await settle(open.clock)
        hold.release()
        await run(open.clock, stopped)
        expect(app.status()[0]!.state).toEqual({ kind: 'stopped' })
        await open.log.close()
        await finish(world.snapshot(), externalSink, guarantee, records)
      },
    )
  }
})

describe('a transaction that the log aborts for its timeout', () => {
  for (const testCase of [keyedCount, externalSink]) {
    it.each(stepsOf(testCase, 'exactly-once'))(
      `should be made again when the commit slept at %s (${testCase.name})`,
      async (step) => {
        const records = inputRecords()
        const world = await worldWithInput(records)
        const open = await openLog(world)
        const sleep = crashAt(step, 2)
        const { app } = await startProcess(open, world, testCase, {
          observer: sleep.observer,
          settings: { ...exactlyOnce, transactionTimeoutMs: 5_000 },
        })
        await run(open.clock, sleep.reached)
        open.clock.advance(6_000)
        sleep.release()
        await run(open.clock, app.drained())
        await run(open.clock, app.stop())
        await verify(
          { ...open, tasks: world.tasks, rows: world.sink.rows },
          testCase,
          records,
          'exactly-once',
        )
      },
    )
  }
})
