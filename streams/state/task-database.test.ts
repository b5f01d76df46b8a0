import { describe, expect, it } from 'vitest'
import { MemoryStoreProvider } from '../testing/index.ts'
import { endOfPrefix, nothingCommitted, section, TaskDatabase } from './task-database.ts'

const position = { commitNumber: 7, changelogOffsets: { counts: 12 }, completeAsOfMs: 99 }

function open(provider: MemoryStoreProvider, ...names: string[]): Promise<TaskDatabase> {
  return TaskDatabase.open(
    provider,
    'app/task',
    names.map((name) => ({ name })),
  )
}

describe('TaskDatabase', () => {
  it('should begin with nothing committed', async () => {
    const database = await open(new MemoryStoreProvider(), 'counts')
    expect(database.position).toMatchObject(nothingCommitted)
  })

  it('should keep rows and position together', async () => {
    const provider = new MemoryStoreProvider()
    const database = await open(provider, 'counts')
    const batch = database.batch()
    batch.put(Buffer.from('row'), Buffer.from('value'))
    database.apply(batch, position)
    expect(database.position).toEqual(position)
    await database.close()
    const again = await open(provider, 'counts')
    expect(again.position).toMatchObject(position)
    expect(again.store.get(Buffer.from('row'))?.toString()).toBe('value')
  })

  it('should keep neither when the write fails', async () => {
    let full = false
    const provider = new MemoryStoreProvider({
      beforeWrite: () => {
        if (full) throw new Error('full')
      },
    })
    const database = await open(provider, 'counts')
    full = true
    const batch = database.batch()
    batch.put(Buffer.from('row'), Buffer.from('value'))
    expect(() => database.apply(batch, position)).toThrow('full')
    expect(database.position).toMatchObject(nothingCommitted)
    await database.close()
    const again = await open(provider, 'counts')
    expect(again.position).toMatchObject(nothingCommitted)
    expect(again.store.get(Buffer.from('row'))).toBeUndefined()
  })

  it('should give each store a prefix of its own that it keeps when stores come and go', async () => {
    const provider = new MemoryStoreProvider()
    const first = await open(provider, 'a', 'b')
    const prefix = first.prefix('b', section.rows)
    expect(first.prefix('a', section.rows)).not.toEqual(prefix)
    expect(first.prefix('b', section.expiry)).not.toEqual(prefix)
    first.apply(first.batch(), position)
    await first.close()
    const second = await open(provider, 'c', 'b')
    expect(second.prefix('b', section.rows)).toEqual(prefix)
    second.apply(second.batch(), position)
    await second.close()
    const third = await open(provider, 'a', 'b', 'c')
    const prefixes = ['a', 'b', 'c'].map((name) => third.prefix(name, section.rows).toString('hex'))
    expect(new Set([...prefixes, first.prefix('a', section.rows).toString('hex')]).size).toBe(4)
  })

  it('should delete the rows of a store that is gone, and have it restored from its beginning when it comes back', async () => {
    let writesLeft = Number.POSITIVE_INFINITY
    const beforeWrite = () => {
      if (writesLeft-- <= 0) throw new Error('the process ends here')
    }
    const provider = new MemoryStoreProvider({ beforeWrite })
    const first = await open(provider, 'counts', 'sums')
    const batch = first.batch()
    const placeOf = (name: string, part: number, n: number) =>
      Buffer.concat([first.prefix(name, part), Buffer.from(`k${n}`)])
    for (let n = 0; n < 25; n++) batch.put(placeOf('sums', section.rows, n), Buffer.from('1'))
    batch.put(placeOf('sums', section.expiry, 1), Buffer.alloc(0))
    batch.put(placeOf('counts', section.rows, 1), Buffer.from('1'))
    first.apply(batch, { ...position, changelogOffsets: { counts: 12, sums: 3 } })
    await first.close()

    // However often it is interrupted.
    for (const writes of [0, 1]) {
      writesLeft = writes
      const opened = open(provider, 'counts')
      await expect(opened).rejects.toThrow('the process ends here')
    }
    writesLeft = Number.POSITIVE_INFINITY
    const again = await open(provider, 'counts', 'sums')
    expect(again.position.changelogOffsets).toEqual({ counts: 12 })
    expect(again.prefix('sums', section.rows)).not.toEqual(first.prefix('sums', section.rows))
    const keys = [...again.store.range({})].map(({ key }) => key.subarray(3).toString())
    expect(keys).toEqual(['', 'k1'])
  })

  it.each([
    ['what is not JSON', 'no json'],
    ['another format', JSON.stringify({ format: 999 })],
  ])('should begin anew where the position is %s', async (_, metadata) => {
    const provider = new MemoryStoreProvider()
    const store = await provider.open('app/task')
    const batch = store.batch()
    batch.put(Buffer.from([0, 0, 0]), Buffer.from(metadata))
    batch.put(Buffer.from('row'), Buffer.from('value'))
    store.write(batch)
    await store.close()
    const database = await open(provider, 'counts')
    expect(database.position).toMatchObject(nothingCommitted)
    expect(database.store.get(Buffer.from('row'))).toBeUndefined()
  })

  it('should begin anew when a store has another time to live, whose index would not fit', async () => {
    const provider = new MemoryStoreProvider()
    const database = await TaskDatabase.open(provider, 'app/task', [{ name: 'counts', ttlMs: 1_000 }])
    database.apply(database.batch(), position)
    await database.close()
    const same = await TaskDatabase.open(provider, 'app/task', [{ name: 'counts', ttlMs: 1_000 }])
    expect(same.position).toMatchObject(position)
    await same.close()
    const changed = await TaskDatabase.open(provider, 'app/task', [{ name: 'counts', ttlMs: 2_000 }])
    expect(changed.position).toMatchObject(nothingCommitted)
  })
})

describe('endOfPrefix', () => {
  it.each([
    [
      [1, 2],
      [1, 3],
    ],
    [[1, 0xff], [2]],
    [
      [0xff, 0xff],
      [0xff, 0xff, 0xff],
    ],
  ])('should be the first key behind all that begin with %j', (prefix, end) => {
    expect([...endOfPrefix(Buffer.from(prefix))]).toEqual(end)
  })
})
