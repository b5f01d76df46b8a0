/** The life of an application: starts that fail or are broken off, ends that come at odd moments. */
import { describe, expect, it } from 'vitest'
import { inputRecords, keyedCount } from '../../tests/simulation/cases.ts'
import { verify } from '../../tests/simulation/verify.ts'
import {
  newProcess,
  newWorld,
  openLog,
  run,
  settle,
  startProcess,
  worldWithInput,
} from '../../tests/simulation/world.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { StreamsError } from '../errors.ts'
import { silentLogger } from '../ports/observability.ts'
import { MemoryMetrics, MemoryRegistry, MemoryStoreProvider } from '../testing/index.ts'
import { StreamsApp } from './streams-app.ts'

async function opened() {
  const records = inputRecords(20)
  const world = await worldWithInput(records)
  return { records, world, open: await openLog(world) }
}

describe('StreamsApp', () => {
  it('should run nothing when it is stopped while it starts', async () => {
    const { records, world, open } = await opened()
    const { app } = await newProcess(open, world, keyedCount)
    const started = app.start()
    await run(open.clock, app.stop())
    await run(open.clock, started)
    await settle(open.clock)
    expect(app.status()[0]!.state).toEqual({ kind: 'stopped' })
    expect([...app.status()[0]!.tasks.values()].filter(({ kind }) => kind !== 'stopped')).toEqual([])

    const next = await startProcess(open, world, keyedCount)
    await run(open.clock, next.app.drained())
    await run(open.clock, next.app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })

  it('should let go of the topologies that run already when one cannot be started', async () => {
    const { open } = await opened()
    const small = { key: jsonTopic('a').key, value: jsonTopic('a').value }
    await open.log.createTopics([{ name: 'b', partitions: 1, cleanup: 'compact', timestampType: 'create' }])
    const topologyOf = (name: string, reads: string) =>
      defineTopology(name, (builder) => {
        builder.stream({ ...jsonTopic('a'), ...small, name: reads }).peek(() => {})
      })
    const app = new StreamsApp({
      topologies: [topologyOf('good', 'a'), topologyOf('bad', 'b')],
      ...open,
      stores: new MemoryStoreProvider(),
      registry: new MemoryRegistry(),
      logger: silentLogger,
      metrics: new MemoryMetrics(),
    })
    await expect(run(open.clock, app.start())).rejects.toMatchObject({ code: 'TOPIC_MISMATCH' })
    expect(app.status().map(({ state }) => state.kind)).toEqual(['stopped', 'failed'])
  })

  it('should leave its tasks to others when a topology fails', async () => {
    const { records, world, open } = await opened()
    const error = new StreamsError('STORAGE_FULL', 'full')
    const failing = await startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, keyedCount, {
      observer: {
        onCommitStep: () => {
          throw error
        },
      },
    })
    await expect(run(open.clock, failing.app.failed)).rejects.toBe(error)
    const other = await startProcess(open, world, keyedCount)
    await run(open.clock, other.app.drained())
    expect([...other.app.status()[0]!.tasks.values()].every(({ kind }) => kind === 'running')).toBe(true)
    expect(failing.app.status()[0]!.state).toEqual({ kind: 'failed', error })
    await run(open.clock, other.app.stop())
    await run(open.clock, failing.app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })

  it('should tell an error that comes while it stops', async () => {
    const { world, open } = await opened()
    const error = new StreamsError('STORAGE_FULL', 'full')
    let stopping = false
    const { app } = await startProcess(open, world, keyedCount, {
      settings: { commitIntervalMs: 1_000_000, transactionMaxKeys: 1_000 },
      observer: {
        onCommitStep: () => {
          if (stopping) throw error
        },
      },
    })
    await settle(open.clock)
    stopping = true
    await run(open.clock, app.stop())
    await expect(app.failed).rejects.toBe(error)
    expect(app.status()[0]!.state).toEqual({ kind: 'failed', error })
  })

  it('should not wait to be drained once it is stopped', async () => {
    const { world, open } = await opened()
    const { app } = await startProcess(open, world, keyedCount, {
      observer: {
        onCommitStep: () => {
          throw new StreamsError('LOG_UNAVAILABLE', 'away')
        },
      },
      settings: { taskRetryInitialMs: 10_000_000, taskRetryMaxMs: 10_000_000 },
    })
    const drained = app.drained()
    drained.catch(() => {})
    await run(open.clock, app.stop())
    await expect(run(open.clock, drained)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('should go on from its checkpoints when the log has forgotten what the group committed', async () => {
    const { records, world, open } = await opened()
    const first = await startProcess(open, world, keyedCount)
    await run(open.clock, first.app.drained())
    await run(open.clock, first.app.stop())
    const log = Object.assign(Object.create(open.log), {
      committedOffsets: async (_group: string, partitions: readonly unknown[]) => partitions.map(() => null),
    })
    const { app } = await startProcess({ ...open, log }, world, keyedCount)
    await run(open.clock, app.drained())
    await run(open.clock, app.stop())
    await verify({ ...open, tasks: world.tasks, rows: [] }, keyedCount, records, 'exactly-once')
  })
})
