import { describe, expect, it } from 'vitest'
import { inputRecords, keyedCount } from '../../tests/simulation/cases.ts'
import { openLog, run, settle, startProcess, worldWithInput } from '../../tests/simulation/world.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'

/** A process that has read all of its input, and would commit much later. */
async function startedWithoutCommits() {
  const world = await worldWithInput(inputRecords(10))
  const open = await openLog(world)
  const committed: Checkpoint[] = []
  const { app } = await startProcess(open, world, keyedCount, {
    settings: { commitIntervalMs: 1_000_000_000, transactionMaxKeys: 1_000 },
    observer: { onCommitted: (checkpoint) => committed.push(checkpoint) },
  })
  await settle(open.clock)
  const drivers = [...app.running(keyedCount.topology(world.sink).name).drivers.values()]
  return { app, open, drivers, committed }
}

describe('a commit that somebody wishes for', () => {
  it('should take place at once, and once', async () => {
    const { app, open, drivers, committed } = await startedWithoutCommits()
    expect(committed).toEqual([])
    const both = drivers.flatMap((driver) => [driver.commitNow(), driver.commitNow()])
    await run(open.clock, Promise.all(both))
    const tasks = committed.map(({ task }) => task)
    expect(tasks.length).toBeGreaterThan(0)
    expect(new Set(tasks).size).toBe(tasks.length)
    const before = committed.length
    await run(open.clock, Promise.all(drivers.map((driver) => driver.commitNow())))
    expect(committed.length, 'with nothing to commit').toBe(before)
    await run(open.clock, app.stop())
  })

  it('should be refused by a task that does not run', async () => {
    const { app, open, drivers } = await startedWithoutCommits()
    await run(open.clock, app.stop())
    await expect(drivers[0]!.commitNow()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
