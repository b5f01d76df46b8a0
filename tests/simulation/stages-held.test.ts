/** What is held for long, limited, or commanded by several at once. */
import { describe, expect, it } from 'vitest'
import { type Stage, stagesOf, type TopologyStages } from '../../streams/index.ts'
import { MemorySink } from '../../streams/testing/index.ts'
import { cases, input, inputRecords } from './cases.ts'
import {
  append,
  newWorld,
  type OpenLog,
  openLog,
  type Process,
  type ProcessOptions,
  run,
  settle,
  startProcess,
  worldWithInput,
} from './world.ts'

const combined = cases.find(({ name }) => name === 'combined count')!
const { name: topology, subTopologies } = combined.topology(new MemorySink())
const [reading, counting] = subTopologies.map(
  ({ name }): Stage => ({ topology, subTopology: name, operator: null }),
)
const whole: Stage = { topology, subTopology: null, operator: null }
const alice = { reason: 'the database is being moved', by: 'alice' }

const stages = ({ app }: Process): TopologyStages => stagesOf(app.running(topology))
const drivers = ({ app }: Process) => [...app.running(topology).drivers.values()]

async function started(options: ProcessOptions = {}, records = inputRecords(10)) {
  const world = await worldWithInput([])
  const open = await openLog(world)
  const process = await startProcess(open, world, combined, options)
  const feed = () => append(open.log, input.name, records)
  return { world, open, process, feed }
}

async function processed({ log }: OpenLog): Promise<number> {
  const of = [0, 1].map((partition) => ({ topic: input.name, partition }))
  const offsets = await log.committedOffsets(topology, of)
  return offsets.reduce<number>((sum, offset) => sum + (offset ?? 0), 0)
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  )
}

describe('waiting for a held stage', () => {
  it('should end once all is processed that nobody holds, and say who holds the rest', async () => {
    const { open, process, feed, world } = await started()
    await run(open.clock, stages(process).pause({ stage: counting!, ...alice }))
    await feed()
    const error = await rejection(run(open.clock, process.app.drained()))
    expect(error).toMatchObject({
      code: 'STAGE_HELD',
      details: { stages: `${topology}/${counting!.subTopology}` },
    })
    expect(String(error)).toMatch(/was paused by alice at 1970-.*\(the database is being moved\)/)
    expect(await processed(open)).toBe(inputRecords(10).length)
    await run(open.clock, process.app.stop())

    const again = await startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, combined)
    expect(await rejection(run(open.clock, again.app.drained()))).toMatchObject({ code: 'STAGE_HELD' })
    expect(await rejection(run(open.clock, again.app.drained({ endOfInput: true })))).toMatchObject({
      code: 'STAGE_HELD',
    })
    await run(open.clock, stages(again).resume({ stage: counting!, ...alice }))
    await run(open.clock, again.app.drained())
    await run(open.clock, again.app.stop())
    await open.log.close()
  })

  it('should end by itself when a stage is held that has nothing left', async () => {
    const { open, process, feed } = await started()
    await feed()
    await run(open.clock, process.app.drained())
    await run(open.clock, stages(process).pause({ stage: whole, ...alice }))
    await run(open.clock, process.app.drained())
    await run(open.clock, process.app.stop())
    await open.log.close()
  })

  it('should not take a held task for one that hangs, nor for one that is away or silent', async () => {
    const { open, process, feed } = await started({
      settings: { taskDeadlineMs: 1_000, commitIntervalMs: 50 },
    })
    await run(open.clock, stages(process).pause({ stage: whole, ...alice }))
    await feed()
    const endMs = open.clock.now() + 30_000
    while (open.clock.now() < endMs) await settle(open.clock, 20)
    const status = process.app.running(topology).status()
    expect([status.state.kind, status.awayTasks.size, status.silentTasks.size]).toEqual(['running', 0, 0])
    expect(drivers(process).map(({ flow }) => flow.state)).toEqual(Array(4).fill('paused'))
    await run(open.clock, stages(process).resume({ stage: whole, ...alice }))
    await run(open.clock, process.app.drained())
    await run(open.clock, process.app.stop())
    await open.log.close()
  })
})

describe('a stage', () => {
  it('should take no more records a second than it may, and all the same in the end', async () => {
    const { open, process, feed } = await started()
    await run(open.clock, stages(process).limit({ stage: reading!, recordsPerSecond: 10, ...alice }))
    await feed()
    const fromMs = open.clock.now()
    let last = 0
    while (last < inputRecords(10).length) {
      await settle(open.clock, 3)
      last = await processed(open)
      const seconds = (open.clock.now() - fromMs) / 1000
      expect(last).toBeLessThanOrEqual(10 * seconds + 2)
      expect(seconds).toBeLessThan(60)
    }
    await run(open.clock, process.app.stop())
    await open.log.close()
  })

  it('should be held until a time, and then go on by itself', async () => {
    const { open, process, feed } = await started()
    const untilMs = open.clock.now() + 10_000
    await run(open.clock, stages(process).pause({ stage: whole, ...alice, untilMs }))
    await feed()
    while (open.clock.now() < untilMs - 100) {
      await settle(open.clock, 1)
      if (open.clock.now() < untilMs) expect(await processed(open)).toBe(0)
    }
    await settle(open.clock, 100)
    await run(open.clock, process.app.drained())
    await run(open.clock, process.app.stop())
    await open.log.close()
  })

  it('should have a pause in the place of a drain, and nothing left of steps that an earlier pause had', async () => {
    const { open, process, feed } = await started()
    await run(open.clock, stages(process).pause({ stage: whole, ...alice }))
    await run(open.clock, stages(process).step({ stage: whole, by: 'bob', records: 100 }))
    await run(open.clock, stages(process).pause({ stage: whole, ...alice }))
    await feed()
    await settle(open.clock)
    expect(await processed(open)).toBe(0)
    await run(open.clock, stages(process).drain({ stage: whole, ...alice }))
    for (let turn = 0; turn < 100 && drivers(process)[0]!.flow.state !== 'drained'; turn++)
      await settle(open.clock, 10)
    expect(drivers(process).map(({ flow }) => flow.state)).toEqual(Array(4).fill('drained'))
    expect(await processed(open)).toBe(inputRecords(10).length)
    await feed()
    await settle(open.clock, 100)
    expect(await processed(open)).toBe(inputRecords(10).length)
    expect(await rejection(run(open.clock, process.app.drained()))).toMatchObject({ code: 'STAGE_HELD' })
    await run(open.clock, process.app.stop())
    await open.log.close()
  })

  it('should have all the steps that several instances command at the same time', async () => {
    const { open, process, feed, world } = await started({}, inputRecords(30))
    const other = await startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, combined, {
      instanceId: 'other',
    })
    await run(open.clock, stages(process).pause({ stage: reading!, ...alice }))
    await feed()
    const steps = [process, other, process, other].map((one, index) =>
      stages(one).step({ stage: reading!, by: `caller ${index}`, records: index + 1 }),
    )
    const written = await run(open.clock, Promise.all(steps))
    expect(Math.max(...written.map(({ step_total }) => step_total))).toBe(10)
    for (let turn = 0; turn < 100 && (await processed(open)) < 20; turn++) await settle(open.clock, 10)
    await settle(open.clock, 50)
    expect(await processed(open)).toBe(20)
    await run(open.clock, Promise.all([process.app.stop(), other.app.stop()]))
    await open.log.close()
  })
})
