import { describe, expect, it } from 'vitest'
import type { StreamsError } from '../errors.ts'
import { ManualClock } from '../testing/index.ts'
import { TaskActivity, TaskWatch, type WatchedTask } from './task-watch.ts'

/** Moves the time on as it passes: with turns for what waits in between. */
async function pass(clock: ManualClock, forMs: number): Promise<void> {
  const endMs = clock.now() + forMs
  for (let nextMs = clock.nextTimerMs; nextMs !== undefined && nextMs <= endMs; nextMs = clock.nextTimerMs) {
    clock.advanceTo(nextMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
  clock.advanceTo(endMs)
}

function watchOne() {
  const clock = new ManualClock()
  const task: WatchedTask = { taskId: 'count_0', activity: new TaskActivity() }
  const stuck: [WatchedTask, StreamsError][] = []
  const watch = new TaskWatch(
    clock,
    1000,
    () => [task],
    (found, error) => stuck.push([found, error]),
  )
  return { clock, task, stuck, watch }
}

describe('TaskWatch', () => {
  it('should tell once of a task that takes no turn, and what it was doing', async () => {
    const { clock, task, stuck } = watchOne()
    task.activity.turn('committing (after sent)')
    await pass(clock, 1000)
    expect(stuck).toEqual([])
    await pass(clock, 5000)
    expect(stuck).toHaveLength(1)
    expect(stuck[0]![0]).toBe(task)
    expect(stuck[0]![1]).toMatchObject({
      code: 'TASK_STUCK',
      details: { task: 'count_0', doing: 'committing (after sent)', deadlineMs: 1000 },
    })
  })

  it('should leave a task alone that gets any further', async () => {
    const { clock, task, stuck } = watchOne()
    for (let turn = 0; turn < 10; turn++) {
      task.activity.turn('restoring')
      await pass(clock, 900)
    }
    expect(stuck).toEqual([])
  })

  it('should leave a task alone that waits on purpose', async () => {
    const { clock, task, stuck } = watchOne()
    task.activity.rest()
    await pass(clock, 100_000)
    expect(stuck).toEqual([])
  })

  it('should not count the time that the whole process stood still', async () => {
    const { clock, stuck } = watchOne()
    for (let stop = 0; stop < 9; stop++) {
      clock.advance(100_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(stuck).toEqual([])
  })

  it('should look no more once it is closed', async () => {
    const { clock, stuck, watch } = watchOne()
    watch.close()
    await pass(clock, 5000)
    expect(stuck).toEqual([])
    expect(clock.nextTimerMs).toBeUndefined()
  })
})
