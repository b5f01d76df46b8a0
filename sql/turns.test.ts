import { afterEach, describe, expect, it, vi } from 'vitest'
import { Turns } from './turns.ts'

describe('turns', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('should let only so many hold one, the others in the order they came', async () => {
    const turns = new Turns('the pen', 2, 10_000)
    const held: string[] = []
    const releases = [await turns.take('a'), await turns.take('b')]
    const waiting = ['c', 'd'].map((owner) =>
      turns.take(owner).then((release) => {
        held.push(owner)
        return release
      }),
    )
    expect(held).toEqual([])
    releases[1]!()
    const release = await waiting[0]!
    expect(held).toEqual(['c'])
    release()
    await waiting[1]
    expect(held).toEqual(['c', 'd'])
  })

  it('should give back a turn once, however often it is released', async () => {
    const turns = new Turns('the pen', 1, 20)
    const release = await turns.take('a')
    release()
    release()
    await turns.take('b')
    await expect(turns.take('c')).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
  })

  it('should give up after the limit, naming who has it, and pass over who gave up', async () => {
    const turns = new Turns('the pen', 1, 20)
    const release = await turns.take('task 1')
    await expect(turns.take('task 2')).rejects.toMatchObject({
      code: 'SINK_UNAVAILABLE',
      message: 'task 2 waited 20 ms for the pen, which task 1 has: it must commit or roll back sooner',
    })
    release()
    const next = await turns.take('task 3')
    next()
  })
  it('should let wait whoever stands in a line that moves, however long it is', async () => {
    vi.useFakeTimers()
    const turns = new Turns('the pen', 1, 100)
    let release = await turns.take('a')
    const line = ['b', 'c', 'd', 'e'].map((owner) => turns.take(owner))
    for (const waiting of line) {
      await vi.advanceTimersByTimeAsync(60)
      release()
      release = await waiting
    }
    const late = expect(turns.take('f')).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE' })
    await vi.advanceTimersByTimeAsync(100)
    await late
  })
})
