/** Instances that share a group over one log: tasks move, and nothing is lost or doubled. */
import { describe, expect, it } from 'vitest'
import {
  type Case,
  cases,
  countIntoSink,
  input,
  inputRecords,
  keyedCount,
} from '../../tests/simulation/cases.ts'
import { finish } from '../../tests/simulation/runs.ts'
import {
  append,
  newWorld,
  openLog,
  type Process,
  run,
  settle,
  startProcess,
  worldWithInput,
} from '../../tests/simulation/world.ts'
import { processBytes } from './memory-budget.ts'
import type { RuntimeSettings } from './settings.ts'

async function openGroup(testCase: Case) {
  const records = inputRecords(50)
  const world = await worldWithInput(records.slice(0, 50))
  const open = await openLog(world)
  let given = 50
  const settings = { processingGuarantee: 'exactly-once' as const, defaultPartitions: 4 }
  return {
    world,
    open,
    records,
    /** An instance with a directory of its own. */
    join: (instanceId: string, own: Partial<RuntimeSettings> = {}): Promise<Process> =>
      startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, testCase, {
        settings: { ...settings, ...own },
        instanceId,
      }),
    giveMore: async (): Promise<void> => {
      await append(open.log, input.name, records.slice(given, given + 50))
      given += 50
    },
  }
}

/** The tasks that an instance runs. */
function running({ app }: Process): string[] {
  return [...app.status()[0]!.tasks].filter(([, { kind }]) => kind === 'running').map(([id]) => id)
}

describe('instances of one group', () => {
  it.each(cases)('should hand tasks over as they join and leave: $name', async (testCase) => {
    const { world, open, records, join, giveMore } = await openGroup(testCase)
    const first = await join('first')
    await giveMore()
    const second = await join('second')
    await giveMore()
    const third = await join('third')
    await run(open.clock, first.app.stop())
    await giveMore()
    const fourth = await join('fourth')
    await run(open.clock, Promise.all([second.app.stop(), third.app.drained()]))
    await run(open.clock, fourth.app.drained())
    await run(open.clock, Promise.all([third.app.stop(), fourth.app.stop()]))
    await open.log.close()
    await finish(world.snapshot(), testCase, 'exactly-once', records)
  })

  it('should run each task in one instance, spread evenly', async () => {
    const { open, join } = await openGroup(countIntoSink)
    const instances: Process[] = []
    for (const [name, most] of [
      ['a', 6],
      ['b', 3],
      ['c', 2],
    ] as const) {
      instances.push(await join(name))
      await settle(open.clock)
      const tasks = instances.map(running)
      expect(tasks.flat().sort(), `after ${name} joined`).toEqual([
        'events_0',
        'events_1',
        'results_0',
        'results_1',
        'results_2',
        'results_3',
      ])
      for (const own of tasks) expect(own.length).toBeLessThanOrEqual(most)
    }
    await run(open.clock, instances[1]!.app.stop())
    await settle(open.clock)
    expect([...running(instances[0]!), ...running(instances[2]!)]).toHaveLength(6)
    await run(open.clock, Promise.all([instances[0]!.app.stop(), instances[2]!.app.stop()]))
  })

  it('should open tasks anew with less memory when more come, and lose nothing', async () => {
    const testCase = cases.find(({ name }) => name === keyedCount.name)!
    const { world, open, records, join, giveMore } = await openGroup(testCase)
    const budget = {
      memoryBudgetBytes: processBytes + 96 * 1024 * 1024,
      cacheMaxBytesPerTask: 32 * 1024 * 1024,
    }
    const first = await join('first', budget)
    const alone = first.app.memoryParts()!
    await giveMore()
    await join('second', budget).then(async (second) => {
      await giveMore()
      await settle(open.clock)
      expect(running(first).length).toBeGreaterThan(0)
      const shared = first.app.memoryParts()!
      expect(shared.live_rows).toBeGreaterThan(0)
      expect(shared.live_rows / running(first).length).toBeGreaterThan(alone.live_rows / 2)
      await run(open.clock, second.app.stop())
    })
    await settle(open.clock)
    expect(first.app.memoryParts()).toEqual(alone)
    await giveMore()
    await run(open.clock, first.app.drained())
    await run(open.clock, first.app.stop())
    await open.log.close()
    await finish(world.snapshot(), testCase, 'exactly-once', records)
  })

  it('should refuse tasks that do not fit the memory, and leave the group to others', async () => {
    const { open, join } = await openGroup(keyedCount)
    const small = await join('small', { memoryBudgetBytes: processBytes + 1 })
    await expect(run(open.clock, small.app.failed)).rejects.toMatchObject({ code: 'MEMORY_BUDGET_EXCEEDED' })
    const large = await join('large')
    await run(open.clock, large.app.drained())
    await run(open.clock, Promise.all([small.app.stop(), large.app.stop()]))
  })

  it('should let an instance without a task be drained', async () => {
    const { open, join } = await openGroup(cases[0]!)
    const instances = [await join('a'), await join('b'), await join('c')]
    await settle(open.clock)
    expect(instances.map((instance) => running(instance).length).sort()).toEqual([0, 1, 1])
    await run(open.clock, Promise.all(instances.map(({ app }) => app.drained())))
    await run(open.clock, Promise.all(instances.map(({ app }) => app.stop())))
  })
})
