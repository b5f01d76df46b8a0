/** Tasks that wait for an answer that never comes, and what the application makes of them. */
import { describe, expect, it } from 'vitest'
import { cases, inputRecords, keyedCount } from '../../tests/simulation/cases.ts'
import { verify } from '../../tests/simulation/verify.ts'
import {
  newProcess,
  newWorld,
  type OpenLog,
  openLog,
  run,
  settle,
  startProcess,
  worldWithInput,
} from '../../tests/simulation/world.ts'
import { StreamsError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { SinkSession } from '../ports/sink.ts'

const deadline = { taskDeadlineMs: 60_000 }
const rowsCase = cases.find(({ sinkReads }) => sinkReads === 'input')!

async function opened() {
  const records = inputRecords(10)
  const world = await worldWithInput(records)
  return { records, world, open: await openLog(world) }
}

const isTask = ({ transactionalId }: { transactionalId: string }) => /_\d$/.test(transactionalId)
const never = new Promise<never>(() => {})

/** A log whose producers never come back from a call, once `hangs` says so. */
function hangingLog(open: OpenLog, call: 'send' | 'commit', hangs: () => boolean): OpenLog {
  const log: OpenLog['log'] = Object.create(open.log)
  const openProducer: Log['openTransactionalProducer'] = async (options) => {
    const producer = await open.log.openTransactionalProducer(options)
    const perform = producer[call].bind(producer) as () => Promise<never>
    producer[call] = (...given: []) => (isTask(options) && hangs() ? never : perform(...given))
    return producer
  }
  log.openTransactionalProducer = openProducer
  return { ...open, log }
}

describe('a task that hangs', () => {
  it.each([
    ['send', /^committing \(after (encoded|sent)\)$/],
    ['commit', /^committing \(after offsets-sent\)$/],
  ] as const)('should stop its topology and leave its work to others: log, %s', async (call, doing) => {
    const { records, world, open } = await opened()
    let commits = 0
    const hanging = hangingLog(open, call, () => ++commits > 3)
    const stuck = await startProcess(hanging, { tasks: newWorld().tasks, sink: world.sink }, keyedCount, {
      settings: deadline,
    })
    await expect(run(open.clock, stuck.app.failed)).rejects.toMatchObject({
      code: 'TASK_STUCK',
      details: {
        task: expect.stringMatching(/_\d$/),
        doing: expect.stringMatching(doing),
        deadlineMs: 60_000,
      },
    })
    expect(stuck.app.status()[0]!.state.kind).toBe('failed')

    const other = await startProcess(open, world, keyedCount)
    await run(open.clock, other.app.drained())
    await run(open.clock, stuck.app.stop())
    await run(open.clock, other.app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })

  it.each([
    ['prepare', 'committing (after flushed)'],
    ['commit', 'committing (after committed)'],
  ] as const)('should be found waiting for its sink: %s', async (call, doing) => {
    const { world, open } = await opened()
    const sink: typeof world.sink = Object.create(world.sink)
    sink.open = async (task) => {
      const session = await world.sink.open(task)
      const hanging: SinkSession<never> = Object.create(session)
      hanging[call] = () => never
      return hanging as typeof session
    }
    const { app } = await startProcess(open, { tasks: world.tasks, sink }, rowsCase, { settings: deadline })
    await expect(run(open.clock, app.failed)).rejects.toMatchObject({
      code: 'TASK_STUCK',
      details: expect.objectContaining({ doing }),
    })
    await run(open.clock, app.stop())
  })

  it('should be found while it is opened', async () => {
    const { world, open } = await opened()
    const log: OpenLog['log'] = Object.create(open.log)
    log.openTransactionalProducer = (options) =>
      isTask(options) ? never : open.log.openTransactionalProducer(options)
    const { app } = await startProcess({ ...open, log }, world, keyedCount, { settings: deadline })
    await expect(run(open.clock, app.failed)).rejects.toMatchObject({
      code: 'TASK_STUCK',
      details: expect.objectContaining({ doing: 'opening (fencing its predecessor)' }),
    })
    await run(open.clock, app.stop())
  })

  it('should not be taken for one that has nothing to do', async () => {
    const { world, open } = await opened()
    const { app } = await startProcess(open, world, keyedCount, { settings: { taskDeadlineMs: 2000 } })
    await run(open.clock, app.drained())
    const endMs = open.clock.now() + 20_000
    while (open.clock.now() < endMs) await settle(open.clock)
    expect([...app.status()[0]!.tasks.values()]).toEqual([{ kind: 'running' }, { kind: 'running' }])
    await run(open.clock, app.stop())
  })
})

describe('a task that is away', () => {
  async function afterErrors(count: number) {
    const { world, open } = await opened()
    let left = count
    const { app } = await newProcess(open, world, keyedCount, {
      settings: { taskRetryInitialMs: 10_000, taskRetryMaxMs: 10_000 },
      observer: {
        onCommitStep: (taskId, step) => {
          if (step === 'sent' && taskId.endsWith('_0') && left-- > 0) {
            throw new StreamsError('LOG_UNAVAILABLE', 'away')
          }
        },
      },
    })
    const isWaiting = () => {
      const [id, state] = [...app.status()[0]!.tasks].find(([task]) => task.endsWith('_0')) ?? []
      return state?.kind === 'waiting' && state.attempt === count ? id : undefined
    }
    await run(open.clock, app.start())
    while (isWaiting() === undefined) {
      await settle(open.clock)
      if (isWaiting() === undefined) open.clock.advance(1000)
    }
    return { app, open, id: isWaiting()!, away: () => [...app.status()[0]!.awayTasks] }
  }

  it('should not be told while it is opened again after a single error', async () => {
    const { app, open, away } = await afterErrors(1)
    expect(away()).toEqual([])
    await run(open.clock, app.stop())
  })

  it('should be told from the second error in a row on, until it runs', async () => {
    const { app, open, id, away } = await afterErrors(2)
    expect(away()).toEqual([id])
    await run(open.clock, app.drained())
    expect(away()).toEqual([])
    await run(open.clock, app.stop())
  })

  it('should be told until it runs for the first time', async () => {
    const { world, open } = await opened()
    let letOpen = () => {}
    const gate = new Promise<void>((resolve) => {
      letOpen = resolve
    })
    const log: OpenLog['log'] = Object.create(open.log)
    log.openTransactionalProducer = async (options) => {
      if (isTask(options)) await gate
      return open.log.openTransactionalProducer(options)
    }
    const { app } = await startProcess({ ...open, log }, world, keyedCount)
    await settle(open.clock)
    const [status] = app.status()
    expect(status).toMatchObject({ isAssigned: true, isConfirmed: true })
    expect([...status!.awayTasks]).toEqual([...status!.tasks.keys()])
    letOpen()
    await run(open.clock, app.drained())
    expect([...app.status()[0]!.awayTasks]).toEqual([])
    await run(open.clock, app.stop())
  })
})
