import { describe, expect, it } from 'vitest'
import { describeSinkContract } from '../../tests/contracts/sink-contract.ts'
import { MemorySink } from './memory-sink.ts'

interface Row {
  readonly key: string
  readonly value: number
}

const task = { id: 'task', partitions: [{ topic: 'in', partition: 0 }] }

describeSinkContract('in memory', async () => {
  const sink = new MemorySink<Row>({
    rejects: ({ value }) => (value < 0 ? { code: 'NEGATIVE', message: 'below 0' } : undefined),
  })
  return {
    sink,
    elsewhere: sink,
    row: (key, value) => ({ key, value }),
    badRow: (key) => ({ key, value: -1 }),
    stored: async () => Object.fromEntries(sink.rows.map(({ key, value }) => [key, value])),
    kill: async () => {},
    dispose: async () => {},
  }
})

describe('MemorySink', () => {
  it('should not commit what was prepared before another session took the task over', async () => {
    const sink = new MemorySink<Row>()
    const zombie = await sink.open(task)
    await zombie.prepare([{ key: 'a', value: 1 }], [{ topic: 'in', partition: 0, offset: 1 }])
    await sink.open(task)
    await expect(zombie.commit()).rejects.toMatchObject({ code: 'SINK_FENCED' })
    expect(sink.rows).toEqual([])
  })

  it('should give a snapshot of what was committed, apart from what follows', async () => {
    const sink = new MemorySink<Row>()
    const session = await sink.open(task)
    await session.prepare([{ key: 'a', value: 1 }], [{ topic: 'in', partition: 0, offset: 1 }])
    await session.commit()
    await session.prepare([{ key: 'a', value: 2 }], [{ topic: 'in', partition: 0, offset: 2 }])
    const copy = sink.snapshot()
    await session.commit()
    expect(copy.rows).toEqual([{ key: 'a', value: 1 }])
    expect((await copy.open(task)).positions).toEqual([1])
  })
})
