import { describe, expect, it } from 'vitest'
import { input, inputRecords, keyedCount, partitions } from '../../tests/simulation/cases.ts'
import { verify } from '../../tests/simulation/verify.ts'
import { append, openLog, run, settle, startProcess, worldWithInput } from '../../tests/simulation/world.ts'
import type { EmbeddedLog } from '../adapters/embedded/embedded-log.ts'
import { type ErrorCode, errorCatalogue, type Recovery, StreamsError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import { SchemaNotLoaded } from '../serde/serde.ts'
import { Faults } from '../testing/faults.ts'

/** Starts the count with an error thrown in the middle of the third commit. */
async function startWithError(error: unknown) {
  const records = inputRecords(10)
  const world = await worldWithInput(records)
  const open = await openLog(world)
  let left = 3
  let task = ''
  const { app } = await startProcess(open, world, keyedCount, {
    observer: {
      onCommitStep: (taskId, step) => {
        if (step !== 'sent' || --left !== 0) return
        task = taskId
        throw error
      },
    },
  })
  const state = () => app.status()[0]!.tasks.get(task)
  return { app, open, world, records, state }
}

type Outcome = 'processed' | 'given up' | 'stopped'

const outcomes: Record<Recovery, Outcome> = {
  retry: 'processed',
  'rebuild-task': 'processed',
  fenced: 'given up',
  'dead-letter': 'stopped',
  stop: 'stopped',
}

describe('TaskDriver', () => {
  const table = Object.entries(errorCatalogue).map(([code, { recovery }]) => ({
    code: code as ErrorCode,
    recovery,
    outcome: outcomes[recovery],
  }))
  it.each(table)(
    'should act on an error as its recovery says: $code is $outcome',
    async ({ code, outcome }) => {
      const error = new StreamsError(code, 'placed by the test')
      const { app, open, world, records, state } = await startWithError(error)
      if (outcome === 'processed') {
        await run(open.clock, app.drained())
        expect(state()).toEqual({ kind: 'running' })
        await run(open.clock, app.stop())
        await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
      } else if (outcome === 'given up') {
        expect(state()).toEqual({ kind: 'given-up', error })
        await run(open.clock, app.stop())
      } else {
        await expect(run(open.clock, app.drained())).rejects.toBe(error)
        expect(state()).toEqual({ kind: 'failed', error })
        await run(open.clock, app.stop())
        expect(app.status()[0]!.state).toEqual({ kind: 'failed', error })
      }
    },
  )

  it('should stop for an error that it does not know, and never retry it', async () => {
    const error = new TypeError('undefined is not a function')
    const { app, open, state } = await startWithError(error)
    await expect(run(open.clock, app.drained())).rejects.toBe(error)
    expect(state()).toEqual({ kind: 'failed', error })
    await run(open.clock, app.stop())
  })

  it('should wait longer from error to error, and tell which attempt it is', async () => {
    const records = inputRecords(5)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const failedAtMs: number[] = []
    const { app } = await startProcess(open, world, keyedCount, {
      settings: { taskRetryInitialMs: 100, taskRetryMaxMs: 400, taskMaxAttempts: 20 },
      observer: {
        onCommitStep: (taskId, step) => {
          if (step !== 'flushed' || !taskId.endsWith('_0') || failedAtMs.length === 6) return
          failedAtMs.push(open.clock.now())
          throw new StreamsError('LOG_UNAVAILABLE', 'away')
        },
      },
    })
    await run(open.clock, app.drained())
    const pauses = failedAtMs.slice(1).map((timeMs, index) => Math.floor((timeMs - failedAtMs[index]!) / 100))
    expect(pauses).toEqual([1, 2, 4, 4, 4])
    await run(open.clock, app.stop())
  })

  it('should stop when what it needs stays away for longer than an outage may take', async () => {
    const records = inputRecords(5)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const { app } = await startProcess(open, world, keyedCount, {
      settings: { outageMaxMs: 60_000, taskRetryInitialMs: 100, taskRetryMaxMs: 1_000, taskMaxAttempts: 3 },
      observer: {
        onCommitStep: () => {
          throw new StreamsError('SINK_UNAVAILABLE', 'away')
        },
      },
    })
    const startMs = open.clock.now()
    await expect(run(open.clock, app.failed)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    expect(open.clock.now() - startMs).toBeGreaterThan(60_000)
    expect(open.clock.now() - startMs).toBeLessThan(63_000)
    await run(open.clock, app.stop())
  })

  it('should reckon each outage for itself, also where there was nothing to commit in between', async () => {
    const records = inputRecords(5)
    const world = await worldWithInput([])
    const open = await openLog(world)
    const outageMaxMs = 60_000
    const faults = new Faults()
    const away = new StreamsError('LOG_UNAVAILABLE', 'away')
    for (let nth = 1; nth <= partitions; nth++) faults.place({ call: 'open-producer', nth, error: away })
    const { app } = await startProcess(open, world, keyedCount, { settings: { outageMaxMs }, faults })
    await run(open.clock, app.drained())
    expect(app.status()[0]!.tasks.size).toBe(partitions)
    open.clock.advance(2 * outageMaxMs)
    faults.place({ call: 'commit', error: away })
    await run(open.clock, append(open.log, input.name, records))
    await run(open.clock, app.drained())
    expect(faults.struck).toHaveLength(partitions + 1)
    await run(open.clock, app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })

  it('should stop at once while it waits for another attempt', async () => {
    const error = new StreamsError('LOG_UNAVAILABLE', 'away')
    const { app, open, state } = await startWithError(error)
    expect(state()).toEqual({ kind: 'waiting', error, attempt: 1 })
    const beforeMs = open.clock.now()
    await app.stop()
    expect(open.clock.now() - beforeMs).toBeLessThan(50)
  })
  it('should open a fenced task again when the group still leaves it to this instance', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    let left = 3
    const { app } = await startProcess(open, world, keyedCount, {
      settings: { fencedTaskReopenMs: 5_000 },
      observer: {
        onCommitStep: (_task, step) => {
          if (step === 'sent' && --left === 0) throw new StreamsError('PRODUCER_FENCED', 'timed out')
        },
      },
    })
    await run(open.clock, append(open.log, input.name, records))
    for (let turns = 0; turns < 100; turns++) await settle(open.clock)
    await run(open.clock, app.drained())
    await run(open.clock, app.stop())
    await verify(
      { ...open, tasks: world.tasks, rows: [] },
      keyedCount,
      [...records, ...records],
      'exactly-once',
    )
  })

  it('should stop when a task is fenced again and again', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const { app } = await startProcess(open, world, keyedCount, {
      settings: { fencedTaskReopenMs: 100, taskMaxAttempts: 3 },
      observer: {
        onCommitStep: (_task, step) => {
          if (step === 'sent') throw new StreamsError('PRODUCER_FENCED', 'another one')
        },
      },
    })
    await expect(run(open.clock, app.failed)).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
    await run(open.clock, app.stop())
  })

  it('should let go of its database though its producer cannot be closed', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const away = new StreamsError('LOG_UNAVAILABLE', 'away')
    let closesLeft = 2
    const log: Log = Object.create(open.log)
    log.openTransactionalProducer = async (options) => {
      const producer = await open.log.openTransactionalProducer(options)
      const close = producer.close.bind(producer)
      producer.close = async () => {
        if (/_\d$/.test(options.transactionalId) && closesLeft-- > 0) throw away
        return close()
      }
      return producer
    }
    let left = 2
    const { app } = await startProcess({ ...open, log: log as EmbeddedLog }, world, keyedCount, {
      observer: {
        onCommitStep: (_task, step) => {
          if (step === 'sent' && left-- > 0) throw away
        },
      },
    })
    await run(open.clock, app.drained())
    await run(open.clock, app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })

  it('should stop, and keep its own state, when a changelog ends before what was committed into it', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const first = await startProcess(open, world, keyedCount)
    await run(open.clock, first.app.drained())
    await run(open.clock, first.app.stop())

    const log: Log = Object.create(open.log)
    log.offsetRanges = async (asked) =>
      (await open.log.offsetRanges(asked)).map((range, index) =>
        asked[index]!.topic.endsWith('-changelog') ? { ...range, start: 0, end: 0 } : range,
      )
    const destroyed: string[] = []
    const tasks = Object.assign(Object.create(world.tasks), {
      destroy: async (name: string) => {
        destroyed.push(name)
      },
    })
    const next = await startProcess(
      { ...open, log: log as EmbeddedLog },
      { tasks, sink: world.sink },
      keyedCount,
    )
    await expect(run(open.clock, next.app.failed)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining('put back a savepoint'),
    })
    expect(destroyed).toEqual([])
    await run(open.clock, next.app.stop())
  })

  it('should stop for a database that can be neither read nor deleted', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const denied = new StreamsError('STATE_DIRECTORY_UNUSABLE', 'denied')
    const tasks = Object.assign(Object.create(world.tasks), {
      destroy: async () => {
        throw denied
      },
    })
    const { app } = await startProcess(open, { tasks, sink: world.sink }, keyedCount, {
      observer: {
        onCommitStep: () => {
          throw new StreamsError('STATE_CORRUPT', 'damaged')
        },
      },
    })
    await expect(run(open.clock, app.failed)).rejects.toBe(denied)
    await run(open.clock, app.stop())
  })

  it('should load the schema of state that a newer release wrote, and go on', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    let left = 3
    const { app } = await startProcess(open, world, keyedCount, {
      observer: {
        onCommitStep: (_task, step) => {
          if (step === 'flushed' && left-- > 0) throw new SchemaNotLoaded(7)
        },
      },
    })
    await run(open.clock, app.drained())
    await run(open.clock, app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })
})
