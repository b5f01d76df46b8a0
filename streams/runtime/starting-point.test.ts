/** Where tasks begin: by what the sink, the group and the checkpoint say of it. */
import { describe, expect, it } from 'vitest'
import { externalSink, inputRecords, keyedCount } from '../../tests/simulation/cases.ts'
import { newWorld, openLog, run, settle, startProcess, worldWithInput } from '../../tests/simulation/world.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { type Logger, silentLogger } from '../ports/observability.ts'

describe('the starting point of a task', () => {
  it('should be told to a group that has forgotten it, though no record comes, so that others reckon no lag', async () => {
    const world = await worldWithInput(inputRecords(20))
    const open = await openLog(world)
    const first = await startProcess(open, world, keyedCount)
    await run(open.clock, first.app.drained())
    await run(open.clock, first.app.stop())

    const told = new Map<string, number>()
    const log: typeof open.log = Object.assign(Object.create(open.log), {
      committedOffsets: async (_group: string, partitions: readonly TopicPartition[]) =>
        partitions.map(({ topic, partition }) => told.get(`${topic}-${partition}`) ?? null),
      openTransactionalProducer: async (options: { transactionalId: string; timeoutMs: number }) => {
        const producer = await open.log.openTransactionalProducer(options)
        return Object.assign(Object.create(producer), {
          sendOffsets: async (group: string, offsets: readonly PartitionOffset[]) => {
            await producer.sendOffsets(group, offsets)
            for (const { topic, partition, offset } of offsets) told.set(`${topic}-${partition}`, offset)
          },
        })
      },
    })
    const { app } = await startProcess({ ...open, log }, world, keyedCount)
    await run(open.clock, app.drained())
    await settle(open.clock)
    await run(open.clock, app.stop())
    const inputs = keyedCount
      .topology(world.sink)
      .subTopologies.flatMap(({ sources }) => sources.map(({ topic }) => topic.name))
    const settings = await open.log.describeTopics(inputs)
    const partitions = settings.flatMap(({ name, partitions: count }) =>
      Array.from({ length: count }, (_, partition) => ({ topic: name, partition })),
    )
    const ranges = (await open.log.offsetRanges(partitions)).filter(({ end }) => end > 0)
    expect(ranges.length).toBeGreaterThan(0)
    for (const { topic, partition, end } of ranges) expect(told.get(`${topic}-${partition}`), topic).toBe(end)
  })

  it('should be warned of when a sink is empty that has been written to, and not when it is the first one', async () => {
    const world = await worldWithInput(inputRecords(20))
    const open = await openLog(world)
    const warnings: object[] = []
    const logger: Logger = {
      ...silentLogger,
      warn: (fields) => void warnings.push(fields),
      child: () => logger,
    }
    const processed = async (own: Parameters<typeof startProcess>[1]): Promise<void> => {
      const { app } = await startProcess(open, own, externalSink, { logger })
      await run(open.clock, app.drained())
      await run(open.clock, app.stop())
    }
    await processed(world)
    await processed(world)
    expect(warnings).toEqual([])
    const { sink } = newWorld()
    await processed({ tasks: world.tasks, sink })
    expect(sink.rows).toEqual(world.sink.rows)
    expect(warnings.length).toBeGreaterThan(0)
    expect(warnings[0]).toMatchObject({ topic: 'events', from: 0, before: expect.any(Number) })
  })
})
