/** Stage commands over running instances: what is held stands still, and what is let through is exactly what was commanded. */
import { describe, expect, it } from 'vitest'
import type { Stage, TaskFlowView } from '../../streams/index.ts'
import { stagesOf } from '../../streams/index.ts'
import { cases, input, inputRecords } from './cases.ts'
import {
  append,
  newWorld,
  openLog,
  type Process,
  readTopic,
  run,
  settle,
  startProcess,
  worldWithInput,
} from './world.ts'

const stateless = cases.find(({ name }) => name === 'stateless')!
const whole: Stage = { topology: 'stateless', subTopology: null, operator: null }
const alice = { reason: 'a look at the database', by: 'alice' }

function stages({ app }: Process) {
  return stagesOf(app.running('stateless'))
}

function flows({ app }: Process): TaskFlowView[] {
  return [...app.running('stateless').drivers.values()].map(({ flow }) => flow)
}

async function results(process: Process): Promise<number> {
  const batches = await run(process.clock, readTopic(process.log, process.clock, 'results'))
  return batches.reduce((sum, { length }) => sum + length, 0)
}

describe('stage commands', () => {
  it('should hold a topology that is paused before its instance starts, and let it go on', async () => {
    const records = inputRecords(10).filter(({ value }) => value.length === 8)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const process = await startProcess(open, world, stateless)
    await run(open.clock, process.app.drained())
    const all = await results(process)
    const command = await run(open.clock, stages(process).pause({ stage: whole, ...alice }))
    expect(command).toMatchObject({ kind: 'PAUSE', commanded_by: 'alice', sub_topology: null })
    await settle(open.clock)
    expect(flows(process).map(({ state }) => state)).toEqual(['paused', 'paused'])
    await append(open.log, input.name, records)
    await settle(open.clock)
    expect(await results(process)).toBe(all)
    await run(open.clock, process.app.stop())

    const again = await startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, stateless)
    await settle(open.clock)
    expect(flows(again).map(({ state }) => state)).toEqual(['paused', 'paused'])
    expect(await results(again)).toBe(all)
    await run(open.clock, stages(again).step({ stage: whole, by: 'alice', records: 3 }))
    await settle(open.clock)
    console.log(flows(again), await results(again), all)
    await run(open.clock, stages(again).resume({ stage: whole, ...alice }))
    await run(open.clock, again.app.drained())
    expect(await results(again)).toBe(2 * all)
    await run(open.clock, again.app.stop())
    await open.log.close()
  })
})
